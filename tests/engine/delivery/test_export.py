"""A fresh delivery: what is in it, what is not and why, and that other programs can read it."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import numpy as np
import pytest
from disks import pipe
from PIL import Image
from synthetic_event import make_workspace, sort_in_threads, tree, write_photo

from facesort.engine.delivery.export import ExportReport, export
from facesort.engine.delivery.export_files import ExportOptions
from facesort.engine.review import answers as review
from facesort.errors import OutputError
from facesort.faces.engines.synthetic import draw_synthetic_face
from facesort.faces.protocol import ModelPack
from facesort.images import jpeg_size
from facesort.workspace import Workspace

Job = tuple[Workspace, ModelPack]


def write_scene(path: Path, people: list[int], number: int) -> None:
    """A large colourful photo in which faces change little."""
    coarse = np.random.default_rng(8).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    pixels = np.array(Image.fromarray(coarse).resize((1920, 1440), Image.Resampling.BICUBIC))
    for position, identity in enumerate(people):
        left = 100 + 300 * position
        draw_synthetic_face(pixels, (left, 200, left + 108, 308), identity, variation=30)
    pixels[:9, :9] = number  # or they would be copies of one file
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A sorted event with a wrong match that a user has rejected, and three photos taken as one burst."""
    root = tmp_path_factory.mktemp("event")
    write_photo(root / "source" / "group.png", [1, 2, 77], variation=40)
    for name, shade in (("alone", 200), ("wrong", 120)):
        write_photo(root / "source" / f"{name}.png", [3], variation=40, shade=shade)
    write_photo(root / "source" / "stranger.png", [500])
    write_photo(root / "source" / "z" / "empty.png", [])
    shutil.copy(root / "source" / "alone.png", root / "source" / "z" / "copy.png")
    (root / "source" / "z" / "broken.jpg").write_bytes(b"not a photo")
    for number, people in enumerate(([4], [4, 1], [4])):
        write_scene(root / "source" / f"burst-{number}.png", people, number)
    workspace, pack = make_workspace(root, root / "source")
    sort_in_threads(workspace, pack)
    with workspace.open_store() as store:
        face = store.value(
            "SELECT face_id FROM face JOIN photo_state USING (photo_id) WHERE path = 'wrong.png'"
        )
    review.answer_faces(workspace, {face: "Person 3"}, "no")
    return workspace, pack


def export_to(job: Job, folder: Path, **options: object) -> ExportReport:
    return export(*job, folder, ExportOptions(**options), ThreadPoolExecutor(2))  # type: ignore[arg-type]


def test_the_callers_executor_stays_open(job: Job, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as executor:
        export(*job, tmp_path / "export", ExportOptions(), executor)
        assert executor.submit(len, "ab").result() == 2


def left_out(folder: Path) -> set[tuple[str, str, str, str]]:
    with (folder / "_left_out.csv").open(encoding="utf-8-sig", newline="") as stream:
        return {(r["photo"], r["folder"], r["why"], r["instead"]) for r in csv.DictReader(stream)}


def copies(folder: Path) -> set[str]:
    """Folder and stem of every copy."""
    return {name.rpartition("_")[0] for name in tree(folder) if name.endswith(".jpg")}


def test_everyone_gets_what_is_theirs_now(job: Job, tmp_path: Path) -> None:
    report = export_to(job, tmp_path / "out")

    bursts = {f"Person 4/burst-{n}" for n in range(3)}
    assert copies(tmp_path / "out") == bursts | {
        "Person 1/group", "Person 2/group", "Person 3/alone", "Person 1/burst-1",
    }  # fmt: skip
    assert left_out(tmp_path / "out") == {
        ("wrong.png", "", "only_unknown_faces", ""),
        ("stranger.png", "", "only_unknown_faces", ""),
        ("z/empty.png", "", "no_face", ""),
        ("z/copy.png", "", "duplicate", ""),
        ("z/broken.jpg", "", "not_an_image", ""),
    }
    assert (report.files, report.linked, report.not_rendered) == (7, 0, 0)
    # the same bytes as in the output
    assert tree(tmp_path / "out").items() >= {
        item for item in tree(job[0].settings.output).items() if "wrong" not in item[0]
    }


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs sha256sum of the coreutils")
def test_the_manifest_is_read_by_sha256sum(job: Job, tmp_path: Path) -> None:
    export_to(job, tmp_path / "out", xmp=True, results="csv")
    check = ["sha256sum", "--check", "--strict", "_SHA256SUMS"]

    done = subprocess.run(check, cwd=tmp_path / "out", capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    listed = {line.rpartition(": ")[0] for line in done.stdout.splitlines()}
    assert listed == tree(tmp_path / "out").keys() - {"_SHA256SUMS"}
    next((tmp_path / "out" / "Person 1").glob("*.jpg")).write_bytes(b"changed")
    assert subprocess.run(check, cwd=tmp_path / "out", capture_output=True, check=False).returncode


@pytest.mark.parametrize("place", ["source", "output", "workspace", "full", "file"])
def test_a_folder_that_is_not_its_own_is_refused(job: Job, tmp_path: Path, place: str) -> None:
    settings = job[0].settings
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious").write_text("mine")
    (tmp_path / "file").write_text("mine")
    inside = {
        "source": settings.sources["card-1"],
        "output": settings.output,
        "workspace": job[0].root,
    }
    folder = inside[place] / "new" if place in inside else tmp_path / place

    with pytest.raises(OutputError, match=r"lies inside|is not an empty folder"):
        export_to(job, folder)

    assert not (folder / "_SHA256SUMS").exists()


def test_hard_links_share_the_files_of_the_output(job: Job, tmp_path: Path) -> None:
    report = export_to(job, job[0].root.parent / "links", hard_links=True)

    linked = next((job[0].root.parent / "links" / "Person 2").glob("group_*.jpg"))
    assert (report.linked, report.no_links) == (report.files, "")
    assert os.stat(linked).st_nlink > 1


def test_a_copy_that_was_changed_is_rendered_again_or_left_out(job: Job, tmp_path: Path) -> None:
    shutil.copytree(job[0].settings.output, tmp_path / "sorted")
    shutil.copytree(job[0].settings.sources["card-1"], tmp_path / "source")
    places = {"output": tmp_path / "sorted", "sources": {"card-1": tmp_path / "source"}}
    workspace = Workspace(job[0].root, job[0].settings.model_copy(update=places))
    for copy in (tmp_path / "sorted").rglob("group_*.jpg"):
        copy.write_bytes(b"changed")

    export_to((workspace, job[1]), tmp_path / "again")
    (tmp_path / "source" / "group.png").unlink()
    report = export_to((workspace, job[1]), tmp_path / "without")
    shutil.copy(tmp_path / "source" / "alone.png", tmp_path / "source" / "group.png")
    exchanged = export_to((workspace, job[1]), tmp_path / "exchanged")
    (tmp_path / "source").rename(tmp_path / "away")
    (tmp_path / "source").mkdir()  # a mount point without its disk
    unplugged = export_to((workspace, job[1]), tmp_path / "unplugged")
    (tmp_path / "source").rmdir()
    gone = export_to((workspace, job[1]), tmp_path / "gone")

    assert tree(tmp_path / "again").items() >= {
        item for item in tree(job[0].settings.output).items() if "group" in item[0]
    }
    for found, name, why, sources in (
        (report, "without", "missing", ()),
        (exchanged, "exchanged", "render_changed", ()),
        (unplugged, "unplugged", "missing", ("card-1",)),
        (gone, "gone", "missing", ("card-1",)),
    ):
        assert (found.not_rendered, found.left_out[why], found.unplugged) == (1, 1, sources)
        assert ("group.png", "", why, "") in left_out(tmp_path / name)
    assert not any("group" in name for name in copies(tmp_path / "without"))


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
def test_a_copy_that_became_a_pipe_is_not_waited_for(job: Job, tmp_path: Path) -> None:
    shutil.copytree(job[0].settings.output, tmp_path / "sorted")
    settings = job[0].settings.model_copy(update={"output": tmp_path / "sorted"})
    first = min((tmp_path / "sorted").rglob("group_*.jpg"))

    with pipe(first) as opened:
        export_to((Workspace(job[0].root, settings), job[1]), tmp_path / "again")

    assert opened == []
    assert tree(tmp_path / "again").items() >= {
        item for item in tree(job[0].settings.output).items() if "group" in item[0]
    }


def test_of_a_burst_everyone_gets_the_sharpest_they_are_on(job: Job, tmp_path: Path) -> None:
    export_to(job, tmp_path / "out", near_duplicates="best")

    kept = {name for name in copies(tmp_path / "out") if "burst" in name}
    assert "Person 1/burst-1" in kept  # the only one that she is on
    (best,) = {name for name in kept if name.startswith("Person 4/")}
    dropped = {entry for entry in left_out(tmp_path / "out") if entry[2] == "not_best_of_burst"}
    instead = best.removeprefix("Person 4/") + ".png"
    assert dropped == {
        (f"burst-{n}.png", "Person 4", "not_best_of_burst", instead)
        for n in range(3)
        if f"burst-{n}.png" != instead
    }


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_results_of_all_photos_without_embeddings(job: Job, tmp_path: Path, kind: str) -> None:
    export_to(job, tmp_path / "out", results=kind)

    path = tmp_path / "out" / f"_results.{kind}"
    with duckdb.connect() as anybody:
        read = anybody.read_csv if kind == "csv" else anybody.read_parquet
        table = read(str(path))
        rows = table.project("path, status, persons::VARCHAR, files::VARCHAR").fetchall()
        columns = set(table.columns)
    found = {row[0]: row[1:] for row in rows}
    assert len(found) == 10
    assert found["alone.png"][:2] == ("matched", "[Person 3]")
    assert found["wrong.png"][0] == "unknown"
    assert "Person 2/group_" in found["group.png"][2]
    assert {"distances", "remarks"} <= columns
    assert columns.isdisjoint({"embedding", "latitude"})


def test_positions_go_into_the_table_only_on_request(job: Job, tmp_path: Path) -> None:
    with job[0].open_store() as store:
        store.execute("UPDATE photo SET latitude = 52.5, longitude = 13.25")

    export_to(job, tmp_path / "out", results="csv", with_location=True)

    text = (tmp_path / "out" / "_results.csv").read_text(encoding="utf-8-sig")
    assert '"latitude","longitude","altitude"' in text
    assert "52.5" in text
    assert "13.25" in text


@pytest.mark.skipif(
    shutil.which("exiftool") is None, reason="needs exiftool (apt install libimage-exiftool-perl)"
)
def test_regions_are_read_by_exiftool(job: Job, tmp_path: Path) -> None:
    export_to(job, tmp_path / "out", xmp=True)
    (picture,) = (tmp_path / "out" / "Person 2").glob("group_*.jpg")
    command = ["exiftool", "-j", "-struct", "-n", str(picture.with_suffix(".xmp"))]

    read = subprocess.run(command, capture_output=True, text=True, check=True)

    (tags,) = json.loads(read.stdout)
    info = tags["RegionInfo"]
    width, height = jpeg_size(picture.read_bytes())
    assert info["AppliedToDimensions"] == {"W": width, "H": height, "Unit": "pixel"}
    # Faces were drawn from 20 and 140 px of 640, 60 px of 240, 96 px wide; the stranger is not named.
    names = [region["Name"] for region in info["RegionList"]]
    assert names == ["Person 1", "Person 2"]
    for region, left in zip(info["RegionList"], (20, 140), strict=True):
        area = region["Area"]
        assert region["Type"] == "Face"
        assert area["X"] == pytest.approx((left + 48) / 640, abs=0.005)
        assert area["Y"] == pytest.approx(108 / 240, abs=0.01)
        assert (area["W"], area["H"]) == pytest.approx((96 / 640, 96 / 240), abs=0.01)
    microsoft = tags["RegionInfoMP"]["Regions"]
    assert [region["PersonDisplayName"] for region in microsoft] == names
    rectangle = [float(value) for value in microsoft[1]["Rectangle"].split(",")]
    assert rectangle == pytest.approx([140 / 640, 60 / 240, 96 / 640, 96 / 240], abs=0.01)
