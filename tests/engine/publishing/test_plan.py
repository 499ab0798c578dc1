"""What is published besides the delivered copies: the source files, or a finished export."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from private_event import sorted_event
from publishing_event import FAST, ledger, without_index
from synthetic_event import tree

from facesort.core.delivery.objects import Destination
from facesort.core.text.foreign_text import checksum_entry, checksum_line
from facesort.engine.delivery.derivatives import derive_all
from facesort.engine.delivery.export import export
from facesort.engine.delivery.export_files import ExportOptions
from facesort.engine.publishing.plan import derivatives, exported, originals
from facesort.engine.publishing.publish import dry_run, publish
from facesort.engine.publishing.unpublish import unpublish
from facesort.errors import PublishError


def test_source_files_go_as_they_are_and_are_refused_if_they_changed(
    tmp_path: Path, rclone_endpoint: str, rclone_folder: Path, bucket: str
) -> None:
    workspace, _ = sorted_event(tmp_path)
    (source,) = workspace.settings.sources.values()
    destination = Destination.parse(f"s3://{bucket}", rclone_endpoint)
    with workspace.open_store(read_only=True) as store:
        items = originals(workspace, store).items
    changed, gone = {i.places[0] for i in items[:1]}, {items[-1].places[0]}
    for place in changed:
        place.write_bytes(place.read_bytes() + b"0")
    for place in gone:
        place.unlink()

    report = publish(workspace, destination, originals, FAST)

    there = tree(rclone_folder / bucket)
    assert report.left_out["missing"] == sum(i.places[0] in gone for i in items)
    assert sum(report.dead.values()) == sum(i.places[0] in changed for i in items)
    assert set(there.values()) <= set(tree(source).values())
    assert len(there) == report.sent > 0
    assert all(key.split("/")[1] == "originals" for key in there)


def test_smaller_versions_are_in_the_folder_of_everyone_in_the_photo(
    tmp_path: Path, rclone_endpoint: str, rclone_folder: Path, bucket: str
) -> None:
    workspace, pack = sorted_event(tmp_path)
    destination = Destination.parse(f"s3://{bucket}", rclone_endpoint)
    assert dry_run(workspace, destination, derivatives, FAST).waiting == 0
    with ThreadPoolExecutor(2) as executor:
        derive_all(workspace, pack, executor)

    report = publish(workspace, destination, derivatives, FAST)

    there = tree(rclone_folder / bucket)
    assert len(there) == report.sent > 0
    assert all(Path(key).stem == sha256 for key, sha256 in there.items())
    assert {key.split("/")[0] for key in there} == {"Ada", "Ben", "Cleo"}
    assert unpublish(workspace, "Ada", pace=FAST.pace).left == ()
    assert {key.split("/")[0] for key in tree(rclone_folder / bucket)} == {"Ben", "Cleo"}


def test_an_export_goes_by_its_manifest(
    tmp_path: Path, rclone_endpoint: str, rclone_folder: Path, bucket: str
) -> None:
    workspace, pack = sorted_event(tmp_path)
    export(workspace, pack, tmp_path / "new", ExportOptions(xmp=True, results="csv", gallery=True))
    (tmp_path / "new" / "Ada" / "not-ours.jpg").write_bytes(b"x")
    destination = Destination.parse(f"s3://{bucket}", rclone_endpoint)

    report = publish(workspace, destination, exported(tmp_path / "new"), FAST)

    wanted = {
        file: sha
        for file, sha in tree(tmp_path / "new").items()
        if file not in ("_SHA256SUMS", "_left_out.csv", "_results.csv", "Ada/not-ours.jpg")
    }
    assert "index.html" in wanted and any(file.startswith("_gallery/") for file in wanted)
    assert tree(rclone_folder / bucket) == wanted
    assert report.sent == len(without_index(wanted))
    assert report.index == {"index.jsonl": "sent", "index.parquet": "sent"}
    entries = ledger(workspace, destination)
    owned = {e.planned.target for e in entries if e.planned.person_id is not None}
    assert {file for file in wanted if file.startswith(("Ada/", "_gallery/Ada."))} <= owned
    assert unpublish(workspace, "Ada", pace=FAST.pace).still_named == ("index.html", "_gallery/")
    gone = wanted.keys() - tree(rclone_folder / bucket).keys()
    assert gone == {file for file in wanted if file.startswith(("Ada/", "_gallery/Ada."))}


@pytest.mark.parametrize(
    "line", ["nonsense", f"{'0' * 64}  ../../etc/passwd", f"{'0' * 64}  /etc/x"]
)
def test_a_manifest_that_facesort_does_not_write_is_refused(tmp_path: Path, line: str) -> None:
    workspace, _ = sorted_event(tmp_path)
    (tmp_path / "new").mkdir()
    with pytest.raises(PublishError, match="is no export"):
        exported(tmp_path / "new")
    (tmp_path / "new" / "_SHA256SUMS").write_text(f"{line}\n")
    destination = Destination.parse("s3://bucket", "http://127.0.0.1:9")

    with pytest.raises(PublishError, match="is not one that facesort writes"):
        publish(workspace, destination, exported(tmp_path / "new"), FAST)


@pytest.mark.parametrize("name", ["a/b.jpg", "a\\b", "a\nb", "\\n", "ä  b"])
def test_a_line_of_a_manifest_is_read_as_it_was_written(name: str) -> None:
    line = checksum_line("ab" * 32, name)

    assert checksum_entry(line.rstrip("\n")) == ("ab" * 32, name)


@pytest.mark.parametrize(
    ("url", "endpoint", "words"),
    [
        ("http://bucket/x", "", "is no destination: give s3://bucket/prefix"),
        ("s3://", "", "is no destination"),
        ("s3://bucket/a//b", "", "names between single slashes"),
        ("s3://bucket/../b", "", "names between single slashes"),
        ("s3://bucket", "ftp://host", "is no endpoint"),
        ("s3://bucket", "https://me:secret@host", "holds no user, password"),
    ],
)
def test_what_is_no_destination(url: str, endpoint: str, words: str) -> None:
    with pytest.raises(PublishError, match=words) as caught:
        Destination.parse(url, endpoint)
    assert "secret" not in str(caught.value)
