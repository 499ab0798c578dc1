"""The API of Amazon Rekognition, as its own clients speak it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from facesort.serve.rekognition.protocol import CONTENT_TYPE, Endpoint
from facesort.serve.service import Service


def router(service: Service) -> APIRouter:
    """Routes of this room."""
    router, endpoint = APIRouter(), Endpoint(service)

    @router.post("/", include_in_schema=False)
    async def call(request: Request) -> Response:
        status, body, headers = await run_in_threadpool(
            endpoint.answer, request.headers.items(), await request.body()
        )
        return Response(body, status, headers, CONTENT_TYPE)

    return router
