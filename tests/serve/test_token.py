from __future__ import annotations

from typing import Any

from fastapi import Depends, FastAPI
from starlette.testclient import TestClient

from facesort.serve import access
from facesort.serve.access.token import COOKIE, session_of
from facesort.serve.service import Service


def test_only_who_has_the_token_may_ask(service: Service) -> None:
    app = FastAPI()
    app.get("/", dependencies=[Depends(access.required(service))])(lambda: "in")
    client = TestClient(app)

    def asked(headers: dict[str, str] | dict[str, bytes]) -> int:
        return client.get("/", headers=headers).status_code

    token = service.credentials.secret
    assert asked({}) == 401
    assert asked({"Authorization": f"Bearer {token}"}) == 200
    for wrong in ("", "Bearer", "Bearer ", f"Bearer {token}x", f"Basic {token}", token, "Bearer é"):
        assert asked({"Authorization": wrong.encode()}) == 401, wrong
    assert asked({"Cookie": f"{COOKIE}={session_of(service)}"}) == 200
    assert asked({"Cookie": f"{COOKIE}={token}"}) == 401


def test_a_service_listens(live: Any, rekognition: Any) -> None:
    with live.http() as http:
        assert http.get("/nothing").status_code == 404
    assert rekognition.meta.endpoint_url == live.url
