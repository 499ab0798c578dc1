"""Files of more than 8 MB: sent in parts, taken up from those that are there; nobody else's upload is touched."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from object_stores import CUT, CUT_AFTER, Fault, Request, client, proxy
from publishing_event import FAST, RETRY, files, ledger
from synthetic_event import tree

from facesort.core.delivery.objects import Destination
from facesort.engine.publishing.publish import publish
from facesort.workspace import Workspace


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file of three parts, one of exactly one part."""
    folder = tmp_path_factory.mktemp("large")
    chance = random.Random(7)
    (folder / "three.arw").write_bytes(chance.randbytes(20 << 20))
    (folder / "one.arw").write_bytes(chance.randbytes(8 << 20))
    return folder


def part(number: int) -> str:
    return f"partNumber={number}"


def at(method: str, query: str, answer: str) -> Fault:
    def fault(request: Request) -> str | None:
        return answer if request.method == method and query in request.query else None

    return fault


def test_large_files_arrive_in_parts(
    event: Workspace,
    folder: Path,
    server: tuple[str, str],
) -> None:
    upstream, name = server
    with proxy(upstream) as between:
        destination = Destination.parse(f"s3://{name}", between.endpoint)
        report = publish(event, destination, files(folder, "three.arw", "one.arw"), FAST)
        parts = [r.query for r in between.requests if "partNumber" in r.query]
        read = [r for r in between.requests if r.method == "GET" and r.key]

    there = client(upstream).get_object(Bucket=name, Key="Large/three.arw")
    assert there["Body"].read() == (folder / "three.arw").read_bytes()
    assert {k.lower() for k in there["Metadata"]} == {"sha256"}
    assert (report.sent, len(parts), report.dead) == (2, 3, {})
    assert read == [], "the ETag tells what the server has"
    assert client(upstream).list_multipart_uploads(Bucket=name).get("Uploads", []) == []


@pytest.mark.parametrize(
    ("fault", "parts"),
    [
        (at("PUT", part(3), CUT), 1),
        (at("POST", "uploadId", CUT), 0),
    ],
    ids=["last-part", "completion"],
)
def test_an_upload_is_taken_up_from_the_parts_that_are_there(
    event: Workspace,
    folder: Path,
    rclone_endpoint: str,
    rclone_folder: Path,
    bucket: str,
    fault: Fault,
    parts: int,
) -> None:
    planning = files(folder, "three.arw")
    with proxy(rclone_endpoint, fault) as between:
        destination = Destination.parse(f"s3://{bucket}", between.endpoint)
        first = publish(event, destination, planning, FAST)
        between.fault, before = (lambda _: None), len(between.requests)
        second = publish(event, destination, planning, RETRY)
        sent = [r for r in between.requests[before:] if "partNumber" in r.query]
        begun = [r for r in between.requests if r.method == "POST" and r.query == "uploads"]

    assert (first.dead, second.dead, second.sent) == ({"connection_lost": 1}, {}, 1)
    assert (len(sent), len(begun)) == (parts, 1)
    assert tree(rclone_folder / bucket) == {
        "Large/three.arw": ledger(event, destination)[0].planned.sha256
    }
    assert ledger(event, destination)[0].upload_id is None


@pytest.mark.parametrize("lost", [("PUT", part(2)), ("POST", "uploadId")])
def test_what_was_done_without_an_answer_is_found(
    event: Workspace,
    folder: Path,
    rclone_endpoint: str,
    rclone_folder: Path,
    bucket: str,
    lost: tuple[str, str],
) -> None:
    with proxy(rclone_endpoint, at(*lost, CUT_AFTER)) as between:
        destination = Destination.parse(f"s3://{bucket}", between.endpoint)
        report = publish(event, destination, files(folder, "three.arw"), FAST)
        sent = [r for r in between.requests if "partNumber" in r.query]

    assert (report.dead, len(sent)) == ({}, 3)
    assert len(tree(rclone_folder / bucket)) == 1


def test_an_upload_of_other_content_is_given_up_and_that_of_somebody_else_is_not(
    event: Workspace, folder: Path, tmp_path: Path, moto_endpoint: str, moto_bucket: str
) -> None:
    theirs = client(moto_endpoint)
    other = theirs.create_multipart_upload(Bucket=moto_bucket, Key="Large/three.arw")["UploadId"]
    (tmp_path / "three.arw").write_bytes((folder / "three.arw").read_bytes())
    planning = files(tmp_path, "three.arw")
    with proxy(moto_endpoint, at("PUT", part(2), CUT)) as between:
        destination = Destination.parse(f"s3://{moto_bucket}", between.endpoint)
        publish(event, destination, planning, FAST)
        assert len(theirs.list_multipart_uploads(Bucket=moto_bucket)["Uploads"]) == 2
        (tmp_path / "three.arw").write_bytes(b"x" * (9 << 20))
        between.fault = lambda _: None
        report = publish(event, destination, planning, FAST)

    left = theirs.list_multipart_uploads(Bucket=moto_bucket)["Uploads"]
    assert [upload["UploadId"] for upload in left] == [other]
    assert (report.sent, report.dead) == (1, {})
    size = theirs.head_object(Bucket=moto_bucket, Key="Large/three.arw")["ContentLength"]
    assert size == 9 << 20


def test_what_came_between_is_not_replaced(
    event: Workspace, folder: Path, moto_endpoint: str, moto_bucket: str
) -> None:
    theirs = client(moto_endpoint)

    def fault(request: Request) -> None:
        if part(3) in request.query:
            theirs.put_object(Bucket=moto_bucket, Key="Large/three.arw", Body=b"theirs")

    with proxy(moto_endpoint, fault) as between:
        destination = Destination.parse(f"s3://{moto_bucket}", between.endpoint)
        report = publish(event, destination, files(folder, "three.arw"), FAST)

    assert report.dead == {"name_taken": 1}
    there = theirs.get_object(Bucket=moto_bucket, Key="Large/three.arw")["Body"].read()
    assert there == b"theirs"
    assert theirs.list_multipart_uploads(Bucket=moto_bucket).get("Uploads", []) == []
