"""What is on the server after a publish, and what a second one does."""

from __future__ import annotations

from pathlib import Path

from object_stores import client, proxy
from synthetic_event import tree

from facesort.core.objects import Destination
from facesort.engine.publishing.plan import delivered
from facesort.engine.publishing.publish import PublishOptions, publish
from facesort.engine.publishing.publisher import Pace
from facesort.store.queries.commit_log import verified_writes
from facesort.workspace import Workspace

FAST = PublishOptions(pace=Pace(first_wait_s=0.01, longest_wait_s=0.05))


def logged(workspace: Workspace) -> dict[str, str]:
    """The commit log: what must be there, by path."""
    with workspace.open_store(read_only=True) as store:
        return {w.plan.target: w.plan.sha256 for w in verified_writes(store)}


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
    assert tree(rclone_folder / bucket / "gala/2026") == wanted
    assert first.sent == second.known == len(wanted) >= 200
    assert (second.sent, first.dead, first.left_out, first.refuses_to_replace) == (0, {}, {}, False)


def test_where_the_server_refuses_to_replace_it_is_known(
    event: Workspace, moto_endpoint: str, moto_bucket: str
) -> None:
    destination = Destination.parse(f"s3://{moto_bucket}", moto_endpoint)

    report = publish(event, destination, delivered, FAST)

    listed = client(moto_endpoint).list_objects_v2(Bucket=moto_bucket)["Contents"]
    assert {each["Key"] for each in listed} == logged(event).keys()
    assert report.refuses_to_replace is True
