"""Addresses of a cluster's scheduler."""

from __future__ import annotations

import ipaddress
import re

DEFAULT_PORT = 8786
_FORM = re.compile(r"(tls|tcp)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")


def checked_address(text: str) -> str:
    """An address with its port, as Dask takes it: ``tls://office-1:8786``.

    Raises
    ------
    ValueError
        If it is no address, or would send photos and faces over a network without TLS.
    """
    found = _FORM.fullmatch(text)
    if found is None or int(found[3] or 1) not in range(1, 65536):
        raise ValueError(f"{text!r} is no address of a cluster: write tls://HOST:{DEFAULT_PORT}")
    scheme, host, port = found[1], found[2], found[3] or DEFAULT_PORT
    if scheme == "tcp" and not is_this_machine(host):
        raise ValueError(
            f"{text!r} would be reached without TLS, which is for this machine only (tcp://127.0.0.1:{port}): "
            f"write tls://{host}:{port}, and make certificates with `facesort cluster certificates`"
        )
    return f"{scheme}://{host}:{port}"


def is_this_machine(host: str) -> bool:
    """Whether only programs on this machine reach a host."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
