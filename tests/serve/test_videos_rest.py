"""`/api/v1/videos`: a clip is sent, searched in a job, and gone."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from drawn_clips import Actor, every, stage, write_clip
from drawn_service import Live, credentials, drawn, listening, rekognition_at, started
from starlette.testclient import TestClient

from facesort.clock import utc_now
from facesort.core.collections.records import Collection
from facesort.core.faces.face_details import QualityFilter
from facesort.engine.collections.indexing import described, index, sifted
from facesort.serve.access import admission
from facesort.serve.service import Service

ANN, BOB, STRANGER = 1, 2, 7
VIDEOS = "/api/v1/videos"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Ann twice, Bob beside her, and two of the same face at once."""
    actors = [
        Actor(ANN, 0, 1000, lambda _: (20, 60)),
        Actor(ANN, 2400, 3000, lambda _: (350, 60)),
        Actor(BOB, 0, 2000, lambda _: (200, 60)),
        Actor(BOB, 0, 2000, lambda _: (500, 60)),
    ]
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return write_clip(path, stage(actors, every(40, 3000))).read_bytes()


@pytest.fixture(scope="module")
def event(service: Service) -> str:
    """A collection with the user *ann*, and a face of Bob that is nobody's."""
    pack = service.pack
    service.collections.create(
        Collection("event", utc_now(), pack.pack_id, service.finder.dim, pack.strict, pack.loose)
    )
    for identity in (ANN, BOB):
        faces, _ = sifted(described(service.finder.find(drawn(identity))), QualityFilter.NONE)
        indexed = index(service.collections, "event", faces, pack_id=pack.pack_id)
        if identity == ANN:
            service.collections.add_user("event", "ann")
            ids = [face.face_id for face in indexed]
            service.collections.associate("event", "ann", ids, within=2.0)
    return "event"


def send(client: Any, clip: Any, headers: dict[str, str], status: int = 202, **query: Any) -> Any:
    query = {"collection_id": "event"} | query
    answer = client.post(VIDEOS, content=clip, params=query, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


def ended(client: Any, job: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        told: dict[str, Any] = client.get(f"{VIDEOS}/{job['job_id']}", headers=headers).json()
        if told["state"] not in {"waiting", "running"}:
            return told
        time.sleep(0.05)
    raise AssertionError("the job does not end")


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def connected(live: Live) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(live.url.rpartition(":")[2])))


def uploads(service: Service) -> list[Path]:
    return list((service.options.data / "uploads").glob("*"))


def test_who_is_in_a_video_and_nothing_of_it_stays(
    client: TestClient, service: Service, bearer: dict[str, str], event: str, clip: bytes
) -> None:
    job = send(client, clip, bearer)
    assert (job["state"] in {"waiting", "running"}, job["found"]) == (True, None)

    told = ended(client, job, bearer)

    assert (told["state"], told["detail"], told["collection_id"]) == ("done", "", "event")
    video = told["found"]["video"]
    assert (video["duration_ms"], video["width"], video["every_ms"]) == (3000, 640, 200)
    ann, bob = sorted(told["found"]["persons"], key=lambda person: person["user_id"] is None)
    assert (ann["user_id"], bob["user_id"]) == ("ann", None)
    assert [(s["start_ms"], s["end_ms"]) for s in ann["segments"]] == [(0, 900), (2300, 3000)]
    assert all(s["similarity"] > 99 for s in ann["segments"])
    assert all(s["start_ms"] <= s["best_ms"] <= s["end_ms"] for s in ann["segments"])
    # Nobody is in one frame twice.
    assert len(bob["segments"]) == len(told["found"]["unknown"]) == 1
    assert told["found"]["unknown"][0]["similarity"] is None
    assert uploads(service) == []

    where = f"{VIDEOS}/{job['job_id']}"
    assert client.delete(where, headers=bearer).status_code == 204
    assert client.get(where, headers=bearer).status_code == 404
    assert client.delete(where, headers=bearer).status_code == 404


@pytest.mark.parametrize(
    ("sent", "reason"), [(b"no video", None), (drawn(1), "unsupported_format")]
)
def test_what_is_no_video(
    client: TestClient,
    service: Service,
    bearer: dict[str, str],
    event: str,
    sent: bytes,
    reason: Any,
) -> None:
    told = ended(client, send(client, sent, bearer), bearer)

    assert (told["state"], told["found"]) == ("failed", None)
    assert told["detail"].startswith("the video cannot be used: ")
    assert ".video" not in told["detail"]
    assert told["reason"] == reason if reason else told["reason"]
    assert uploads(service) == []


def test_what_is_refused_at_once(client: TestClient, bearer: dict[str, str], event: str) -> None:
    assert send(client, b"", bearer, 422)["reason"] == "empty_file"
    send(client, b"x", bearer, 404, collection_id="nowhere")
    send(client, b"x", bearer, 422, similarity=101)
    send(client, b"x", {}, 401)
    assert client.get(f"{VIDEOS}/{'0' * 32}", headers=bearer).status_code == 404
    assert client.get(f"{VIDEOS}/{'0' * 32}").status_code == 401


@pytest.fixture(scope="module")
def small(service: Service, event: str) -> Iterator[Live]:
    """The same service, but that it takes only videos of 3 MB."""
    with listening(
        replace(service, options=replace(service.options, most_video_bytes=3_000_000))
    ) as live:
        yield live


def pieces(number: int) -> Iterator[bytes]:
    for _ in range(number):
        yield b"x" * 100_000


@pytest.mark.parametrize("body", [b"x" * 3_000_001, pieces(31), pieces(200)])
def test_a_video_that_is_too_large_is_in_no_file(small: Live, body: Any) -> None:
    with small.http() as http:
        refused = send(http, body, {}, 413)
    assert refused["detail"] == "a request has at most 3,000,000 bytes here"
    assert uploads(small.service) == []


def test_a_video_that_does_not_arrive_is_in_no_file(
    small: Live, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with connected(small) as gone:
        head = f"POST {VIDEOS}?collection_id=event HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
        token = f"Authorization: {small.bearer['Authorization']}\r\n\r\n"
        gone.sendall(f"{head}{token}some".encode())
        until(lambda: len(uploads(small.service)) == 1)
        gone.close()
        until(lambda: uploads(small.service) == [])
        monkeypatch.setattr(admission, "_SLOWEST_S", 0.2)
        with listening(small.service) as impatient, connected(impatient) as late:
            late.sendall(f"{head}{token}some".encode())
            assert b" 408 " in late.recv(100)
    assert uploads(small.service) == []
    assert not [record for record in caplog.records if record.exc_info]


def test_a_service_that_stops_ends_its_videos(tmp_path: Path, clip: bytes) -> None:
    data = tmp_path / "data"
    with started(data, tmp_path) as (process, url):
        known = credentials(data)
        aws = rekognition_at(url, known["secret"], known["access_key_id"])
        aws.create_collection(CollectionId="event")
        with httpx.Client(base_url=url, timeout=60) as http:
            send(http, clip, {"Authorization": f"Bearer {known['secret']}"})
        assert len(list((data / "uploads").iterdir())) == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert list((data / "uploads").iterdir()) == []
