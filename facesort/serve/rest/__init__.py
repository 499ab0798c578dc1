"""Plain REST: detect, embed, index, search, also in videos; what similarities mean; how it is; its description."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from facesort.serve import access
from facesort.serve.access.errors import refusals
from facesort.serve.rest import about, faces, similarity, videos
from facesort.serve.rest.videos import STREAMED as STREAMED
from facesort.serve.service import Service


def router(service: Service) -> APIRouter:
    """Routes of this room."""
    routes = APIRouter()
    routes.include_router(about.health(service))
    guarded = APIRouter(
        dependencies=[Depends(access.required(service))],
        responses=refusals(401, 422, 503),
    )
    for part in (
        faces.router(service),
        similarity.router(service),
        videos.router(service),
        about.description(),
    ):
        guarded.include_router(part)
    routes.include_router(guarded)
    return routes
