"""The queue of videos: bounded, one at a time, and nothing stays of a job that is gone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from drawn_collections import collection
from drawn_service import drawn
from starlette.testclient import TestClient

from facesort.clock import utc_now
from facesort.core.collections.records import Once
from facesort.core.records import Analysis
from facesort.engine.collections.opening import open_collections
from facesort.errors import BusyError, MissingItemError, OnceError
from facesort.reasons import Reason
from facesort.serve.app import create_app
from facesort.serve.service import Service
from facesort.serve.videos import jobs as of_videos
from facesort.serve.videos.jobs import Job, State, VideoJobs, Wanted
from facesort.serve.videos.uploads import Uploads


class Patient:
    """Looks at a video until it is told to end; then says that it is none."""

    def __init__(self) -> None:
        self.looking, self.enough = Event(), Event()
        self.seen: list[Path] = []

    def find(self, path: Path, stopped: Callable[[], bool]) -> Analysis:
        assert path.is_file()
        self.seen.append(path)
        self.looking.set()
        while not self.enough.wait(0.01):
            if stopped():
                raise InterruptedError
        return Analysis(0, "", failure=Reason.NOT_AN_IMAGE, detail="not a video")


@pytest.fixture
def finder() -> Patient:
    return Patient()


@pytest.fixture
def jobs(tmp_path: Path, finder: Patient) -> Iterator[VideoJobs]:
    collections = open_collections(tmp_path)
    collections.create(collection("guests"))
    jobs = VideoJobs(finder, collections, Uploads(tmp_path), most_waiting=2)
    yield jobs
    jobs.close()
    collections.close()


def submit(jobs: VideoJobs, once: Once | None = None) -> Job:
    """A job with a file that was sent."""
    with ExitStack() as files:
        path, stream = jobs.uploads.create(files)
        stream.write(b"a video")
        stream.close()
        found = jobs._collections.collection("guests")
        return jobs.submit(Wanted(found, path, 1.0, once=once), files.pop_all())


def files(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "uploads").iterdir())


def until(holds: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_one_at_a_time_and_not_too_many(jobs: VideoJobs, finder: Patient, tmp_path: Path) -> None:
    first, second = submit(jobs), submit(jobs)
    finder.looking.wait(20)
    assert (first.state, second.state) == (State.RUNNING, State.WAITING)
    with pytest.raises(BusyError, match="2 videos wait"):
        submit(jobs)
    assert set(files(tmp_path)) == {first.wanted.path, second.wanted.path}
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files(tmp_path))

    finder.enough.set()
    until(lambda: first.is_over and second.is_over)

    assert finder.seen == [first.wanted.path, second.wanted.path]
    assert (second.state, second.reason) == (State.FAILED, Reason.NOT_AN_IMAGE)
    assert files(tmp_path) == []
    submit(jobs)


def test_a_job_that_is_removed_ends(jobs: VideoJobs, finder: Patient, tmp_path: Path) -> None:
    first, second = submit(jobs), submit(jobs)
    finder.looking.wait(20)
    jobs.remove(second.job_id)
    assert files(tmp_path) == [first.wanted.path]
    jobs.remove(first.job_id)
    until(lambda: files(tmp_path) == [])
    for job in (first, second):
        with pytest.raises(MissingItemError):
            jobs.job(job.job_id)


def test_a_service_that_stops_leaves_nothing(
    jobs: VideoJobs, finder: Patient, tmp_path: Path
) -> None:
    submit(jobs), submit(jobs)
    finder.looking.wait(20)
    jobs.close()
    assert files(tmp_path) == []


def test_what_a_killed_service_left_is_removed_at_the_next_start(tmp_path: Path) -> None:
    folder = tmp_path / "uploads"
    folder.mkdir()
    (folder / f"{'a' * 32}.video").write_bytes(b"a video")
    (folder / "notes.txt").write_bytes(b"not ours")
    Uploads(tmp_path)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def test_videos_that_are_still_being_sent_are_bounded_too(tmp_path: Path) -> None:
    sent = Uploads(tmp_path, most=1)
    with ExitStack() as first, ExitStack() as second:
        sent.create(first)
        with pytest.raises(BusyError):
            sent.create(second)
        first.close()
        sent.create(second)
    assert files(tmp_path) == []


def test_a_token_is_one_job(jobs: VideoJobs, tmp_path: Path) -> None:
    first = submit(jobs, Once("token", "a"))
    assert submit(jobs, Once("token", "a")) is first
    assert files(tmp_path) == [first.wanted.path]
    with pytest.raises(OnceError):
        submit(jobs, Once("token", "b"))


def test_results_end(jobs: VideoJobs, finder: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    finder.enough.set()
    job = submit(jobs)
    until(lambda: job.is_over)
    assert jobs.job(job.job_id) is job
    monkeypatch.setattr(of_videos, "KEPT_S", 0)
    with pytest.raises(MissingItemError):
        jobs.job(job.job_id)


def test_of_too_many_results_the_newest_stays(
    jobs: VideoJobs, finder: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_videos, "_MOST_KEPT", 0)
    finder.enough.set()
    first = submit(jobs)
    until(lambda: first.is_over)
    assert jobs.job(first.job_id) is first
    second = submit(jobs)
    until(lambda: second.is_over)
    assert jobs.job(second.job_id) is second
    with pytest.raises(MissingItemError):
        jobs.job(first.job_id)


def test_nothing_is_begun_by_a_service_that_stops(jobs: VideoJobs, tmp_path: Path) -> None:
    jobs.close()
    with pytest.raises(BusyError, match="about to stop"):
        submit(jobs)
    assert files(tmp_path) == []


def test_a_job_ends_with_its_collection(jobs: VideoJobs, finder: Patient, tmp_path: Path) -> None:
    job, collections = submit(jobs), jobs._collections
    finder.looking.wait(20)
    collections.delete("guests")  # by another server, for example
    collections.create(replace(collection("guests"), created_at=utc_now()))
    with pytest.raises(MissingItemError):
        jobs.job(job.job_id)
    until(lambda: files(tmp_path) == [])


def test_photos_are_answered_while_a_video_is_looked_at(
    jobs: VideoJobs, finder: Patient, service: Service, bearer: dict[str, str]
) -> None:
    job = submit(jobs)
    finder.looking.wait(20)
    with TestClient(create_app(replace(service, videos=jobs))) as client:
        assert len(client.post("/detect", content=drawn(1), headers=bearer).json()["faces"]) == 1
        told = client.get(f"/api/v1/videos/{job.job_id}", headers=bearer).json()
    assert (told["state"], told["found"]) == ("running", None)
