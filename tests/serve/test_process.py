"""The process: it finishes what it accepted, tells too many clients to come back, and starts again after a kill."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from drawn_service import CREDENTIALS, rekognition_at

TESTS = Path(__file__).parents[1]
BEARER = {"Authorization": f"Bearer {CREDENTIALS.secret}"}

_CODE = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from starlette.responses import StreamingResponse
from drawn_service import make_service
from facesort.serve import app, server
from facesort.serve.watch.logs import log_as_json

real = app.create_app
def create_app(service):
    made = real(service)
    made.get("/slow")(lambda: time.sleep({slow_s}))
    made.post("/")(lambda: [time.sleep({slow_s}), {{"CollectionIds": []}}][1])
    made.router.routes.insert(0, made.router.routes.pop())
    def forever():
        while True:
            yield b"data: 1\\n\\n"
            time.sleep(0.1)
    made.get("/events")(lambda: StreamingResponse(forever(), media_type="text/event-stream"))
    return made
server.create_app = create_app

server._FINISH_S = {finish_s}
log_as_json()
service = make_service(Path({folder!r}), most_waiting={most})
listener = server.listen(server.Address(port=0))
print(listener.getsockname()[1], flush=True)
server.run(service, server.Address(), listener)
print("closed", flush=True)
"""

Start = Callable[..., tuple[subprocess.Popen[str], str]]


@contextmanager
def process(
    folder: Path, slow_s: float, most: int, finish_s: int = 30
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A service in a process of its own, and its address."""
    code = _CODE.format(
        tests=str(TESTS), folder=str(folder), slow_s=slow_s, most=most, finish_s=finish_s
    )
    with (folder / "log").open("w") as log:
        started = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        assert started.stdout is not None
        url = f"http://127.0.0.1:{started.stdout.readline().strip()}"
        wait_until(lambda: httpx.get(f"{url}/health").status_code == 200)
        yield started, url
    finally:
        started.kill()
        started.wait()
        if started.stdout is not None:
            started.stdout.close()


def wait_until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            if true():
                return
        except httpx.TransportError:
            pass
        time.sleep(0.02)
    pytest.fail("it did not happen")


def in_flight(url: str) -> float:
    text = httpx.get(f"{url}/metrics", headers=BEARER).text
    [value] = [
        line.split()[1]
        for line in text.splitlines()
        if line.startswith("facesort_requests_in_flight ")
    ]
    return float(value)


def test_what_was_accepted_is_finished_and_streams_end(tmp_path: Path) -> None:
    with process(tmp_path, slow_s=2, most=64) as (service, url), ThreadPoolExecutor(21) as threads:
        events = threads.submit(httpx.get, f"{url}/events", timeout=30)
        asked = [
            threads.submit(httpx.get, f"{url}/slow", headers=BEARER, timeout=30) for _ in range(20)
        ]
        wait_until(lambda: in_flight(url) == 20)
        service.send_signal(signal.SIGTERM)

        assert [each.result().status_code for each in asked] == [200] * 20
        assert events.result().text.startswith("data: 1")
        assert service.wait(20) == 0
        assert service.stdout is not None and service.stdout.read() == "closed\n"
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/health")


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    with process(tmp_path, slow_s=60, most=64) as (service, url), ThreadPoolExecutor(1) as threads:
        asked = threads.submit(httpx.get, f"{url}/slow", headers=BEARER, timeout=90)
        wait_until(lambda: in_flight(url) == 1)
        service.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            service.wait(0.5)
        service.send_signal(signal.SIGTERM)

        assert service.wait(20) == 1
        assert isinstance(asked.exception(), httpx.TransportError)


def test_what_takes_too_long_is_not_waited_for(tmp_path: Path) -> None:
    with (
        process(tmp_path, slow_s=60, most=64, finish_s=1) as (service, url),
        ThreadPoolExecutor(1) as threads,
    ):
        asked = threads.submit(httpx.get, f"{url}/slow", headers=BEARER, timeout=90)
        wait_until(lambda: in_flight(url) == 1)
        service.send_signal(signal.SIGTERM)

        assert service.wait(20) == 1
        assert asked.result().status_code == 500
        assert "not finished within 1 s" in (tmp_path / "log").read_text()


def test_clients_of_aws_that_are_told_to_come_back_do(tmp_path: Path) -> None:
    with process(tmp_path, slow_s=0.2, most=8) as (_, url), ThreadPoolExecutor(40) as threads:
        patient = {"mode": "legacy", "total_max_attempts": 12}
        client = rekognition_at(url, max_pool_connections=40, retries=patient)
        answers = list(threads.map(lambda _: client.list_collections(), range(40)))

        assert all(answer["CollectionIds"] == [] for answer in answers)
        text = httpx.get(f"{url}/metrics", headers=BEARER).text
        assert 'error="ThrottlingException"' in text  # and some were told


def test_more_than_it_takes_are_told_to_come_back(tmp_path: Path) -> None:
    with process(tmp_path, slow_s=1, most=8) as (_, url), ThreadPoolExecutor(200) as threads:
        asked = [
            threads.submit(httpx.get, f"{url}/slow", headers=BEARER, timeout=60) for _ in range(200)
        ]
        answers = [each.result() for each in asked]

        taken = [answer for answer in answers if answer.status_code == 200]
        refused = [answer for answer in answers if answer.status_code == 503]
        assert len(taken) + len(refused) == 200
        assert len(taken) >= 8 and refused
        assert {answer.headers["retry-after"] for answer in refused} == {"1"}
        assert httpx.get(f"{url}/health").status_code == 200
