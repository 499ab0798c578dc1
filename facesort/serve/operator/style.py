"""The style of all pages of the service, and the script that keeps the tracker current."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files

from fastapi import APIRouter, Response

_FILES = {"facesort.css": "text/css", "facesort.js": "text/javascript"}


def router() -> APIRouter:
    """Routes that need no token, as the login has the same style."""
    routes = APIRouter(include_in_schema=False)
    for name, kind in _FILES.items():
        routes.add_api_route(f"/{name}", _sender(name, kind))
    routes.add_api_route("/favicon.ico", _no_icon)
    return routes


def _no_icon() -> Response:
    """Browsers ask for one."""
    return Response(status_code=204, headers={"Cache-Control": "max-age=86400"})


def _sender(name: str, kind: str) -> Callable[[], Response]:
    content = files("facesort.serve.operator").joinpath("static", name).read_bytes()

    def send() -> Response:
        return Response(content, media_type=kind, headers={"Cache-Control": "max-age=300"})

    return send
