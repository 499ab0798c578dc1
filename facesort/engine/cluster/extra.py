"""The extra that a cluster needs; nothing else of facesort does."""

from __future__ import annotations

from importlib.util import find_spec

from facesort.errors import ClusterError


def need_extra() -> None:
    """Say what to install, before anything of it is imported.

    Raises
    ------
    ClusterError
        If the extra is not installed.
    """
    for name in ("cryptography", "distributed"):
        if find_spec(name) is None:
            raise ClusterError(
                f"more than one machine needs {name}, which is not installed: pip install 'facesort[dask]'"
            )
