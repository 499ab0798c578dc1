"""How much is let in: requests at a time, bytes of a body, and seconds that it may take to arrive."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facesort.serve.access.refusal import RefusedRequest, is_aws, refuse
from facesort.serve.access.signatures import claimed
from facesort.serve.access.token import NEEDED, has_token
from facesort.serve.service import MOST_BODY_BYTES, MOST_UPLOAD_BYTES, RETRY_S, Service
from facesort.serve.watch.metrics import Metrics

UNCOUNTED = frozenset({"/health", "/metrics"})
"""Paths that answer however much is waiting."""
_SPARE_THREADS = 8  # for those
_SLOWEST_S = 60.0
_MOST_BYTES = 256 << 20  # of all bodies together
_MOST_DISCARDED_BYTES = 64 << 20
_STRANGERS, _STRANGERS_BYTES, _STRANGERS_SLOWEST_S = 16, 65_536, 5.0


@dataclass(frozen=True, slots=True)
class _Refused:
    """What a request is told that is not let in."""

    status: int
    error: str
    sentence: str
    wait_s: int | None = None


@dataclass(slots=True)
class _Places:
    """Those of one kind of callers, and how many bytes are in them."""

    most: int
    slowest_s: float
    taken: int = 0
    held: int = 0

    def has_room(self, size: int) -> bool:
        return self.taken < self.most and self.held + size <= _MOST_BYTES

    def count(self, more: int, size: int) -> None:
        self.taken += more
        self.held += size


@dataclass(frozen=True, slots=True)
class _Terms:
    """On which a request is let in: its places, bytes that its body may have, and what is said to a larger one.

    A body that is `streamed` is handed on as it comes; every other one is in memory first.
    """

    places: _Places
    limit: int
    too_large: _Refused
    streamed: bool = False


class _NotTakenError(Exception):
    """A body that is streamed is too large, or comes too slowly."""

    def __init__(self, refused: _Refused) -> None:
        super().__init__(refused.sentence)
        self.refused = refused


class Streams:
    """Answers that would never end by themselves."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[object]] = set()
        self._ended = False

    def add(self, task: asyncio.Task[object]) -> None:
        """One begins; it ends at once if all have to."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self._ended:
            task.cancel()

    def __contains__(self, task: object) -> bool:
        return task in self._tasks

    def end(self) -> None:
        """End them, so that the service can stop; to be called in the event loop."""
        self._ended = True
        for task in self._tasks:
            task.cancel()


class Admitted:
    """Middleware that bounds what is held in memory.

    A request counts from its first header until its answer is sent; a stream of events only until it begins.  The body
    is read here, whole, before a room sees the request; that of a video goes into a file, piece by piece.  Who shows no
    credentials has few places of their own, small bodies and little time, and so takes nothing from those who do.

    Parameters
    ----------
    service : Service
        Its credentials, and `most_waiting`: requests at a time; more are told to come back.
    uploads : collection of str
        Paths that take photos as a camera writes them.
    streamed : str
        Path that takes a video, in a file.
    """

    def __init__(
        self,
        app: ASGIApp,
        service: Service,
        metrics: Metrics,
        streams: Streams,
        uploads: Collection[str] = (),
        streamed: str = "",
    ) -> None:
        self._app, self._service, self._metrics, self._streams = app, service, metrics, streams
        self._uploads, self._streamed = frozenset(uploads), streamed
        self._known = _Places(service.options.most_waiting, _SLOWEST_S)
        self._strangers = _Places(_STRANGERS, _STRANGERS_SLOWEST_S)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            threads = self._known.most + self._strangers.most + _SPARE_THREADS
            to_thread.current_default_thread_limiter().total_tokens = threads
        if scope["type"] != "http" or scope["path"] in UNCOUNTED:
            await self._app(scope, receive, send)
            return
        terms = self._terms(scope)
        announced = _announced(Headers(scope=scope), terms.limit)
        size = announced if announced <= terms.limit and not terms.streamed else 0
        if terms.places.has_room(size):
            await self._answer(scope, receive, send, terms, size)
        else:
            patience = 0 if terms.places is self._strangers else _SLOWEST_S
            sentence = "as much is being answered already as this service takes: try again soon"
            busy = _Refused(503, "ThrottlingException", sentence, RETRY_S)
            await _refuse(scope, receive, send, busy, patience)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, terms: _Terms, size: int
    ) -> None:
        task, counted = asyncio.current_task(), True
        self._count(terms.places, 1, size)

        async def send_counted(message: Message) -> None:
            nonlocal counted
            if counted and _is_stream(message) and task is not None:
                counted = False
                self._count(terms.places, -1, -size)
                self._streams.add(task)
            await send(message)

        try:
            if terms.streamed:
                await self._app(scope, _measured(scope, receive, terms), send_counted)
            elif (body := await _read(scope, receive, send, terms)) is not None:
                await self._app(scope, _replay(body, receive), send_counted)
        except _NotTakenError as error:
            await _refuse(scope, receive, send, error.refused, terms.places.slowest_s)
        except asyncio.CancelledError:
            if task not in self._streams:
                raise
            await send({"type": "http.response.body", "body": b""})
        finally:
            if counted:
                self._count(terms.places, -1, -size)

    def _terms(self, scope: Scope) -> _Terms:
        """Those of who shows credentials, or those of a stranger."""
        if (refused := _shows_nothing(scope, self._service)) is not None:
            return _Terms(self._strangers, _STRANGERS_BYTES, refused)
        streamed = scope["path"] == self._streamed
        if streamed:
            limit = self._service.options.most_video_bytes
        else:
            limit = MOST_UPLOAD_BYTES if scope["path"] in self._uploads else MOST_BODY_BYTES
        sentence = f"a request has at most {limit:,} bytes here"
        too_large = _Refused(413, "ImageTooLargeException", sentence)
        return _Terms(self._known, limit, too_large, streamed)

    def _count(self, places: _Places, more: int, size: int) -> None:
        places.count(more, size)
        self._metrics.in_flight.set(self._known.taken + self._strangers.taken)


def _announced(headers: Headers, limit: int) -> int:
    """Bytes of the body; the most that is allowed if the client does not say how many."""
    if "transfer-encoding" in headers:
        return limit
    return int(headers.get("content-length", "0"))


def _is_stream(message: Message) -> bool:
    headers = Headers(raw=message.get("headers", []))
    return headers.get("content-type", "").startswith("text/event-stream")


def _shows_nothing(scope: Scope, service: Service) -> _Refused | None:
    """How to refuse who shows no credentials; of a signature only the access key id can be looked at yet."""
    if not is_aws(scope):
        known = has_token(service, Request(scope))
        return None if known else _Refused(401, "AccessDeniedException", NEEDED)
    try:
        claimed(Headers(scope=scope).items(), service.credentials)
    except RefusedRequest as error:
        return _Refused(400, error.error, error.sentence)
    return None


async def _read(scope: Scope, receive: Receive, send: Send, terms: _Terms) -> bytes | None:
    """The body; None if the client is gone, or was refused."""
    slowest_s = terms.places.slowest_s
    if _announced(Headers(scope=scope), terms.limit) > terms.limit:
        await _refuse(scope, receive, send, terms.too_large, slowest_s)
        return None
    body, more = bytearray(), True
    try:
        async with asyncio.timeout(slowest_s):
            while more and len(body) <= terms.limit:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                body += message.get("body", b"")
                more = message.get("more_body", False)
    except TimeoutError:
        await _refuse(scope, receive, send, _late(terms), 0)
        return None
    if len(body) > terms.limit:
        del body
        await _refuse(scope, receive, send, terms.too_large, slowest_s if more else 0)
        return None
    return bytes(body)


def _measured(scope: Scope, receive: Receive, terms: _Terms) -> Receive:
    """Give a body as it comes, until it is too large, or stands still."""
    taken = 0

    async def measured() -> Message:
        nonlocal taken
        if _announced(Headers(scope=scope), 0) > terms.limit:
            raise _NotTakenError(terms.too_large)
        try:
            async with asyncio.timeout(terms.places.slowest_s):
                message = await receive()
        except TimeoutError:
            raise _NotTakenError(_late(terms)) from None
        taken += len(message.get("body", b""))
        if taken > terms.limit:
            raise _NotTakenError(terms.too_large)
        return message

    return measured


def _late(terms: _Terms) -> _Refused:
    sentence = f"the request did not arrive within {terms.places.slowest_s:.0f} s"
    return _Refused(408, "RequestTimeoutException", sentence)


async def _refuse(
    scope: Scope, receive: Receive, send: Send, refused: _Refused, patience_s: float
) -> None:
    """Answer, and then take what is still being sent: clients look for an answer when they are done."""

    async def send_and_take(message: Message) -> None:
        if message["type"] == "http.response.body" and patience_s:
            await send({**message, "more_body": True})
            await _discard(receive, patience_s)
            message = {"type": "http.response.body", "body": b""}
        await send(message)

    said = refused.status, refused.error, refused.sentence
    await refuse(scope, send_and_take, *said, wait_s=refused.wait_s)


async def _discard(receive: Receive, patience_s: float) -> None:
    taken, more = 0, True
    with suppress(TimeoutError):
        async with asyncio.timeout(patience_s):
            while more and taken <= _MOST_DISCARDED_BYTES:
                message = await receive()
                taken += len(message.get("body", b""))
                more = message.get("more_body", False)  # not if the client is gone


def _replay(body: bytes, receive: Receive) -> Receive:
    """Give the body at once, then what else the client says: that it is gone."""
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return left.pop() if left else await receive()

    return replay
