"""Extras: libraries that only some commands need, and what to install where one is missing."""

from __future__ import annotations

from importlib.util import find_spec
from types import MappingProxyType
from typing import Literal, NamedTuple

from facesort.errors import ClusterError, FacesortError, PublishError, ServiceError

Extra = Literal["dask", "publish", "serve", "postgres"]


class _Need(NamedTuple):
    """Who needs an extra, and the modules of it that are looked for."""

    who: str
    modules: tuple[str, ...]
    error: type[FacesortError]


_NEEDS: MappingProxyType[Extra, _Need] = MappingProxyType(
    {
        "dask": _Need("more than one machine", ("cryptography", "distributed"), ClusterError),
        "publish": _Need("publishing", ("boto3", "botocore", "tenacity"), PublishError),
        "serve": _Need(
            "the service",
            ("botocore", "fastapi", "jinja2", "python_multipart", "uvicorn"),
            ServiceError,
        ),
        "postgres": _Need("PostgreSQL", ("psycopg",), ServiceError),
    }
)


def need_extra(extra: Extra) -> None:
    """Say what to install, before anything of an extra is imported.

    Raises
    ------
    ClusterError, PublishError, ServiceError
        If a module of it is not installed.
    """
    who, modules, error = _NEEDS[extra]
    for module in modules:
        if find_spec(module) is None:
            name = module.replace("_", "-")
            raise error(
                f"{who} needs {name}, which is not installed: pip install 'facesort[{extra}]'"
            )
