"""How the service is, and what it can be asked."""

from __future__ import annotations

from importlib import metadata
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse
from jinja2 import Environment

from facesort.serve import access
from facesort.serve.rest import models
from facesort.serve.service import Service

_LIBRARIES = ("facesort", "onnxruntime", "numpy", "fastapi")


def health(service: Service) -> APIRouter:
    """Whether the service answers; more to who has the token."""
    routes = APIRouter(tags=["about"])
    finder = service.finder
    full = models.Health(
        pack=finder.pack.name,
        pack_id=finder.pack.pack_id,
        dimension=finder.dim,
        backend=finder.backend,
        versions={name: metadata.version(name) for name in _LIBRARIES},
    )

    @routes.get("/health", response_model_exclude_none=True)
    def health(request: Request) -> models.Health:
        """Whether the service answers; with the token also its model pack and what runs it."""
        return full if access.has_token(service, request) else models.Health()

    return routes


def description() -> APIRouter:
    """The OpenAPI description, and a page of it."""
    routes = APIRouter(include_in_schema=False)
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        files("facesort.serve.rest").joinpath("docs.html").read_text(encoding="utf-8")
    )

    @routes.get("/openapi.json")
    def described(request: Request) -> JSONResponse:
        return JSONResponse(request.app.openapi())

    @routes.get("/docs")
    def show(request: Request) -> HTMLResponse:
        told: dict[str, Any] = request.app.openapi()
        return HTMLResponse(page.render(told=told, schemas=told["components"]["schemas"]))

    return routes
