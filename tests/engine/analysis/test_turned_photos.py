"""Photos that lie on their side or head, and small faces in large photos: analysed, stored and rendered again."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from synthetic_event import make_workspace, sort_in_threads

from facesort.core.records import Analysis, PhotoRef
from facesort.engine.analysis.analyse import Analyser, Task, analyse_file, render_file
from facesort.engine.gallery.reembed import reembed
from facesort.engine.gallery.seed import Candidate, seed
from facesort.engine.setup import set_up
from facesort.faces.engines.load import load_engine
from facesort.faces.engines.synthetic import draw_synthetic_face, synthetic_embedding
from facesort.faces.packs.find import resolve_pack
from facesort.faces.protocol import ModelPack
from facesort.images import decode_jpeg
from facesort.settings import PhotoSettings
from facesort.store.queries import tables
from facesort.store.queries.delivery.commit_log import verified_writes
from facesort.store.queries.gallery import reference_crops
from facesort.workspace import Workspace

_TURNS = [90, 180, 270]
_BOX = (100, 60, 196, 156)
_ORIENTATION = 274


def _write(path: Path, turn: int, *, tag: int | None = None, identity: int = 3) -> None:
    """A photo of 480 x 320 px that must be turned clockwise to show its face upright."""
    pixels = np.full((320, 480, 3), 190, np.uint8)
    draw_synthetic_face(pixels, _BOX, identity, variation=10)
    exif = Image.Exif()
    if tag is not None:
        exif[_ORIENTATION] = tag
    Image.fromarray(np.rot90(pixels, turn // 90)).save(path, quality=95, exif=exif)


def _analysed(path: Path, **settings: bool) -> tuple[Analyser, PhotoRef, Analysis]:
    photos = PhotoSettings(**settings)  # type: ignore[arg-type]
    analyser = Analyser({"": Path("/")}, resolve_pack("synthetic", []), photos)
    photo = PhotoRef(1, str(path))
    return analyser, photo, analyse_file(analyser, Task(photo))


def _size(jpeg: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(jpeg)) as image:
        return image.size


@pytest.mark.parametrize("turn", _TURNS)
def test_a_face_is_found_however_the_photo_lies_and_told_where_viewers_show_it(
    tmp_path: Path, turn: int
) -> None:
    _write(tmp_path / "a.jpg", turn)
    _, _, analysis = _analysed(tmp_path / "a.jpg")

    (face,) = analysis.faces
    assert (face.turn, analysis.turn) == (turn, turn)
    np.testing.assert_array_equal(face.embedding, synthetic_embedding(3, 10))
    with Image.open(tmp_path / "a.jpg") as image:
        left, top, right, bottom = (round(float(edge)) for edge in face.box)
        shown = np.asarray(image.crop((left, top, right, bottom)))
        assert _size(analysis.jpeg) == image.size, "it is delivered as it is, unless asked"
    assert shown[:3].max() < 90
    assert shown[:, :3].max() < 90, "the box ends with the black border"
    assert analysis.info is not None
    assert analysis.info.remarks == ("turned",)
    crop = decode_jpeg(face.crop)  # people see the face upright
    engine = load_engine(resolve_pack("synthetic", []), threads=1)
    assert len(engine.detect(crop))


@pytest.mark.parametrize("turn", _TURNS)
def test_a_photo_is_delivered_upright_if_asked_and_rendered_again_to_the_same_bytes(
    tmp_path: Path, turn: int
) -> None:
    _write(tmp_path / "a.jpg", turn)
    analyser, photo, analysis = _analysed(tmp_path / "a.jpg", auto_upright=True)

    assert _size(analysis.jpeg) == (480, 320)
    assert analysis.info is not None
    assert analysis.info.remarks == ("turned", "upright")
    pixels = decode_jpeg(analysis.jpeg)
    assert abs(pixels[_BOX[1] + 7, _BOX[0] + 30].astype(int) - (255, 0, 255)).max() < 40
    again = PhotoRef(photo.photo_id, photo.path, turn=analysis.turn, upright=True)
    assert render_file(analyser, again, analysis.sha256) == analysis.jpeg


@pytest.mark.parametrize("tag", [1, 6])
def test_what_the_file_says_decides_how_the_photo_is_delivered(tmp_path: Path, tag: int) -> None:
    """Whoever lies in an upright photo is found; the photo is not turned for that."""
    _write(tmp_path / "a.jpg", 180, tag=tag)
    _, _, analysis = _analysed(tmp_path / "a.jpg", auto_upright=True)

    assert [face.turn for face in analysis.faces] == [180 if tag == 1 else 90]
    assert analysis.turn == 0
    assert analysis.info is not None
    assert analysis.info.remarks == ()
    assert _size(analysis.jpeg) == (480, 320) if tag == 1 else (320, 480)


def _panorama(path: Path, size: tuple[int, int], side: int) -> list[int]:
    pixels = np.full((size[1], size[0], 3), 190, np.uint8)
    places = range(100, size[0] - side, size[0] // 5)
    for number, left in enumerate(places):
        top = (size[1] - side) // 2
        draw_synthetic_face(pixels, (left, top, left + side, top + side), 10 + number, variation=5)
    Image.fromarray(pixels).save(path, quality=90)
    return [10 + number for number, _ in enumerate(places)]


def test_small_faces_in_a_panorama_are_found_and_embedded_from_its_own_pixels(
    tmp_path: Path,
) -> None:
    people = _panorama(tmp_path / "a.jpg", (6000, 800), 64)
    _, _, analysis = _analysed(tmp_path / "a.jpg")

    assert len(analysis.faces) == len(people)
    for identity, face in zip(people, sorted(analysis.faces, key=lambda f: f.box[0]), strict=True):
        np.testing.assert_array_equal(face.embedding, synthetic_embedding(identity, 5))
        assert face.box[2] - face.box[0] == pytest.approx(64, abs=4)
    assert _size(analysis.jpeg) == (2048, 273)


def test_small_faces_in_other_photos_are_found_if_asked(tmp_path: Path) -> None:
    people = _panorama(tmp_path / "a.jpg", (2800, 1600), 48)
    assert not _analysed(tmp_path / "a.jpg")[2].faces
    small = _analysed(tmp_path / "a.jpg", small_faces=True)[2]
    assert len(small.faces) == len(people)


def test_a_turned_photo_is_sorted_stored_and_delivered(tmp_path: Path) -> None:
    (tmp_path / "card").mkdir()
    workspace, pack = make_workspace(tmp_path, tmp_path / "card")
    _write(tmp_path / "card" / "a.jpg", 90)
    sort_in_threads(workspace, pack)

    with workspace.open_store(read_only=True) as store:
        (row,) = tables.table(store, "photos").select("status, turn, remarks").fetchall()
        (write,) = verified_writes(store)
    assert row == ("matched", 90, ["turned"])
    assert write.photo.turn == 90


def test_a_reference_that_lies_on_its_side_is_embedded_again(tmp_path: Path) -> None:
    (tmp_path / "card").mkdir()
    workspace, pack = make_workspace(tmp_path, tmp_path / "card")
    _write(tmp_path / "turned.jpg", 270, identity=9)
    candidates = [Candidate("Somebody", tmp_path / "turned.jpg")]
    (report,) = seed(workspace, pack, candidates, ThreadPoolExecutor(1))
    assert report.refused is None

    engine = load_engine(pack, threads=1)
    with workspace.open_store(read_only=True) as store:
        crops = {person: decode_jpeg(crop) for _, person, _, crop in reference_crops(store)}
    assert len(engine.detect(crops["Somebody"])), "people see the face upright"
    assert reembed(workspace, engine) == []


@pytest.mark.parametrize("upright", [False, True])
def test_a_reference_on_its_side_is_taken_and_shown_as_it_lies(
    tmp_path: Path, upright: bool
) -> None:
    workspace, pack = _with_photos(tmp_path, auto_upright=upright)
    _write(tmp_path / "turned.jpg", 270, identity=9)
    (report,) = seed(
        workspace, pack, [Candidate("Somebody", tmp_path / "turned.jpg")], ThreadPoolExecutor(1)
    )

    assert report.refused is None
    assert _size(report.analysis.jpeg) == (320, 480), "the box is drawn on it"
    engine = load_engine(pack, threads=1)
    with workspace.open_store(read_only=True) as store:
        ((*_, crop),) = reference_crops(store)
    assert len(engine.detect(decode_jpeg(crop))), "people see the face upright"


@pytest.mark.parametrize("small", [False, True])
def test_a_reference_is_searched_for_small_faces_as_a_photo_is(tmp_path: Path, small: bool) -> None:
    workspace, pack = _with_photos(tmp_path, small_faces=small)
    pixels = np.full((1600, 2800, 3), 190, np.uint8)
    draw_synthetic_face(pixels, (700, 500, 748, 548), 9, variation=10)
    Image.fromarray(pixels).save(tmp_path / "small.jpg", quality=95)
    found = _analysed(tmp_path / "small.jpg", small_faces=small)[2]
    (report,) = seed(
        workspace, pack, [Candidate("Somebody", tmp_path / "small.jpg")], ThreadPoolExecutor(1)
    )

    assert len(report.analysis.faces) == len(found.faces) == small
    assert (report.refused is None) == small
    if small:
        np.testing.assert_array_equal(report.analysis.faces[0].embedding, found.faces[0].embedding)
        with workspace.open_store(read_only=True) as store:
            ((*_, crop),) = reference_crops(store)
        assert decode_jpeg(crop).shape[0] == pytest.approx(2.2 * 48, abs=4), "of its own pixels"
        assert reembed(workspace, load_engine(pack, threads=1)) == []


def _with_photos(folder: Path, **photos: bool) -> tuple[Workspace, ModelPack]:
    (folder / "card").mkdir()
    made, pack = set_up(folder / "hot", [folder / "card"], folder / "out", "synthetic", [])
    asked = made.settings.photos.model_copy(update=photos)
    return Workspace(made.root, made.settings.model_copy(update={"photos": asked})), pack
