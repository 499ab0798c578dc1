"""The operator and the tracker: from nothing to a sorted event, by JSON; no path of the machine in any answer."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from threading import Event
from typing import Any

import psutil
import pytest
from drawn_service import CREDENTIALS, Live, drawn, listening, make_service
from starlette.testclient import TestClient
from synthetic_event import write_photo

from facesort.engine.gallery.seed import SeedReport, seed
from facesort.errors import BusyError, StoreLockedError
from facesort.serve.app import create_app
from facesort.serve.operator.api import Operator
from facesort.serve.operator.gallery import Upload, seed_person
from facesort.serve.operator.job_config import JobConfig
from facesort.serve.operator.places import Places
from facesort.serve.operator.tracker import MOST_LISTENERS, Tracker
from facesort.serve.service import Service, ServiceOptions


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("secret-place")
    service = make_service(folder)
    for number in range(12):
        write_photo(
            folder / f"photos/gala/card-1/{number}.jpg", [1 + number % 3], shade=90 + number
        )
    (folder / "photos/gala/card-2").mkdir()
    (folder / "photos/gala/.hidden").mkdir()
    (folder / "photos/gala/away").symlink_to("/etc")
    yield service
    service.finder.close()
    service.collections.close()


@pytest.fixture(scope="module")
def operator(service: Service) -> Iterator[TestClient]:
    bearer = {"Authorization": f"Bearer {CREDENTIALS.secret}"}
    with TestClient(create_app(service), headers=bearer) as client:
        yield client


def post(client: TestClient, path: str, status: int = 200, **more: Any) -> Any:
    answer = client.post(path, **more)
    assert answer.status_code == status, answer.text
    assert "secret-place" not in answer.text
    return answer.json()


def get(client: TestClient, path: str, status: int = 200) -> Any:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    assert "secret-place" not in answer.text
    return answer.json()


def until(happened: Callable[[], Any], seconds: float = 240) -> Any:
    end = time.monotonic() + seconds
    while not (found := happened()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)
    return found


def photos(*contents: bytes) -> list[tuple[str, tuple[str, bytes]]]:
    return [("photos", (f"{number}.jpg", content)) for number, content in enumerate(contents)]


def test_nothing_is_told_without_the_token(service: Service) -> None:
    with TestClient(create_app(service)) as nobody:
        for path in ("/api/operator/job-config", "/api/tracker/events", "/api/operator/folders"):
            assert nobody.get(path).status_code == 401


@pytest.mark.parametrize(
    ("place", "names"),
    [("", ["photos"]), ("photos", ["gala"]), ("/photos/gala/", ["card-1", "card-2"])],
)
def test_folders_are_listed_by_name(operator: TestClient, place: str, names: list[str]) -> None:
    found = get(operator, f"/api/operator/folders?in={place}")
    assert found == {"place": place.strip("/"), "names": names, "left_out": 0}


@pytest.mark.parametrize(
    "place",
    [
        *(
            "/etc",
            "etc",
            "..",
            "photos/..",
            "photos/gala/../..",
            "photos/gala/.hidden",
            "photos/gala/away",
        ),
        *(
            "photos/gala/nothing",
            "photos/gala/card-1/0.jpg",
            "photos/%00",
            "photos/gala/away/ssh",
            ".",
        ),
    ],
)
def test_folders_outside_are_refused(operator: TestClient, place: str) -> None:
    assert get(operator, f"/api/operator/folders?in={place}", 400)["detail"]


@pytest.mark.parametrize(
    ("wanted", "fields"),
    [
        ({}, {"sources": "at least one folder", "output": "sorted copies"}),
        ({"sources": ["/etc"], "output": "photos/out"}, {"sources": "none of photos"}),
        ({"sources": ["photos/gala"], "output": "photos/gala/out"}, {"sources": "inside"}),
        ({"sources": ["photos/no"], "output": "photos/out"}, {"sources": "not a folder"}),
        ({"sources": ["photos/gala"], "output": "photos/out", "pack": "/etc"}, {"pack": "no such"}),
        (
            {"sources": ["photos/gala"], "output": "photos/out", "strict": 1.9, "loose": 0.5},
            {"strict": "must not be above loose"},
        ),
        ({"strict": 7}, {"strict": "less than or equal to 2"}),
        ({"workers": "many"}, {"workers": "integer"}),
    ],
)
def test_a_job_that_cannot_be_is_refused_field_by_field(
    operator: TestClient, service: Service, wanted: dict[str, Any], fields: dict[str, str]
) -> None:
    wanted = {"pack": "synthetic"} | wanted
    told = post(operator, "/api/operator/job-config", 422, json=wanted)["fields"]
    assert told.keys() == fields.keys()
    assert all(part in told[name] for name, part in fields.items()), told
    assert not (service.options.workspace / "facesort.toml").exists()


def test_from_an_empty_machine_to_a_sorted_event(operator: TestClient, service: Service) -> None:
    nothing = get(operator, "/api/operator/job-config")
    assert (nothing["made"], nothing["pack"]) == (False, "synthetic")  # that of the service
    assert nothing["pack"] in nothing["packs"]
    assert get(operator, "/api/tracker/progress")["state"] == "none"
    post(operator, "/api/operator/sort", 400)
    wanted = {"sources": ["photos/gala/card-1"], "output": "photos/sorted"}
    made = post(operator, "/api/operator/job-config", json=wanted | {"unknown_folder": True})
    assert made["made"]
    assert made["sources"] == [{"name": "card-1", "folder": "photos/gala/card-1"}]
    assert made["output"] == "photos/sorted"
    assert "nobody is in the gallery" in post(operator, "/api/operator/sort", 400)["detail"]

    before = {path.name for path in service.options.workspace.rglob("*")}
    told = post(
        operator,
        "/api/operator/seed-person",
        data={"name": " Ada "},
        files=photos(drawn(1), drawn(1, 2), drawn(), b"no photo"),
    )["photos"]
    assert [photo["accepted"] for photo in told] == [True, False, False, False]
    assert [photo["reason"] for photo in told[1:]] == ["several_faces", "no_face", "not_an_image"]
    assert all(photo["sentence"] for photo in told[1:])
    data = {"name": "Ben", "face": "2"}
    assert post(operator, "/api/operator/seed-person", data=data, files=photos(drawn(1, 2)))
    assert {path.name for path in service.options.workspace.rglob("*")} == before
    assert get(operator, "/api/operator/persons")["persons"] == [
        {"name": "Ada", "folder": "Ada", "references": 1, "files": 0},
        {"name": "Ben", "folder": "Ben", "references": 1, "files": 0},
    ]

    post(operator, "/api/operator/sort", 202)
    assert "running already" in post(operator, "/api/operator/sort", 409)["detail"]
    status = until(lambda: (s := get(operator, "/api/tracker/worker-status"))["alive"] and s)
    assert status["started_here"]
    assert status["pid"] > 0
    until(lambda: not get(operator, "/api/tracker/worker-status")["running"])
    done = until(lambda: (p := get(operator, "/api/tracker/progress"))["state"] == "finished" and p)
    assert done["done"] == done["photos"]["total"] == 12
    assert sum(n for name, n in done["photos"].items() if name != "total") == 12
    assert done["persons"] == {"Ada": 4, "Ben": 4, "_unknown": 4}
    assert len(list((service.options.roots["photos"] / "sorted/Ada").iterdir())) == 4


def test_people_are_added_while_others_look(tmp_path: Path) -> None:
    """Within one process DuckDB refuses to read and to write one database at the same time."""
    operator = Operator.of(service := make_service(tmp_path))
    (tmp_path / "photos/gala").mkdir()
    operator.change(JobConfig(sources=["photos/gala"], output="photos/sorted"))
    done, looks = Event(), [0, 0]

    def look(which: int) -> None:
        while not done.is_set():
            operator.persons()
            Tracker(operator.places, operator.sorting).progress()  # always reads
            looks[which] += 1

    with ThreadPoolExecutor(2) as threads:
        looking = [threads.submit(look, which) for which in range(2)]
        try:
            uploads = [Upload("a.jpg", drawn(1, variation=v)) for v in range(1, 9)]
            told = seed_person(operator.places, "Ada", uploads, force=True)
        finally:
            done.set()
        assert [thread.result() for thread in looking] == [None, None]
    assert all(looks)
    assert len(told) == len(uploads)
    assert not [photo for photo in told if not photo["accepted"] and photo["reason"] is None]
    accepted = sum(photo["accepted"] for photo in told)
    assert [person["references"] for person in operator.persons()] == [accepted]
    service.finder.close()
    service.collections.close()


def test_what_was_stored_is_told_when_the_rest_cannot_be(
    operator: TestClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = service.options.workspace / "facesort.duckdb"

    def taken(*args: Any, **more: Any) -> Iterator[SeedReport]:
        yield from islice(seed(*args, **more), 1)
        raise StoreLockedError(f"{database} is in use")

    monkeypatch.setattr("facesort.serve.operator.gallery.seed", taken)
    files = photos(drawn(3), drawn(3, variation=5), drawn(3, variation=6))
    told = post(operator, "/api/operator/seed-person", data={"name": "Cy"}, files=files)["photos"]
    assert [photo["accepted"] for photo in told] == [True, False, False]
    sentence = "it was not offered: the workspace/facesort.duckdb is in use"
    assert [photo["sentence"] for photo in told[1:]] == [sentence, sentence]
    assert get(operator, "/api/operator/persons")["persons"][-1]["name"] == "Cy"


def test_folders_of_model_packs_are_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACESORT_PACKS", str(tmp_path))
    places = Places(ServiceOptions(tmp_path / "d", tmp_path / "w", {}, tmp_path / "r"))
    home = Path.home() / ".insightface/models"
    said = places.said(f"{tmp_path}/mine lacks a detector, {home}/other too")
    assert said == "packs/mine lacks a detector, packs/other too"


def test_only_so_many_listen_and_those_who_leave_make_room(service: Service) -> None:
    tracker = Operator.of(service).tracker
    with ExitStack() as seats:
        for _ in range(MOST_LISTENERS):
            seats.enter_context(tracker.seat())
        with pytest.raises(BusyError, match="close one"):
            seats.enter_context(tracker.seat())
    with tracker.seat():
        pass


def under_way(operator: TestClient) -> dict[str, Any]:
    """The progress of a sort that has photos behind and before it."""

    def found() -> dict[str, Any] | None:
        answer = operator.get("/api/tracker/progress")
        if answer.status_code == 409:  # a first sort has the database, and no figures to show yet
            return None
        report = answer.json()
        is_between = report["state"] == "running" and 0 < report["done"] < report["photos"]["total"]
        return report if is_between else None

    return until(found)  # type: ignore[no-any-return]


def worker(operator: TestClient) -> dict[str, Any]:
    return get(operator, "/api/tracker/worker-status")  # type: ignore[no-any-return]


@pytest.fixture
def seeded(tmp_path: Path) -> Iterator[tuple[TestClient, Service]]:
    """A service of its own whose job has 412 photos, none of them sorted, and one person."""
    service = make_service(tmp_path)
    for i in range(412):
        path = service.options.roots["photos"] / f"gala/card-1/{i}.jpg"
        write_photo(path, [1 + i % 3, 4], variation=i % 80, shade=60 + i % 150)
    bearer = {"Authorization": f"Bearer {CREDENTIALS.secret}"}
    with TestClient(create_app(service), headers=bearer) as client:
        wanted = {"sources": ["photos/gala/card-1"], "output": "photos/sorted"}
        post(client, "/api/operator/job-config", json=wanted)
        post(client, "/api/operator/seed-person", data={"name": "Ada"}, files=photos(drawn(1)))
        yield client, service
    service.finder.close()
    service.collections.close()


@pytest.mark.slow
def test_a_sort_is_stopped_killed_and_goes_on_and_one_of_a_terminal_counts_too(
    seeded: tuple[TestClient, Service],
) -> None:
    operator, service = seeded
    assert post(operator, "/api/operator/sort/stop", 202) == {"stopped": False}

    post(operator, "/api/operator/sort", 202)
    under_way(operator)
    busy = get(operator, "/api/operator/persons", 409)
    assert "in use" in busy["detail"] or "sort" in busy["detail"]
    assert post(operator, "/api/operator/sort/stop", 202) == {"stopped": True}
    until(lambda: not worker(operator)["running"])
    stopped = until(
        lambda: (p := get(operator, "/api/tracker/progress"))["state"] == "interrupted" and p
    )
    assert worker(operator)["trouble"] == ""

    command = ["sort", "-w", str(service.options.workspace), "--runs", str(service.options.runs)]
    terminal = subprocess.Popen(
        [sys.executable, "-m", "facesort", *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: worker(operator)["alive"])
    assert worker(operator)["started_here"] is False
    assert "being sorted" in post(operator, "/api/operator/sort", 409)["detail"]
    under_way(operator)
    assert post(operator, "/api/operator/sort/stop", 202) == {"stopped": True}
    assert terminal.wait(60) != 0

    post(operator, "/api/operator/sort", 202)
    # The figures may be those of the sort before, for a second.
    until(lambda: worker(operator)["alive"])
    under_way(operator)
    sorter = psutil.Process(until(lambda: worker(operator)["pid"]))
    for process in (*sorter.parents(), sorter):
        if process.pid in {child.pid for child in psutil.Process().children(recursive=True)}:
            process.send_signal(signal.SIGKILL)
    until(lambda: not worker(operator)["running"])
    assert "it goes on from what is committed" in worker(operator)["trouble"]
    killed = until(
        lambda: (p := get(operator, "/api/tracker/progress"))["state"] == "interrupted" and p
    )
    assert killed["done"] >= stopped["done"] > 0

    post(operator, "/api/operator/sort", 202)
    done = until(lambda: (p := get(operator, "/api/tracker/progress"))["state"] == "finished" and p)
    assert done["done"] == done["photos"]["total"] == 412
    assert worker(operator)["trouble"] == ""


@pytest.fixture
def live(service: Service) -> Iterator[Live]:
    with listening(service) as live:
        yield live


def test_events_tell_the_progress_until_the_client_leaves(live: Live) -> None:
    with live.http() as http, http.stream("GET", "/api/tracker/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        assert next(lines) == "event: progress"
        told = json.loads(next(lines).removeprefix("data: "))
        assert told["state"] == "finished"
        assert told["running"] is False
        assert next(lines) == ""
        assert next(lines) == ": alive"
