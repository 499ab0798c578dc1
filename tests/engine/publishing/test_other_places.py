"""Destinations that are wrong, gone or not what they were, and other commands at the same time."""

from __future__ import annotations

from pathlib import Path

import pytest
from object_stores import CUT, Answer, client, proxy
from publishing_event import FAST, RETRY, files, ledger, states, without_index
from synthetic_event import tree

from facesort.core.delivery.objects import PART, Destination
from facesort.engine.privacy.forget import forget
from facesort.engine.publishing.plan import delivered
from facesort.engine.publishing.publish import PublishOptions, publish
from facesort.engine.publishing.unpublish import unpublish, what_is_published
from facesort.errors import PublishError, WorkspaceBusyError
from facesort.workspace import Workspace

VERIFY = PublishOptions(verify=True, pace=FAST.pace)


def test_a_mistyped_bucket_leaves_nothing_in_the_ledger(
    private: Workspace, rclone_endpoint: str, bucket: str
) -> None:
    typo = Destination.parse(f"s3://{bucket}-typo/gala", rclone_endpoint)
    with pytest.raises(PublishError, match="no such bucket"):
        publish(private, typo, delivered, FAST)
    assert ledger(private, typo) == []
    assert what_is_published(private, "Ada") == {}


def test_a_destination_that_is_gone_does_not_keep_the_others(
    private: Workspace, moto_endpoint: str, moto_bucket: str, rclone_endpoint: str, bucket: str
) -> None:
    here = Destination.parse(f"s3://{bucket}", rclone_endpoint)
    gone = Destination.parse(f"s3://{moto_bucket}", moto_endpoint)
    for each in (gone, here):
        publish(private, each, delivered, FAST)
    theirs = client(moto_endpoint)
    for each in theirs.list_objects_v2(Bucket=moto_bucket)["Contents"]:
        theirs.delete_object(Bucket=moto_bucket, Key=each["Key"])
    theirs.delete_bucket(Bucket=moto_bucket)

    report = unpublish(private, "Ada", pace=FAST.pace)

    assert report.removed > 0
    assert "has no such bucket" in report.failed[str(gone)]
    assert what_is_published(private, "Ada").keys() == {gone}
    assert unpublish(private, "Ada", pace=FAST.pace, gone=[gone]).failed == {}
    assert what_is_published(private, "Ada") == {}


def test_nobody_is_forgotten_while_their_photos_are_sent(
    private: Workspace, rclone_endpoint: str, bucket: str
) -> None:
    told: list[str] = []

    def meanwhile(_: object) -> None:
        if not told:
            with pytest.raises(WorkspaceBusyError, match="is publishing from") as busy:
                forget(private, "Ada")
            told.append(str(busy.value))

    destination = Destination.parse(f"s3://{bucket}", rclone_endpoint)
    report = publish(private, destination, delivered, FAST, meanwhile)
    assert len(told) == 1
    assert report.sent == len(tree(private.settings.output))


def test_a_server_that_the_environment_names_is_told_from_others(
    private: Workspace,
    rclone_endpoint: str,
    moto_endpoint: str,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client(moto_endpoint).create_bucket(Bucket=bucket)
    destination = Destination.parse(f"s3://{bucket}")
    monkeypatch.setenv("AWS_ENDPOINT_URL", rclone_endpoint)
    first = publish(private, destination, delivered, FAST)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", moto_endpoint)
    second = publish(private, destination, delivered, FAST)

    assert first.sent == second.sent == len(tree(private.settings.output))
    known = what_is_published(private, "Ada")
    assert {each.endpoint for each in known} == {rclone_endpoint, moto_endpoint}
    assert unpublish(private, "Ada", pace=FAST.pace).removed == sum(map(len, known.values()))


def test_another_content_is_sent_once_the_former_object_is_moved_away(
    private: Workspace, tmp_path: Path, rclone_endpoint: str, rclone_folder: Path, bucket: str
) -> None:
    page = tmp_path / "large" / "page.html"
    page.parent.mkdir()
    page.write_bytes(b"first")
    planning = files(page.parent, page.name)
    destination = Destination.parse(f"s3://{bucket}", rclone_endpoint)
    publish(private, destination, planning, FAST)
    page.write_bytes(b"another")
    for options in (FAST, RETRY, VERIFY):
        report = publish(private, destination, planning, options)
        assert (report.sent, report.dead) == (0, {"name_taken": 1})
        assert (rclone_folder / bucket / "Large/page.html").read_bytes() == b"first"
        assert states(private, destination) == {"sent": 1}  # the first one, which is there
    client(rclone_endpoint).delete_object(Bucket=bucket, Key="Large/page.html")

    assert publish(private, destination, planning, RETRY).sent == 1
    assert (rclone_folder / bucket / "Large/page.html").read_bytes() == b"another"


def test_parts_are_kept_until_they_are_retried(
    private: Workspace, tmp_path: Path, moto_endpoint: str, moto_bucket: str
) -> None:
    large = tmp_path / "large"
    large.mkdir()
    (large / "film.bin").write_bytes(b"x" * (2 * PART + 10))
    planning = files(large, "film.bin")
    with proxy(moto_endpoint) as between:
        destination = Destination.parse(f"s3://{moto_bucket}", between.endpoint)
        between.fault = lambda r: CUT if "partNumber=3" in r.query else None
        assert publish(private, destination, planning, FAST).dead == {"connection_lost": 1}
        between.fault = lambda _: None
        assert publish(private, destination, planning, FAST).dead == {"connection_lost": 1}
        asked = len(between.requests)
        assert publish(private, destination, planning, RETRY).sent == 1
        sent = [r for r in between.requests[asked:] if "partNumber=" in r.query]
        assert len(sent) == 1


def test_verify_brings_back_an_index_that_was_lost(
    private: Workspace, rclone_endpoint: str, rclone_folder: Path, bucket: str
) -> None:
    destination = Destination.parse(f"s3://{bucket}", rclone_endpoint)
    publish(private, destination, delivered, FAST)
    before = tree(rclone_folder / bucket)
    for lost in ("index.jsonl", next(iter(without_index(before)))):
        client(rclone_endpoint).delete_object(Bucket=bucket, Key=lost)

    publish(private, destination, delivered, VERIFY)

    assert tree(rclone_folder / bucket) == before


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_server_that_cannot_do_it_is_no_traceback(
    private: Workspace, rclone_endpoint: str, bucket: str, method: str
) -> None:
    with proxy(rclone_endpoint) as between:
        destination = Destination.parse(f"s3://{bucket}", between.endpoint)
        publish(private, destination, delivered, FAST)
        between.fault = lambda r: Answer(405) if r.method == method else None

        report = unpublish(private, "Ada", pace=FAST.pace)

        assert report.removed == 0
        assert report.left or "does not do what it is asked" in report.failed[str(destination)]
        between.fault = lambda _: None
        assert unpublish(private, "Ada", pace=FAST.pace).removed > 0
