"""The index beside the objects: it tells what is there, and is the only thing that is ever replaced."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
from object_stores import client, proxy
from private_event import sorted_event
from publishing_event import FAST
from synthetic_event import tree

from facesort.core.delivery.objects import Destination
from facesort.engine.delivery.derivatives import derive_all
from facesort.engine.privacy.forget import forget
from facesort.engine.publishing.plan import delivered, derivatives
from facesort.engine.publishing.publish import publish
from facesort.engine.publishing.unpublish import unpublish
from facesort.workspace import Workspace

SENT = {"index.jsonl": "sent", "index.parquet": "sent"}
KNOWN = {"index.jsonl": "known", "index.parquet": "known"}


def rows_there(endpoint: str, bucket: str, key: str = "index.jsonl") -> list[dict[str, Any]]:
    body = client(endpoint).get_object(Bucket=bucket, Key=key)["Body"].read()
    return [json.loads(line) for line in body.splitlines()]


def test_it_names_every_object_and_follows_what_is_taken_back(
    private: Workspace, moto_endpoint: str, moto_bucket: str
) -> None:
    """On a server that looks before it replaces."""
    with proxy(moto_endpoint) as between:
        destination = Destination.parse(f"s3://{moto_bucket}", between.endpoint)
        assert publish(private, destination, delivered, FAST).index == SENT
        rows = rows_there(moto_endpoint, moto_bucket)
        output = tree(private.settings.output)
        assert {row["file"]: row["sha256"] for row in rows} == output
        assert {row["person"] for row in rows} == {"Ada", "Ben", "Cleo"}

        asked = len(between.requests)
        assert publish(private, destination, delivered, FAST).index == KNOWN
        assert len(between.requests) == asked

        report = unpublish(private, "Ada", pace=FAST.pace)
        assert report.still_named == ()
        rows = rows_there(moto_endpoint, moto_bucket)
        assert {row["person"] for row in rows} == {"Ben", "Cleo"}
        replaced = [r for r in between.requests[asked:] if r.method == "PUT"]
        assert len(replaced) == len(SENT)


def test_who_was_forgotten_is_out_of_it(
    private: Workspace, rclone_endpoint: str, rclone_folder: Path, bucket: str
) -> None:
    destination = Destination.parse(f"s3://{bucket}/gala", rclone_endpoint)
    publish(private, destination, delivered, FAST)
    forget(private, "Ada")

    unpublish(private, "Ada", pace=FAST.pace)

    for name in SENT:
        data = (rclone_folder / bucket / "gala" / name).read_bytes()
        assert b"Ada" not in data
    table = rclone_folder / bucket / "gala" / "index.parquet"
    with duckdb.connect() as connection:
        people = connection.execute("SELECT DISTINCT person FROM read_parquet(?)", [str(table)])
        assert sorted(people.fetchall()) == [("Ben",), ("Cleo",)]
    assert list(private.state.glob("*.parquet")) == []


def test_an_index_of_somebody_else_is_untouched(
    private: Workspace, server: tuple[str, str]
) -> None:
    endpoint, bucket = server
    theirs = client(endpoint)
    theirs.put_object(Bucket=bucket, Key="index.jsonl", Body=b"{}", Metadata={"sha256": "0" * 64})

    report = publish(private, Destination.parse(f"s3://{bucket}", endpoint), delivered, FAST)

    assert report.index == {"index.jsonl": "name_taken", "index.parquet": "sent"}
    assert report.sent == len(tree(private.settings.output))
    assert rows_there(endpoint, bucket) == [{}]


def test_killed_after_it_was_put_and_before_that_was_noted(
    private: Workspace, rclone_endpoint: str, bucket: str
) -> None:
    with proxy(rclone_endpoint) as between:
        destination = Destination.parse(f"s3://{bucket}", between.endpoint)
        publish(private, destination, delivered, FAST)
        with private.open_store() as store:
            store.execute(
                "UPDATE published SET state = 'pending', sha256 = 'before' WHERE target LIKE 'index.%'"
            )
        asked = len(between.requests)

        assert publish(private, destination, delivered, FAST).index == SENT
        assert {r.method for r in between.requests[asked:]} == {
            "HEAD"
        }  # it is found as it should be


def test_it_names_the_smaller_versions_in_the_same_folder(
    tmp_path: Path, rclone_endpoint: str, bucket: str
) -> None:
    workspace, pack = sorted_event(tmp_path)
    derive_all(workspace, pack)
    destination = Destination.parse(f"s3://{bucket}", rclone_endpoint)
    publish(workspace, destination, delivered, FAST)
    assert all(row["derivatives"] == [] for row in rows_there(rclone_endpoint, bucket))

    assert publish(workspace, destination, derivatives, FAST).index == SENT

    told = client(rclone_endpoint).list_objects_v2(Bucket=bucket)["Contents"]
    there = {each["Key"]: each["Size"] for each in told}
    for row in rows_there(rclone_endpoint, bucket):
        assert row["derivatives"]
        for smaller in row["derivatives"]:
            assert smaller["file"].startswith(f"{row['folder']}/derivatives/")
            assert there[smaller["file"]] == smaller["size"]


def test_copies_that_were_lost_here_are_still_told(
    private: Workspace, rclone_endpoint: str, bucket: str
) -> None:
    workspace = private
    destination = Destination.parse(f"s3://{bucket}", rclone_endpoint)
    publish(workspace, destination, delivered, FAST)
    before = rows_there(rclone_endpoint, bucket)
    for copy in workspace.settings.output.rglob("*.jpg"):
        copy.unlink()

    assert publish(workspace, destination, delivered, FAST).index == KNOWN

    assert rows_there(rclone_endpoint, bucket) == before
