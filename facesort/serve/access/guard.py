"""Host and Origin: a page of another site must not reach a service that listens on the user's own machine."""

from __future__ import annotations

import logging
from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facesort.serve.access.refusal import refuse

log = logging.getLogger(__name__)

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
# Not `no-referrer`: browsers then send `Origin: null` with the service's own forms.
_ALWAYS = {
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Hardened:
    """Middleware that gives every answer the headers which keep a browser from doing more with it than show it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def harden(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=list(message.get("headers", ())))
                headers.update(_ALWAYS)
                headers.setdefault("Cache-Control", "no-store")
                message["headers"] = headers.raw
            await send(message)

        await self._app(scope, receive, harden)


class Guarded:
    """Middleware that refuses foreign names and foreign pages.

    An error that nobody expected is logged, and answered without a word about it.

    Parameters
    ----------
    hosts : collection of str
        Names that are this service, without a port.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or _name(hosts[0]) not in self._hosts:
            sentence = (
                "this service has another name: call it by that, or start it with --host NAME"
            )
            await refuse(scope, send, 421, "AccessDeniedException", sentence)
        elif scope["method"] not in _READING and not all(_is_at(o, hosts[0]) for o in origins):
            sentence = "this was sent by a page of another site, which may not change anything here"
            await refuse(scope, send, 403, "AccessDeniedException", sentence)
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def send_on(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_on)
        except Exception:  # every other error than those that a room answers is a bug
            log.exception("a request failed")
            if begun:
                raise
            sentence = "something went wrong here; the log says more under the id of this request"
            await refuse(scope, send, 500, "InternalServerError", sentence)


def _name(host: str) -> str:
    """The name in a Host header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _is_at(origin: str, host: str) -> bool:
    """Whether an origin is the place that was asked, port included: other ports are other programs."""
    scheme, _, place = origin.partition("://")
    return scheme in {"http", "https"} and place.lower() == host.lower()
