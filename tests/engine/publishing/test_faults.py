"""What goes wrong on the way, each by a proxy or a real server: a sentence, nothing lost, nothing doubled."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

import pytest
from disks import mounted, needs_mount, remount
from object_stores import CUT, CUT_AFTER, Answer, Fault, Request, proxy, rclone
from publishing_event import FAST, RETRY, ledger, logged, some, states, without_index
from synthetic_event import tree

from facesort.core.delivery.objects import Destination
from facesort.engine.publishing.plan import delivered
from facesort.engine.publishing.publish import publish
from facesort.errors import PublishError
from facesort.workspace import Workspace


def first_time(answer: Answer | str, method: str = "") -> Fault:
    """A fault that every request meets once."""
    seen: set[tuple[str, str]] = set()
    lock = threading.Lock()

    def fault(request: Request) -> Answer | str | None:
        with lock:
            new = (request.method, request.key) not in seen
            seen.add((request.method, request.key))
        return answer if new and request.key and method in ("", request.method) else None

    return fault


@pytest.mark.parametrize(
    "fault",
    [
        first_time(Answer(503, "SlowDown"), "PUT"),
        first_time(Answer(503), "HEAD"),
        first_time(Answer(429, "TooManyRequests"), "PUT"),
        first_time(Answer(500, "InternalError"), "PUT"),
        first_time(CUT, "PUT"),
        first_time(CUT_AFTER, "PUT"),
        first_time(CUT_AFTER, "HEAD"),
    ],
    ids=["slow-down", "503-head", "429", "500", "cut", "cut-after", "cut-head"],
)
def test_what_fails_once_is_tried_again(
    event: Workspace, rclone_endpoint: str, rclone_folder: Path, bucket: str, fault: Fault
) -> None:
    with proxy(rclone_endpoint, fault) as between:
        destination = Destination.parse(f"s3://{bucket}", between.endpoint)
        report = publish(event, destination, some(20), FAST)
        done = [r for r in between.requests if r.method == "PUT"]

    assert report.dead == {}
    assert len(tree(rclone_folder / bucket)) == 20
    assert max(Counter(request.key for request in done).values()) <= 3
    assert states(event, destination) == {"sent": 20}


def test_an_answer_that_was_lost_doubles_nothing(
    event: Workspace, rclone_endpoint: str, rclone_folder: Path, bucket: str
) -> None:
    """The object is there, and is found by the second attempt."""
    with proxy(rclone_endpoint, first_time(CUT_AFTER, "PUT")) as between:
        destination = Destination.parse(f"s3://{bucket}", between.endpoint)
        publish(event, destination, some(20), FAST)
        sent = Counter(r.key for r in between.requests if r.method == "PUT")

    assert set(sent.values()) == {1} and len(sent) == 20
    assert {entry.attempts for entry in ledger(event, destination)} == {2}


def test_an_object_that_fails_three_times_is_dead_until_it_is_retried(
    event: Workspace, rclone_endpoint: str, rclone_folder: Path, bucket: str
) -> None:
    with event.open_store(read_only=True) as store:
        bad = delivered(event, store).items[3].planned.target

    def fault(request: Request) -> str | None:
        return CUT if (request.method, request.key) == ("PUT", bad) else None

    with proxy(rclone_endpoint, fault) as between:
        destination = Destination.parse(f"s3://{bucket}", between.endpoint)
        first = publish(event, destination, some(10), FAST)
        tried = [r.key for r in between.requests if r.method == "PUT"].count(bad)
        between.fault = lambda _: None
        second = publish(event, destination, some(10), FAST)
        third = publish(event, destination, some(10), RETRY)

    assert tried == 3
    assert (first.dead, first.sent) == ({"connection_lost": 1}, 9)
    assert (second.dead, second.sent) == ({"connection_lost": 1}, 0)
    assert (third.dead, third.sent, third.known) == ({}, 1, 9)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(503, "SlowDown"), "failed for 6 objects .*throttled"),
        (Answer(500, "InternalError"), "failed for 6 objects .*server_error"),
        (CUT, "failed for 6 objects .*connection_lost"),
        (Answer(507, "InsufficientStorage"), "has no space left"),
        (Answer(507), "has no space left"),
        (Answer(403, "AccessDenied"), "needs the permissions ListBucket, GetObject and PutObject"),
        (Answer(403, "RequestTimeTooSkewed"), "clock of this computer is wrong"),
        (Answer(400, "ExpiredToken"), "credentials have expired"),
        (Answer(301, "PermanentRedirect"), "is in another region"),
    ],
    ids=lambda value: value.code or str(value.status) if isinstance(value, Answer) else None,
)
def test_what_every_object_would_meet_ends_the_job(
    event: Workspace,
    rclone_endpoint: str,
    rclone_folder: Path,
    bucket: str,
    answer: Answer | str,
    words: str,
) -> None:
    with proxy(rclone_endpoint) as between:
        between.fault = lambda r: answer if r.method == "PUT" and between.count("PUT") > 8 else None
        destination = Destination.parse(f"s3://{bucket}", between.endpoint)
        with pytest.raises(PublishError, match=words):
            publish(event, destination, some(40), FAST)
        asked = between.count("PUT")
        assert "dead" not in states(event, destination)
        between.fault = lambda _: None
        report = publish(event, destination, some(40), FAST)

    assert asked < 60
    assert report.dead == {}
    assert tree(rclone_folder / bucket).items() <= logged(event).items()
    assert states(event, destination) == {"sent": 40}


@needs_mount
def test_a_full_disk_behind_the_server_loses_and_doubles_nothing(
    event: Workspace, tmp_path: Path
) -> None:
    disk, wanted = tmp_path / "disk", logged(event)
    disk.mkdir()
    with mounted(disk, "size=1m"):
        bucket = disk / "bucket-one"
        bucket.mkdir()
        with rclone(disk) as endpoint:
            destination = Destination.parse("s3://bucket-one", endpoint)
            with pytest.raises(PublishError, match=r"failed for 6 objects|has no space left"):
                publish(event, destination, delivered, FAST)
            sent = states(event, destination)["sent"]
            assert 0 < sent < len(wanted)
            assert len(tree(bucket)) >= sent
            assert tree(bucket).items() <= wanted.items()

            remount(disk, "size=64m")
            report = publish(event, destination, delivered, RETRY)
            assert (report.known, report.dead) == (sent, {})
            assert without_index(tree(bucket)) == wanted


def test_a_wrong_secret_an_unknown_key_and_a_missing_bucket_are_a_sentence_each(
    event: Workspace, rclone_endpoint: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = Destination.parse(f"s3://{bucket}-not", rclone_endpoint)
    there = Destination.parse(f"s3://{bucket}", rclone_endpoint)

    with pytest.raises(PublishError, match="has no such bucket: make it there first"):
        publish(event, missing, some(3), FAST)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    with pytest.raises(PublishError, match="says that the secret key is wrong"):
        publish(event, there, some(3), FAST)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another")
    with pytest.raises(PublishError, match="does not know this access key"):
        publish(event, there, some(3), FAST)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(PublishError, match=r"no credentials for s3://.*facesort keeps none"):
        publish(event, there, some(3), FAST)

    assert states(event, there) == states(event, missing) == {}  # nothing was begun


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        ("https://nowhere.invalid", "is not found: check the endpoint"),
        ("http://127.0.0.1:9", "cannot be reached"),
        ("http://192.0.2.7:9000", "has no encryption.*--plain-http"),
    ],
)
def test_a_server_that_cannot_be_used(
    event: Workspace, bucket: str, endpoint: str, words: str
) -> None:
    destination = Destination.parse(f"s3://{bucket}", endpoint)

    with pytest.raises(PublishError, match=words):
        publish(event, destination, some(3), FAST)


def test_a_server_that_cannot_prove_who_it_is(
    event: Workspace, rclone_endpoint: str, bucket: str
) -> None:
    destination = Destination.parse(f"s3://{bucket}", rclone_endpoint.replace("http:", "https:"))

    with pytest.raises(PublishError, match="cannot prove who it is"):
        publish(event, destination, some(3), FAST)
