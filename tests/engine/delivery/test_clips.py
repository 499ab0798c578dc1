"""Clips as they leave the workspace: a frame for each person, and when who is seen."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_clips import Actor, every, stage, write_clip
from filmed_event import with_photos
from jsonschema import Draft202012Validator
from synthetic_event import make_workspace, sort_in_threads, tree, write_photo

from facesort.engine.delivery.export import export
from facesort.engine.delivery.export_files import ExportOptions
from facesort.engine.gallery.persons import set_delivery
from facesort.engine.job.repair import repair_output
from facesort.engine.job.sort import run_rematch
from facesort.engine.review.answers import answer_faces
from facesort.faces.protocol import ModelPack
from facesort.store.queries.delivery.corrections import corrections
from facesort.workspace import Workspace

Job = tuple[Workspace, ModelPack]
POSTER = re.compile(r"C0001_00-00-0(\d)\.(\d{3})_[0-9a-f]{12}\.jpg")
LEFT, RIGHT = (60, 60), (400, 90)


def film(root: Path, **photos: object) -> Job:
    """A clip in which two people are alone, then together; a stranger in another one, and a photo."""
    write_photo(root / "source" / "DSC1.jpg", [1], variation=40)
    both = [Actor(1, 0, 1600, at=lambda _: LEFT), Actor(2, 800, 2400, at=lambda _: RIGHT)]
    write_clip(root / "source" / "C0001.MP4", stage(both, every(100, 2400)))
    write_clip(root / "source" / "C0002.MP4", stage([Actor(9, 0, 800)], every(100, 800)))
    workspace, pack = make_workspace(root, root / "source")
    workspace = with_photos(workspace, videos=True, **photos)
    sort_in_threads(workspace, pack)
    return workspace, pack


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    return film(tmp_path_factory.mktemp("filmed"))


@pytest.fixture(scope="module")
def exported(job: Job) -> Path:
    """An export with all that there is."""
    folder = job[0].root.parent / "export"
    export(*job, folder, ExportOptions(xmp=True, gallery=True, results="csv"))
    return folder


def posters(folder: Path) -> dict[str, list[int]]:
    """Times in ms of the frames of the first clip, by person's folder."""
    found: dict[str, list[int]] = {}
    for path in sorted(folder.glob("*/*.jpg")):
        if match := POSTER.fullmatch(path.name):
            found.setdefault(path.parent.name, []).append(1000 * int(match[1]) + int(match[2]))
    return found


def rows_of(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "index.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_an_export_holds_the_frames_that_the_output_does(job: Job, exported: Path) -> None:
    assert posters(exported) == posters(job[0].settings.output)
    assert posters(exported).keys() == {"Person 1", "Person 2"}
    for file, digest in tree(job[0].settings.output).items():
        assert tree(exported)[file] == digest


def test_the_index_says_where_the_person_is_in_the_frame_and_when_in_the_clip(
    exported: Path,
) -> None:
    schema = json.loads(
        files("facesort.engine.delivery").joinpath("index.schema.json").read_text("utf-8")
    )
    rows = rows_of(exported)
    Draft202012Validator(schema).validate(rows[0])
    for row in rows:
        Draft202012Validator(schema).validate(row)
    of_photo = [row for row in rows if row["at_ms"] is None]
    assert [row["segments"] for row in of_photo] == [None]
    truth = {"Person 1": (LEFT, 0, 1600), "Person 2": (RIGHT, 800, 2400)}
    of_clip = {row["person"]: row for row in rows if row["at_ms"] is not None}
    assert of_clip.keys() == truth.keys()
    for name, row in of_clip.items():
        (x, y), start, end = truth[name]
        box = [row["face"]["left"] * 640, row["face"]["top"] * 240]
        assert np.abs(np.array(box) - (x, y)).max() < 25
        (segment,) = row["segments"]
        assert abs(segment["start_ms"] - start) <= 200
        assert abs(segment["end_ms"] - end) <= 200
        assert row["at_ms"] == segment["best_ms"]
        assert row["duration_ms"] == pytest.approx(2400, abs=50)
        together = 800 <= row["at_ms"] < 1600
        assert len(row["faces"]) == (2 if together else 1)


def test_who_is_seen_when_for_programs_and_for_players(exported: Path) -> None:
    told = json.loads((exported / "_videos.json").read_text(encoding="utf-8"))
    assert [person["person"] for person in told["persons"]] == ["Person 1", "Person 2"]
    for person in told["persons"]:
        (clip,) = person["clips"]
        assert clip["clip"] == "C0001.MP4"
        assert [(exported / file).is_file() for file in clip["files"]] == [True]
        assert len(clip["segments"]) == 1
    (mine,) = (exported / "Person 1").glob("C0001_*.vtt")
    lines = mine.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "WEBVTT"
    assert [line for line in lines if line.startswith("Person")] == [
        "Person 1",
        "Person 1, Person 2",
        "Person 2",
    ]
    times = [line.split(" --> ") for line in lines if "-->" in line]
    assert [end for _, end in times[:-1]] == [start for start, _ in times[1:]]
    assert f"{mine.parent.name}/{mine.name}" in (exported / "_SHA256SUMS").read_text()


def test_the_gallery_marks_frames_of_clips(exported: Path) -> None:
    page = (exported / "_gallery" / "Person 2.html").read_text(encoding="utf-8")
    (at_ms,) = posters(exported)["Person 2"]
    assert page.count("data-clip=") == 1
    assert f'data-clip="0:0{at_ms // 1000}"' in page
    assert "from a video at" in page
    everybody = (exported / "index.html").read_text(encoding="utf-8")
    assert 1 <= everybody.count('data-clip="') <= 2


def test_regions_stand_beside_a_frame(exported: Path) -> None:
    sidecars = sorted(exported.glob("*/C0001_00-*.xmp"))
    assert [path.parent.name for path in sidecars] == ["Person 1", "Person 2"]
    for path in sidecars:
        assert f">{path.parent.name}<" in path.read_text(encoding="utf-8")


def test_a_rejected_track_is_nobodys_and_its_frame_is_told(tmp_path: Path) -> None:
    """After the review: the clip is taken from one person, and goes to another; nothing else is decoded."""
    workspace, pack = film(tmp_path)
    with workspace.open_store(read_only=True) as store:
        ((face_id,),) = store.rows(
            "SELECT face_id FROM face_state JOIN track USING (face_id) JOIN person p USING (person_id) "
            "WHERE p.name = 'Person 2'"
        )
    before = tree(workspace.settings.output)
    answer_faces(workspace, {face_id: "Person 3"}, "yes")
    (tmp_path / "source" / "C0002.MP4").unlink()
    run_rematch(workspace, pack)
    there = posters(workspace.settings.output)
    assert there["Person 3"] == there["Person 2"]
    assert before.items() <= tree(workspace.settings.output).items()
    with workspace.open_store(read_only=True) as store:
        (wrong,) = corrections(store)
    assert wrong.file.startswith("Person 2/C0001_")
    export(workspace, pack, tmp_path / "export", ExportOptions())
    assert posters(tmp_path / "export").keys() == {"Person 1", "Person 3"}


def test_of_somebody_who_is_withheld_nothing_is_told(tmp_path: Path) -> None:
    workspace, pack = film(tmp_path)
    set_delivery(workspace, "Person 2", deliver=False)
    export(workspace, pack, tmp_path / "export", ExportOptions(xmp=True, gallery=True))
    assert posters(tmp_path / "export") == {}
    assert not (tmp_path / "export" / "_videos.json").exists()
    assert not list((tmp_path / "export").rglob("*.vtt"))


def test_whole_clips_are_copied_as_they_are_where_the_settings_say_so(tmp_path: Path) -> None:
    workspace, pack = film(tmp_path, clips="copy")
    output = workspace.settings.output
    clip = (tmp_path / "source" / "C0001.MP4").read_bytes()
    copies = sorted(output.glob("*/C0001_*"))
    assert [path.parent.name for path in copies] == ["Person 1", "Person 2"]
    assert {path.suffix for path in copies} == {".mp4"}
    assert {path.read_bytes() for path in copies} == {clip}
    assert run_rematch(workspace, pack)[1].files == 0

    copies[0].unlink()
    assert repair_output(workspace, pack).repaired == (copies[0].relative_to(output).as_posix(),)
    (tmp_path / "source" / "C0001.MP4").unlink()  # the copies serve
    export(workspace, pack, tmp_path / "export", ExportOptions(xmp=True, gallery=True))
    for file, digest in tree(output).items():
        assert tree(tmp_path / "export")[file] == digest
    row = next(row for row in rows_of(tmp_path / "export") if row["duration_ms"])
    assert (row["at_ms"], row["face"], row["faces"]) == (None, None, [])
    assert len(row["segments"]) == 1
    (chapters,) = (tmp_path / "export" / "Person 2").glob("*.vtt")
    assert chapters.with_suffix(".mp4").is_file()
    assert "xmpDM:startTime" in chapters.with_suffix(".xmp").read_text(encoding="utf-8")
    page = (tmp_path / "export" / "index.html").read_text(encoding="utf-8")
    assert ".mp4" not in page


def test_nothing_is_delivered_of_clips_where_the_settings_say_so(tmp_path: Path) -> None:
    workspace, pack = film(tmp_path, clips="none")
    assert not list(workspace.settings.output.glob("*/C000*"))
    export(workspace, pack, tmp_path / "export", ExportOptions())
    assert not list((tmp_path / "export").glob("*/C000*"))
    assert "clips_none" in (tmp_path / "export" / "_left_out.csv").read_text(encoding="utf-8-sig")
    told = json.loads((tmp_path / "export" / "_videos.json").read_text(encoding="utf-8"))
    assert [clip["files"] for person in told["persons"] for clip in person["clips"]] == [[], []]

    workspace = with_photos(workspace, clips="poster")
    assert run_rematch(workspace, pack)[1].files == 2
    assert posters(workspace.settings.output).keys() == {"Person 1", "Person 2"}
