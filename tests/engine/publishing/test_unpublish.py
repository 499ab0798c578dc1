"""What `unpublish` removes, and what it leaves."""

from __future__ import annotations

from pathlib import Path

import pytest
from object_stores import client
from publishing_event import FAST, ledger
from synthetic_event import tree

from facesort.core.delivery.objects import Destination
from facesort.engine.delivery.index import INDEX_NAMES
from facesort.engine.privacy.forget import forget, what_is_known
from facesort.engine.publishing.plan import delivered
from facesort.engine.publishing.publish import publish
from facesort.engine.publishing.unpublish import unpublish, what_is_published
from facesort.errors import GalleryError
from facesort.workspace import Workspace


def test_only_what_is_still_ours_is_removed(
    private: Workspace, rclone_endpoint: str, rclone_folder: Path, bucket: str
) -> None:
    destination = Destination.parse(f"s3://{bucket}/gala", rclone_endpoint)
    publish(private, destination, delivered, FAST)
    before = tree(rclone_folder / bucket)
    adas = sorted(key for key in before if key.startswith("gala/Ada/"))
    theirs = client(rclone_endpoint)
    theirs.put_object(Bucket=bucket, Key=adas[0], Body=b"retouched by hand")
    theirs.delete_object(Bucket=bucket, Key=adas[1])
    theirs.put_object(Bucket=bucket, Key="gala/Ada/theirs.jpg", Body=b"another")

    report = unpublish(private, "Ada", pace=FAST.pace)

    assert (report.removed, report.gone, report.left) == (len(adas) - 2, 1, (adas[0],))
    left = {adas[0], "gala/Ada/theirs.jpg", *(k for k in before if k not in adas)}  # index.* too
    assert tree(rclone_folder / bucket).keys() == left
    known = what_is_published(private, "Ada")
    assert [e.planned.target for e in known[destination]] == [adas[0].removeprefix("gala/")]


def test_who_was_forgotten_can_be_unpublished_and_is_erased_then(
    private: Workspace, rclone_endpoint: str, rclone_folder: Path, bucket: str
) -> None:
    destination = Destination.parse(f"s3://{bucket}", rclone_endpoint)
    publish(private, destination, delivered, FAST)
    objects = len(list((rclone_folder / bucket / "Ada").iterdir()))

    done = forget(private, "Ada")
    assert done.traces.published == {str(destination): objects}
    assert what_is_published(private, "Ada").keys() == {destination}
    for file in done.delivered:
        (private.settings.output / file).unlink()
    forget(private, "Ada")  # the commit log has lost them
    report = unpublish(private, "Ada", pace=FAST.pace)

    assert report.removed == objects
    assert not (rclone_folder / bucket / "Ada").exists()
    assert b"Ada/" not in private.database.read_bytes()
    folders = {e.planned.folder for e in ledger(private, destination)}
    assert folders == {"Ben", "Cleo", *INDEX_NAMES}
    with pytest.raises(GalleryError, match="nothing in this workspace is known under 'Ada'"):
        what_is_published(private, "Ada")
    assert publish(private, destination, delivered, FAST).sent == 0
    assert what_is_known(private, "Ben").published


def test_a_bucket_with_versions_says_so(
    private: Workspace, moto_endpoint: str, moto_bucket: str
) -> None:
    theirs = client(moto_endpoint)
    theirs.put_bucket_versioning(Bucket=moto_bucket, VersioningConfiguration={"Status": "Enabled"})
    destination = Destination.parse(f"s3://{moto_bucket}", moto_endpoint)
    publish(private, destination, delivered, FAST)

    report = unpublish(private, "Ben", pace=FAST.pace)

    assert report.removed > 0
    assert report.versions == (destination,)


def test_nobody_is_a_sentence(private: Workspace) -> None:
    with pytest.raises(GalleryError, match="nothing in this workspace is known under 'Nobody'"):
        what_is_published(private, "Nobody")
    assert what_is_published(private, "Ada") == {}
