"""`/login` and `/logout`: a browser gets a cookie for the token."""

from __future__ import annotations

import time
from collections import deque
from importlib.resources import files
from typing import Annotated

from fastapi import APIRouter, Form, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from facesort.core.text.foreign_text import html_text
from facesort.serve.access.token import COOKIE, is_token, session_of
from facesort.serve.service import Service

_WRONG_TRIES, _WITHIN_S = 10, 60.0


def router(service: Service) -> APIRouter:
    """Routes of the login."""
    routes = APIRouter(include_in_schema=False)
    wrong: deque[float] = deque(maxlen=_WRONG_TRIES)

    @routes.get("/login")
    def ask() -> Response:
        return _page("")

    @routes.post("/login")
    def log_in(token: Annotated[str, Form()] = "") -> Response:
        if not is_token(service, token.strip()):
            now = time.monotonic()
            if len(wrong) == _WRONG_TRIES and now - wrong[0] < _WITHIN_S:
                wait = str(round(_WITHIN_S))
                return _page("Too many wrong tokens. Wait a minute.", 429, {"Retry-After": wait})
            wrong.append(now)
            return _page("This is not the token.", 403)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            COOKIE,
            session_of(service),
            httponly=True,
            samesite="strict",
            secure=service.options.tls,
        )
        return answer

    @routes.post("/logout")
    def log_out() -> Response:
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(COOKIE)
        return answer

    return routes


def _page(trouble: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    page = files("facesort.serve.access").joinpath("login.html").read_text(encoding="utf-8")
    said = f'<p role="alert">{html_text(trouble)}</p>' if trouble else ""
    return HTMLResponse(page.replace("<!-- trouble -->", said), status, headers)
