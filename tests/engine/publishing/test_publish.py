"""What is on the server after a publish, and what a second one does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock
from object_stores import client, proxy
from publishing_event import FAST, RETRY, ledger, logged, some, states, without_index
from synthetic_event import tree

from facesort.core.delivery.objects import Destination
from facesort.engine.publishing.plan import delivered
from facesort.engine.publishing.publish import dry_run, publish
from facesort.errors import WorkspaceBusyError
from facesort.workspace import Workspace


def test_the_objects_are_the_commit_log_and_a_second_run_sends_none(
    event: Workspace, rclone_endpoint: str, rclone_folder: Path, bucket: str
) -> None:
    with proxy(rclone_endpoint) as between:
        destination = Destination.parse(f"s3://{bucket}/gala/2026", between.endpoint)
        first = publish(event, destination, delivered, FAST)
        asked = len(between.requests)
        second = publish(event, destination, delivered, FAST)

        assert len(between.requests) == asked
    wanted = logged(event)
    assert without_index(tree(rclone_folder / bucket / "gala/2026")) == wanted
    assert first.sent == second.known == len(wanted) >= 200
    assert (second.sent, first.dead, first.left_out, first.refuses_to_replace) == (0, {}, {}, False)


def test_where_the_server_refuses_to_replace_it_is_known(
    event: Workspace, moto_endpoint: str, moto_bucket: str
) -> None:
    destination = Destination.parse(f"s3://{moto_bucket}", moto_endpoint)

    report = publish(event, destination, some(5), FAST)

    listed = client(moto_endpoint).list_objects_v2(Bucket=moto_bucket)["Contents"]
    assert {each["Key"] for each in listed} == {
        entry.planned.target for entry in ledger(event, destination)
    }
    assert report.refuses_to_replace is True


def test_an_object_of_somebody_else_is_untouched(
    event: Workspace,
    server: tuple[str, str],
) -> None:
    endpoint, name = server
    planning = some(6)
    with event.open_store(read_only=True) as store:
        taken = planning(event, store).items[2].planned.target
    theirs = client(endpoint)
    theirs.put_object(Bucket=name, Key=taken, Body=b"retouched by hand", Metadata={"by": "them"})
    destination = Destination.parse(f"s3://{name}", endpoint)

    first = publish(event, destination, planning, FAST)
    again = publish(event, destination, planning, RETRY)

    there = theirs.get_object(Bucket=name, Key=taken)
    assert there["Body"].read() == b"retouched by hand"
    assert {k.lower(): v for k, v in there["Metadata"].items()} == {"by": "them"}
    assert first.dead == again.dead == {"name_taken": 1}
    assert (again.sent, again.known) == (0, first.sent)


def test_a_dry_run_asks_no_server_and_writes_nothing(event: Workspace, bucket: str) -> None:
    destination = Destination.parse(f"s3://{bucket}", "https://nowhere.invalid")

    report = dry_run(event, destination, delivered, FAST)

    assert report.waiting == len(logged(event))
    assert (report.sent, ledger(event, destination)) == (0, [])


def test_what_is_gone_from_the_server_is_sent_again_if_it_is_asked_for(
    event: Workspace, rclone_endpoint: str, rclone_folder: Path, bucket: str
) -> None:
    destination = Destination.parse(f"s3://{bucket}", rclone_endpoint)
    publish(event, destination, some(4), FAST)
    lost = next((rclone_folder / bucket).rglob("*.jpg"))
    client(rclone_endpoint).delete_object(
        Bucket=bucket, Key=lost.relative_to(rclone_folder / bucket).as_posix()
    )

    assert publish(event, destination, some(4), FAST).sent == 0
    report = publish(event, destination, some(4), replace(FAST, verify=True))

    assert (report.sent, report.found) == (1, 3)
    assert lost.exists()


def test_a_copy_that_was_changed_is_not_sent_but_another_one_of_the_photo_is(
    event: Workspace, rclone_endpoint: str, rclone_folder: Path, bucket: str
) -> None:
    with event.open_store(read_only=True) as store:
        items = delivered(event, store).items
    alone = next(i for i in items if len(i.places) == 1)
    shared = next(i for i in items if len(i.places) > 1)
    before = {place: place.read_bytes() for place in (alone.places[0], shared.places[0])}
    destination = Destination.parse(f"s3://{bucket}", rclone_endpoint)
    try:
        for place, data in before.items():
            place.write_bytes(data[:-1] + b"x")
        report = publish(event, destination, delivered, FAST)
    finally:
        for place, data in before.items():
            place.write_bytes(data)

    assert report.dead == {"changed": 1}
    assert tree(rclone_folder / bucket)[shared.planned.target] == shared.planned.sha256
    assert alone.planned.target not in tree(rclone_folder / bucket)


def test_one_workspace_publishes_once_at_a_time(event: Workspace, bucket: str) -> None:
    destination = Destination.parse(f"s3://{bucket}", "http://127.0.0.1:9")
    with (
        FileLock(event.root / "publish.lock"),
        pytest.raises(WorkspaceBusyError, match="another facesort is publishing"),
    ):
        publish(event, destination, delivered, FAST)
    assert states(event, destination) == {}
