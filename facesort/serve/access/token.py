"""The token of the plain REST and the pages: a bearer's, or that of the cookie that `/login` sets."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from hashlib import sha256

from fastapi import HTTPException, Request, status

from facesort.serve.service import Service
from facesort.serve.watch import note

COOKIE = "facesort"
NEEDED = "send the token that was shown at first start, as Authorization: Bearer TOKEN, or log in at /login"


def required(service: Service) -> Callable[[Request], None]:
    """A dependency that refuses a request without the token (401), and sends a browser to `/login`."""

    def check(request: Request) -> None:
        if has_token(service, request):
            note(who="token")
        elif request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            raise HTTPException(status.HTTP_303_SEE_OTHER, headers={"Location": "/login"})
        else:
            raise HTTPException(
                status.HTTP_401_UNAUTHORIZED,
                NEEDED,
                {"WWW-Authenticate": "Bearer"},
            )

    return check


def has_token(service: Service, request: Request) -> bool:
    """Whether a request presents the token, or the cookie that `/login` sets."""
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return is_token(service, given.strip())
    return is_session(service, request.cookies.get(COOKIE, ""))


def is_token(service: Service, given: str) -> bool:
    """Whether this is the token; takes as long for a wrong one."""
    return hmac.compare_digest(given.encode(), service.credentials.secret.encode())


def session_of(service: Service) -> str:
    """What the cookie holds: made of the token, and not the token itself; a new token ends all sessions."""
    return hmac.new(service.credentials.secret.encode(), b"session", sha256).hexdigest()


def is_session(service: Service, given: str) -> bool:
    """Whether a cookie was set by this service."""
    return hmac.compare_digest(given.encode(), session_of(service).encode())
