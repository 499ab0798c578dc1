"""What is refused before a room sees it, and what every answer carries."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from drawn_service import CREDENTIALS, Live, listening
from fastapi import FastAPI, Request
from starlette.responses import StreamingResponse
from starlette.testclient import TestClient

from facesort.serve.access import admission
from facesort.serve.app import create_app
from facesort.serve.service import MOST_BODY_BYTES, Service
from facesort.serve.watch import note

BUSY = "ThrottlingException"
# As far as it can be looked at before the body is there.
SIGNED = {
    "Authorization": f"AWS4-HMAC-SHA256 Credential={CREDENTIALS.access_key_id}/20260101/us-east-1/rekognition/"
    f"aws4_request, SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
}


@pytest.fixture(scope="module")
def app(service: Service) -> FastAPI:
    app = create_app(service)

    @app.post("/echo")
    async def echo(request: Request) -> int:
        return len(await request.body())

    @app.get("/fails/{what}")
    def fails(what: str) -> None:
        raise ValueError(f"a secret of {what}")

    @app.get("/noted/{name}")
    def noted(name: str) -> None:
        note(who="somebody", collection=name, indexed=2, searched=7)

    @app.get("/stream")
    def stream() -> StreamingResponse:
        return StreamingResponse(iter([b"data: 1\n\n"]), media_type="text/event-stream")

    return app


@pytest.fixture(scope="module")
def door(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8765", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:8765", 200),
        ("[::1]", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("localhost.", 421),
        ("", 421),
        ("[::1", 200),
    ],
)
def test_only_its_own_names_are_answered(door: TestClient, host: str, status: int) -> None:
    assert door.get("/login", headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 200),
        ("http://testserver", 200),
        ("https://testserver", 200),
        ("http://testserver:3000", 403),
        ("http://localhost", 403),
        ("https://evil.example", 403),
        ("null", 403),
        ("", 403),
        ("file://testserver", 403),
    ],
)
def test_a_page_of_another_origin_changes_nothing(
    door: TestClient, origin: str | None, status: int
) -> None:
    headers = {} if origin is None else {"Origin": origin}

    assert door.post("/echo", headers=headers).status_code == status
    assert door.get("/login", headers=headers).status_code == 200


def test_clients_of_aws_are_refused_in_their_own_words(door: TestClient) -> None:
    answer = door.post("/", headers={"Origin": "https://evil.example"})

    assert answer.status_code == 400
    assert answer.json()["__type"] == "AccessDeniedException"
    assert answer.headers["content-type"] == "application/x-amz-json-1.1"


def test_every_answer_is_hardened_and_has_an_id(door: TestClient) -> None:
    ids = set()
    for answer in (
        door.get("/login"),
        door.get("/nothing"),
        door.get("/fails/me"),
        door.get("/login", headers={"Host": "evil.example"}),
    ):
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["x-request-id"] == answer.headers["x-amzn-requestid"]
        ids.add(answer.headers["x-request-id"])
    assert len(ids) == 4


def test_a_body_is_bounded_by_what_it_says_and_by_what_it_is(
    door: TestClient, bearer: dict[str, str]
) -> None:
    assert door.post("/echo", headers=bearer, content=b"x" * 100_000).json() == 100_000

    announced = bearer | {"Content-Length": str(MOST_BODY_BYTES + 1)}
    assert door.post("/echo", headers=announced, content=b"x").status_code == 413

    def endless() -> Iterator[bytes]:
        for _ in range(MOST_BODY_BYTES // 1_000_000 + 1):
            yield b"x" * 1_000_000

    assert door.post("/echo", headers=bearer, content=endless()).status_code == 413
    refused = door.post("/", headers=SIGNED, content=endless())
    assert (refused.status_code, refused.json()["__type"]) == (400, "ImageTooLargeException")


def test_all_bodies_together_are_bounded(
    door: TestClient, bearer: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "_MOST_BYTES", 1000)

    for _ in range(2):  # the first one is done then
        assert door.post("/echo", headers=bearer, content=b"x" * 1000).json() == 1000
    refused = door.post("/", headers=SIGNED, content=b"x" * 1001)
    assert (refused.status_code, refused.headers["retry-after"]) == (400, "1")
    assert refused.json()["__type"] == "ThrottlingException"


@pytest.mark.parametrize("known", [True, False])
def test_a_body_that_does_not_arrive_is_not_waited_for(
    service: Service, bearer: dict[str, str], known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "_SLOWEST_S" if known else "_STRANGERS_SLOWEST_S", 0.05)
    app = create_app(service)
    token = [(b"authorization", bearer["Authorization"].encode())] if known else []
    sent: list[dict[str, Any]] = []

    async def ask() -> None:
        async def receive() -> dict[str, Any]:
            await asyncio.sleep(60)
            raise AssertionError

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/echo",
            "headers": [(b"host", b"localhost"), *token],
        }
        await app(scope, receive, send)

    asyncio.run(ask())

    assert sent[0]["status"] == 408


def test_who_has_no_token_takes_no_place_from_those_who_have(service: Service) -> None:
    """Each sends headers, and never a body."""
    few = replace(service, options=replace(service.options, most_waiting=4))
    with listening(few) as live, ExitStack() as stack:
        for path in ("/", "/login", "/echo") * 8:
            idle = stack.enter_context(connected(live))
            idle.sendall(
                f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\n\r\n".encode()
            )

        with live.http() as http:
            assert http.get("/metrics").status_code == 200
            assert http.post("/nothing", content=b"x").status_code == 404
            assert http.post("/", headers=SIGNED, content=b"{}").json()["__type"] != BUSY
        with httpx.Client(base_url=live.url) as stranger:
            assert stranger.post("/", content=b"{}").json()["__type"] == BUSY


@pytest.mark.parametrize("size", [0, 60_000, 70_000, 6_000_000])
@pytest.mark.parametrize(
    ("signature", "error"),
    [
        ("", "MissingAuthenticationTokenException"),
        ("AWS4-HMAC-SHA256 Credential=", "IncompleteSignatureException"),
        (SIGNED["Authorization"].replace("=FACESORT", "=ANOTHER"), "UnrecognizedClientException"),
    ],
)
def test_clients_of_aws_read_what_is_wrong_with_their_keys(
    live: Live, signature: str, error: str, size: int
) -> None:
    headers = {"Authorization": signature} if signature else {}

    answer = httpx.post(live.url, headers=headers, content=b"x" * size)

    assert (answer.status_code, answer.json()["__type"]) == (400, error)


@pytest.mark.parametrize("path", ["/detect", "/login", "/nothing"])
def test_strangers_send_little(live: Live, path: str) -> None:
    assert httpx.post(live.url + path, content=b"x" * 70_000).status_code == 401


def test_a_refusal_is_read_by_clients_that_send_all_first(
    live: Live, service: Service, bearer: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def status(size: int, headers: dict[str, str]) -> int:
        client = http.client.HTTPConnection("127.0.0.1", int(live.url.rpartition(":")[2]))
        client.request("POST", "/detect", b"x" * size, headers)
        return client.getresponse().status

    assert [status(size, bearer) for size in (15_000_000, 40_000_000)] == [413, 413]
    assert status(40_000_000, {}) == 401
    monkeypatch.setattr(admission, "_MOST_BYTES", 1000)
    assert status(10_000_000, bearer) == 503


def test_an_error_that_nobody_expected_tells_nothing(
    door: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    answer = door.get("/fails/somebody")

    assert answer.status_code == 500
    assert "secret" not in answer.text and "ValueError" not in answer.text
    assert "a request failed" in caplog.messages


def test_the_audit_log_says_who_did_what_without_faces(door: TestClient, service: Service) -> None:
    request_id = door.get("/noted/wedding").headers["x-request-id"]

    [file] = service.options.data.glob("audit-*.jsonl")
    [entry] = [e for e in read(file) if e["request_id"] == request_id]
    del entry["at"]
    assert entry == {
        "request_id": request_id,
        "who": "somebody",
        "operation": "GET /noted/{name}",
        "collection": "wedding",
        "status": 200,
        "error": "",
        "indexed": 2,
        "deleted": 0,
    }
    assert file.stat().st_mode & 0o777 == 0o600


def test_looking_at_figures_is_not_audited(
    door: TestClient, service: Service, bearer: dict[str, str]
) -> None:
    looked = door.get("/metrics", headers=bearer).headers["x-request-id"]

    assert all(
        looked not in file.read_text() for file in service.options.data.glob("audit-*.jsonl")
    )


def test_an_upload_is_never_put_into_a_file(
    door: TestClient, bearer: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(tempfile.SpooledTemporaryFile, "rollover")

    form = {"image": ("photo.jpg", b"no photo " * 500_000, "image/jpeg")}
    assert door.post("/detect", headers=bearer, files=form).status_code == 422


def connected(live: Live) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(live.url.rpartition(":")[2])))


def read(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_metrics_need_the_token_and_name_nobody(door: TestClient, bearer: dict[str, str]) -> None:
    door.get("/noted/somebodys-wedding")
    door.get("/a/path/of/a/client")
    door.request("METHODOFACLIENT", "/login")

    assert door.get("/metrics").status_code == 401
    text = door.get("/metrics", headers=bearer).text
    assert 'facesort_requests_total{error="",operation="GET /noted/{name}",status="200"}' in text
    assert 'operation="other",status="404"' in text
    assert 'facesort_faces_total{done="searched"} ' in text
    assert "facesort_requests_in_flight 0.0" in text
    assert "somebodys" not in text and "/a/path" not in text and "METHODOFACLIENT" not in text


def test_a_browser_logs_in_with_the_token(service: Service) -> None:
    app = create_app(service)
    with TestClient(app, follow_redirects=False) as browser:
        sent_away = browser.get("/metrics", headers={"Accept": "text/html"})
        assert (sent_away.status_code, sent_away.headers["location"]) == (303, "/login")

        wrong = browser.post("/login", data={"token": "wrong"})
        assert (wrong.status_code, "not the token" in wrong.text) == (403, True)

        right = browser.post("/login", data={"token": f" {service.credentials.secret} "})
        assert (right.status_code, right.headers["location"]) == (303, "/")
        cookie = right.headers["set-cookie"].lower()
        assert "httponly" in cookie and "samesite=strict" in cookie and "secure" not in cookie
        assert service.credentials.secret not in right.headers["set-cookie"]
        assert browser.get("/metrics").status_code == 200

        browser.post("/logout")
        assert browser.get("/metrics").status_code == 401


def test_who_guesses_has_to_wait(service: Service) -> None:
    with TestClient(create_app(service)) as browser:
        tried = [browser.post("/login", data={"token": "wrong"}).status_code for _ in range(11)]
        assert tried == [403] * 10 + [429]
        assert browser.post("/login", data={"token": "x"}).headers["retry-after"] == "60"


def test_who_guesses_keeps_nobody_out(service: Service) -> None:
    with TestClient(create_app(service), follow_redirects=False) as browser:
        for _ in range(11):
            browser.post("/login", data={"token": "wrong"})
        assert browser.post("/login", data={"token": CREDENTIALS.secret}).status_code == 303
