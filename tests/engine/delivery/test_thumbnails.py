"""Pictures of persons: the best face that is delivered, a better one when it comes, or the one that a user chose."""

from __future__ import annotations

import io
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from synthetic_event import make_workspace, sort_in_threads, tree, write_photo

from facesort.core.delivery.portraits import Portrait, best_portraits
from facesort.core.records import PhotoRef
from facesort.core.stored import StoredFace, StoredPhoto
from facesort.engine.delivery.derivatives import DeriveReport, derive_all
from facesort.engine.gallery.persons import choose_picture, set_delivery
from facesort.engine.review.answers import answer_faces
from facesort.engine.setup import open_with_pack
from facesort.faces.engines.synthetic import draw_synthetic_face
from facesort.faces.protocol import ModelPack
from facesort.settings import DerivativeSettings, save_settings
from facesort.workspace import Workspace

Job = tuple[Workspace, ModelPack]


def face_of(
    side: float, *, face_id: int = 1, quality: float = 0.8, sure: bool = True
) -> StoredFace:
    outcome = "strict" if sure else "loose"
    box = (100.0, 100.0, 100.0 + side, 100.0 + side)
    return StoredFace(
        face_id, PhotoRef(1, "a.jpg"), box, quality=quality, outcome=outcome, person_id=7, person="Ada"
    )  # fmt: skip


def photo_of(
    *faces: StoredFace, size: tuple[int, int] = (6000, 4000), **given: object
) -> StoredPhoto:
    return StoredPhoto(PhotoRef(1, "a.jpg"), "matched", None, "0", size, faces=faces, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        (photo_of(face_of(900, quality=0.7)), photo_of(face_of(900, quality=0.8))),
        (photo_of(face_of(900, quality=0.9, sure=False)), photo_of(face_of(300, quality=0.4))),
        (photo_of(face_of(900), remarks=("damaged",)), photo_of(face_of(900, quality=0.5))),
        # 400 px of 6000 are 137 in the copy: with its margins, 246.
        (photo_of(face_of(400, quality=0.8)), photo_of(face_of(600, quality=0.75))),
        (photo_of(face_of(900, face_id=2)), photo_of(face_of(900, face_id=1))),
    ],
    ids=["quality", "sure", "whole", "large enough", "the first of equals"],
)
def test_which_face_is_better(worse: StoredPhoto, better: StoredPhoto) -> None:
    for photos in ([worse, better], [better, worse]):
        assert best_portraits(photos, 2048)[7].photo is better


def test_who_left_the_gallery_and_unknown_faces_have_no_portrait() -> None:
    left = replace(face_of(900), person=None)
    unknown = replace(face_of(900), person=None, person_id=None)
    assert best_portraits([photo_of(left, unknown)], 2048) == {}


@pytest.mark.parametrize(
    ("turn", "size", "wanted"),
    [
        (0, (300, 200), (10, 20, 50, 80)),
        (90, (200, 300), (120, 10, 180, 50)),
        (180, (300, 200), (250, 120, 290, 180)),
        (270, (200, 300), (20, 250, 80, 290)),
    ],
)
def test_the_box_is_found_in_the_copy_as_it_is_turned(
    turn: int, size: tuple[int, int], wanted: tuple[float, ...]
) -> None:
    ref = PhotoRef(1, "a.jpg", turn=turn, upright=True)
    face = replace(face_of(1), box=(100.0, 200.0, 500.0, 800.0))
    photo = replace(photo_of(face, size=(3000, 2000)), photo=ref)
    assert Portrait(photo, face).box_in(size) == pytest.approx(wanted)
    lying = replace(photo, photo=PhotoRef(1, "a.jpg", turn=turn))
    assert Portrait(lying, face).box_in((300, 200)) == pytest.approx((10, 20, 50, 80))


def write_large(path: Path, identity: int, side: int, shade: int) -> None:
    pixels = np.full((1000, 1500, 3), shade, dtype=np.uint8)
    draw_synthetic_face(pixels, (300, 200, 300 + side, 200 + side), identity, variation=40)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """Person 1 is small in one photo, Person 2 as well; one derivative of each."""
    write_photo(tmp_path / "source" / "small.png", [1], variation=40)
    write_photo(tmp_path / "source" / "two.png", [2], variation=40, shade=150)
    workspace, _ = make_workspace(tmp_path, tmp_path / "source")
    asked = DerivativeSettings(enabled=True, edges=(64,), formats=("webp",))
    settings = workspace.settings.model_copy(update={"derivatives": asked})
    save_settings(settings, workspace.root / "facesort.toml")
    job = open_with_pack(workspace.root)
    sort_in_threads(*job)
    return job


def pictures(workspace: Workspace) -> dict[str, str]:
    pointer = json.loads((workspace.derivatives / "persons.json").read_text())
    return {person["folder"]: person["file"] for person in pointer["persons"]}


def size_of(workspace: Workspace, key: str) -> tuple[int, int]:
    picture = Image.open(io.BytesIO((workspace.derivatives / key).read_bytes()))
    assert picture.format == "JPEG"
    assert not picture.getexif()
    return picture.size


def test_a_better_face_gives_a_new_picture_under_a_new_name(job: Job, tmp_path: Path) -> None:
    workspace, _ = job
    before = pictures(workspace)
    assert before.keys() == {"Person 1", "Person 2"}
    assert size_of(workspace, before["Person 1"]) == (154, 171)  # not enlarged

    write_large(tmp_path / "source" / "z.png", 1, 400, 200)
    sort_in_threads(*job)

    after = pictures(workspace)
    assert after["Person 1"] != before["Person 1"]
    assert size_of(workspace, after["Person 1"]) == (300, 300)
    assert after["Person 2"] == before["Person 2"]
    assert not (workspace.derivatives / before["Person 1"]).exists()
    files = tree(workspace.derivatives)
    write_large(tmp_path / "source" / "zz.png", 1, 60, 120)  # worse
    sort_in_threads(*job)
    assert pictures(workspace) == after
    assert tree(workspace.derivatives).keys() > files.keys()


def test_the_picture_that_a_user_chose_wins(job: Job) -> None:
    workspace, _ = job
    before = pictures(workspace)
    with workspace.open_store() as store:
        ((reference, crop),) = store.rows(
            "SELECT reference_id, crop FROM reference JOIN person USING (person_id) WHERE name = 'Person 1'"
        )
    choose_picture(workspace, "Person 1", reference)
    assert pictures(workspace) == before  # it is made by the next of these
    assert derive(job).pictures == 1
    after = pictures(workspace)
    assert (workspace.derivatives / after["Person 1"]).read_bytes() == bytes(crop)
    choose_picture(workspace, "Person 1", None)
    derive(job)
    assert pictures(workspace) == before


def test_a_lost_picture_is_made_again(job: Job) -> None:
    workspace, _ = job
    files = tree(workspace.derivatives)
    (workspace.derivatives / pictures(workspace)["Person 2"]).unlink()
    (workspace.derivatives / "persons.json").unlink()
    assert derive(job) == DeriveReport(photos=2, kept=2, pictures=1)
    assert tree(workspace.derivatives) == files


@pytest.mark.parametrize("wrong", [False, True])
def test_a_picture_that_cannot_be_made_again_stays_unless_it_is_of_somebody_else(
    job: Job, tmp_path: Path, wrong: bool
) -> None:
    workspace, _ = job
    write_large(tmp_path / "source" / "z.png", 1, 400, 200)
    sort_in_threads(*job)
    before = pictures(workspace)
    with workspace.open_store() as store:
        asked = (
            "SELECT face_id FROM thumbnail JOIN person USING (person_id) WHERE name = 'Person 1'"
        )
        face = store.value(asked)
    if wrong:
        answer_faces(workspace, {face: "Person 1"}, "no")
    else:
        (workspace.derivatives / before["Person 1"]).unlink()  # so that it is to be made again
    shutil.rmtree(tmp_path / "source")
    shutil.rmtree(workspace.settings.output / "Person 1")
    derive(job)
    left = before if not wrong else {"Person 2": before["Person 2"]}
    assert pictures(workspace) == left
    assert (workspace.derivatives / before["Person 1"]).exists() is False


def test_who_is_withheld_has_none(job: Job) -> None:
    workspace, _ = job
    lost = pictures(workspace)["Person 2"]
    set_delivery(workspace, "Person 2", deliver=False)
    assert pictures(workspace).keys() == {"Person 1"}  # at once
    derive(job)
    assert not (workspace.derivatives / lost).exists()


def derive(job: Job) -> DeriveReport:
    with ThreadPoolExecutor(2) as executor:
        return derive_all(*job, executor)
