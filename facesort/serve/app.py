"""Put the rooms together."""

from __future__ import annotations

from fastapi import APIRouter, Depends, FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.formparsers import MultiPartParser

from facesort.serve import access, operator, rekognition, rest
from facesort.serve.access import login
from facesort.serve.access.admission import Admitted, Streams
from facesort.serve.access.errors import explain_errors
from facesort.serve.access.guard import Guarded, Hardened
from facesort.serve.service import MOST_UPLOAD_BYTES, Service
from facesort.serve.watch.audit import AuditLog
from facesort.serve.watch.metrics import Metrics
from facesort.serve.watch.requests import Watched
from facesort.version import __version__

# A photo that a client sends is never put into a file: a form's upload stays in memory, where its size is bounded.
MultiPartParser.spool_max_size = MOST_UPLOAD_BYTES


def create_app(service: Service) -> FastAPI:
    """The service as an ASGI application.

    Its `state` has `service`, and `streams`, which whoever stops it has to end first.
    """
    app = FastAPI(
        title="facesort",
        version=__version__,
        openapi_url=None,  # the plain REST describes it, to who has the token
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # it would send clients behind a proxy to http
    )
    metrics, streams = Metrics(), Streams()
    app.state.service, app.state.streams = service, streams
    for router in (rekognition.router, rest.router, operator.router, login.router):
        app.include_router(router(service))
    app.include_router(_metrics_router(service, metrics))
    explain_errors(app)
    options = service.options
    # The last one is outermost.
    app.add_middleware(
        Admitted,
        service=service,
        metrics=metrics,
        streams=streams,
        uploads=operator.UPLOADS,
        streamed=rest.STREAMED,
    )
    app.add_middleware(Guarded, hosts=options.hosts)
    app.add_middleware(Watched, metrics=metrics, audit=AuditLog(options.data))
    app.add_middleware(Hardened)
    return app


def _metrics_router(service: Service, metrics: Metrics) -> APIRouter:
    router = APIRouter(dependencies=[Depends(access.required(service))])

    @router.get("/metrics", include_in_schema=False)
    def show() -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return router
