"""Whether the scheduler of a cluster can be reached, in words."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from distributed import Security
from distributed.comm.addressing import parse_address, parse_host_port
from distributed.comm.core import connect

from facesort.engine.cluster.certificates import Role, read_certificates
from facesort.engine.cluster.dask_settings import as_facesort_needs_it
from facesort.errors import ClusterError

_WAIT_S = 5


def security_for(address: str, certificates: Path | None, role: Role) -> Security:
    """What a process shows and asks for at an address.

    Raises
    ------
    ClusterError
        If certificates are missing or cannot be used, or are given for an address that uses none.
    """
    if not address.startswith("tls:"):
        if certificates is not None:
            given = "--certificates"
            if role is Role.CLIENT:
                given += ", or `run.cluster_certificates` in facesort.toml"
            raise ClusterError(
                f"{address} uses no certificates: leave out {given}; or write tls:// as `facesort cluster start` does"
            )
        return Security()
    if certificates is None:
        raise ClusterError(
            f"{address} needs certificates: give their folder with --certificates (for every sort: "
            "`run.cluster_certificates` in facesort.toml); `facesort cluster certificates` makes them"
        )
    return read_certificates(certificates, role)


def check_scheduler(address: str, certificates: Path | None) -> Security:
    """Make sure that a sort can begin; returns what its client shows and asks for.

    Raises
    ------
    ClusterError
        If the certificates cannot be used, or no scheduler answers.
    """
    security = security_for(address, certificates, Role.CLIENT)
    with (
        ThreadPoolExecutor(1) as thread,
        as_facesort_needs_it(),
    ):  # a notebook's has a loop of its own
        why = thread.submit(asyncio.run, why_unreachable(address, security, Role.CLIENT)).result()
    if why:
        raise ClusterError(f"the scheduler at {address} cannot be reached: {why}")
    return security


async def why_unreachable(address: str, security: Security, role: Role) -> str:
    """Why no scheduler answers, and what to do, as the end of a sentence; empty if one does."""
    try:
        comm = await connect(address, timeout=_WAIT_S, **security.get_connection_args(str(role)))
    except (OSError, ValueError, MemoryError) as error:
        # Its last attempt may have run out of time where each one before it was refused.
        return _in_words(await _what_refuses(address) or error)
    await comm.close()
    return ""


async def _what_refuses(address: str) -> ConnectionRefusedError | None:
    try:
        host, port = parse_host_port(parse_address(address)[1])
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), _WAIT_S)
    except ConnectionRefusedError as error:
        return error
    except (OSError, ValueError):
        return None
    writer.close()
    return None


def _in_words(error: BaseException) -> str:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"its certificate is not trusted ({cause.verify_message}): copy the files of one `facesort cluster "
                "certificates` to all machines"
            )
        if isinstance(cause, ssl.SSLError):
            return "what listens there speaks no TLS: start it with --certificates"
        if isinstance(cause, ConnectionRefusedError):
            return "nobody listens there: start it with `facesort cluster start`"
        if isinstance(cause, ConnectionResetError):
            return "it ends the connection: write tls:// if it has certificates"
        if isinstance(cause, socket.gaierror):
            return "no machine has that name: check the address"
        if isinstance(cause, (MemoryError, ValueError)):
            return "what listens there is something else: check the address"
    return (
        f"no answer within {_WAIT_S} s: check the address, and whether a firewall lets its port in"
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
