"""The scheduler of a cluster: where its workers and the sort meet."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from distributed import Scheduler
from distributed.comm.addressing import unparse_host_port

from facesort.engine.cluster.certificates import Role, read_certificates
from facesort.engine.cluster.dask_settings import PAGES, as_facesort_needs_it
from facesort.errors import ClusterError
from facesort.settings import is_this_machine

_ANY = {"0.0.0.0": socket.AF_INET, "::": socket.AF_INET6}


def run_scheduler(
    bind: str, port: int, certificates: Path | None, started: Callable[[str], None]
) -> None:
    """Let workers and sorts meet, until this process is interrupted.

    Parameters
    ----------
    bind : str
        Address to listen at; one that others can reach needs certificates.
    started : callable of str
        Called with the address that others connect to.

    Raises
    ------
    ClusterError
        If the certificates cannot be used, or the address is not free.
    """
    if certificates is None and not is_this_machine(bind):
        raise ClusterError(
            f"others can reach {bind}: give --certificates DIR, which `facesort cluster certificates DIR` makes"
        )
    options: dict[str, Any] = {"protocol": "tcp", "host": bind, "port": port}
    if certificates is not None:
        security = read_certificates(certificates, Role.SCHEDULER)
        options |= {"protocol": "tls", "security": security}
    with as_facesort_needs_it():
        asyncio.run(_run(lambda: started(_reached_at(**options)), **options))


async def _run(started: Callable[[], None], **options: Any) -> None:
    try:
        scheduler = await Scheduler(dashboard_address=PAGES, **options)
    except RuntimeError as error:  # Dask's own around the system's
        if not isinstance(error.__cause__, OSError):
            raise
        words = error.__cause__.strerror or error.__cause__
        raise ClusterError(
            f"cannot listen at {options['host']}, port {options['port']} ({words}): give another --bind or --port"
        ) from error
    async with scheduler:
        started()
        await scheduler.finished()


def _reached_at(protocol: str, host: str, port: int, **_: object) -> str:
    """The address for others; where all of this machine's are listened at, the first of them."""
    # Dask would take the one that leads to the internet; an office may have none.
    if family := _ANY.get(host):
        own = [
            a.address for each in psutil.net_if_addrs().values() for a in each if a.family is family
        ]
        host = next((address for address in own if not is_this_machine(address)), host)
    return f"{protocol}://{unparse_host_port(host, port)}"
