"""The operator's pages and the tracker: set up, seed, start and watch a sort."""

from __future__ import annotations

from fastapi import APIRouter

from facesort.serve.operator import api, pages, style
from facesort.serve.operator.api import Operator
from facesort.serve.service import Service

UPLOADS = ("/people", "/api/operator/seed-person")
"""Paths that take photos as a camera writes them."""


def router(service: Service) -> APIRouter:
    """Routes of this room."""
    operator = Operator.of(service)
    room = APIRouter()
    room.include_router(api.router(operator))
    room.include_router(pages.router(operator))
    room.include_router(style.router())
    return room
