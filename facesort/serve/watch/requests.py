"""Every request gets an id, a line in the log, its place in the metrics, and one in the audit log."""

from __future__ import annotations

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facesort.serve.watch.audit import AuditLog
from facesort.serve.watch.metrics import Metrics
from facesort.serve.watch.noted import CURRENT, Noted

log = logging.getLogger(__name__)


class Watched:
    """Middleware around everything that can answer."""

    def __init__(self, app: ASGIApp, metrics: Metrics, audit: AuditLog) -> None:
        self._app, self._metrics, self._audit = app, metrics, audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        noted, status, began = Noted(), 0, time.perf_counter()
        token = CURRENT.set(noted)

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *_ids(noted)]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            noted.operation = noted.operation or _route(scope)
            self._write_down(noted, status, time.perf_counter() - began)
            # Not each look of Prometheus, or of the tracker's page.
            if noted.collection or (noted.who and scope["method"] != "GET"):
                self._write_audit(noted, status)
            CURRENT.reset(token)

    def _write_down(self, noted: Noted, status: int, seconds: float) -> None:
        self._metrics.count(noted, status, seconds)
        facts = {
            "operation": noted.operation or "other",
            "who": noted.who,
            "status": status,
            "ms": round(1000 * seconds, 1),
        }
        log.info(
            "request", extra={"facts": facts | ({"error": noted.error} if noted.error else {})}
        )

    def _write_audit(self, noted: Noted, status: int) -> None:
        try:
            self._audit.write(noted, status)
        except OSError:
            log.exception("the audit log cannot be written")


def _ids(noted: Noted) -> list[tuple[bytes, bytes]]:
    value = noted.request_id.encode()
    return [(b"x-request-id", value), (b"x-amzn-requestid", value)]


def _route(scope: Scope) -> str:
    """The template of the route that answered; empty where none did, as for a method that it does not have."""
    route = scope.get("route")
    known = scope["method"] in (getattr(route, "methods", None) or ())
    return f"{scope['method']} {route.path}" if route is not None and known else ""
