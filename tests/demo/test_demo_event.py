"""The sample event is what it says: the same every time, honest about who is in it, and complete."""

from __future__ import annotations

import hashlib
import io
import shutil
from collections import Counter
from datetime import datetime
from pathlib import Path

import dlib
import numpy as np
import pytest
from PIL import Image, ImageOps
from PIL.ExifTags import IFD, Base

from facesort.demo.event import (
    DemoEvent,
    DemoScore,
    _exif,
    _save,
    build_demo_event,
    load_demo_event,
    remove_demo_event,
    score_demo,
)
from facesort.demo.pictures import HEADS, REACH, SOURCES, open_pictures, take_photo
from facesort.errors import FacesortError, OutputError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "not there yet"
    build_demo_event(folder)
    return folder


@pytest.fixture(scope="module")
def event(folder: Path) -> DemoEvent:
    return load_demo_event(folder)


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _read(path: Path) -> Image.Image:
    return Image.open(io.BytesIO(path.read_bytes()))


def _readable(event: DemoEvent) -> list[Path]:
    return [event.source / name for name in sorted(event.truth.keys() - event.expected_failed)]


def test_the_same_seed_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    build_demo_event(tmp_path)
    assert _digests(tmp_path) == _digests(folder)


def test_another_seed_gives_another_photo() -> None:
    pictures = open_pictures()
    one, same, other = (
        take_photo(pictures, ("AB",), np.random.default_rng(seed), wide=True) for seed in (1, 1, 2)
    )
    assert one.tobytes() == same.tobytes()
    assert one.tobytes() != other.tobytes()


def test_truth_and_source_name_the_same_files(event: DemoEvent) -> None:
    files = {p.relative_to(event.source).as_posix() for p in event.source.rglob("*") if p.is_file()}
    assert files - event.truth.keys() == {"card-1/._DSC0001.JPG", "card-1/Thumbs.db"}
    assert event.truth.keys() <= files
    assert len(event.truth) == 59


def test_every_person_has_one_reference_and_several_photos(event: DemoEvent) -> None:
    persons = sorted(path.name for path in event.seeds.iterdir())
    assert persons == [f"Person {letter}" for letter in "ABCDEF"]
    for person in persons:
        assert [path.name for path in (event.seeds / person).iterdir()] == ["reference.jpg"]
        assert sum(person in names for names in event.truth.values()) >= 10


def test_truth_has_groups_strangers_and_photos_without_faces(event: DemoEvent) -> None:
    photos = event.truth.keys() - event.expected_failed - event.expected_duplicates
    sizes = Counter(len(event.truth[name]) for name in photos)
    # nobody known: 3 of a stranger, 3 without a face; one person: 24, and one beside a stranger
    assert sizes == {0: 6, 1: 25, 2: 12, 3: 5, 4: 2, 5: 2, 6: 4}


def test_a_reach_holds_the_heads_of_its_persons_whole_and_touches_no_other() -> None:
    for view, (left, top, right, bottom) in REACH.items():
        for name, head in HEADS.items():
            if name in view:
                assert left <= head[0] and top <= head[1], (view, name)
                assert head[2] <= right and head[3] <= bottom, (view, name)
            else:
                beside = head[2] <= left or right <= head[0]
                assert beside or head[3] <= top or bottom <= head[1], (view, name)


def test_dlib_finds_exactly_one_face_in_every_reference(event: DemoEvent) -> None:
    detector = dlib.get_frontal_face_detector()
    found = {
        path.parent.name: len(detector(np.asarray(_read(path)), 0))
        for path in event.seeds.rglob("*.jpg")
    }
    assert found == {f"Person {letter}": 1 for letter in "ABCDEF"}


def test_the_broken_files_break_and_the_duplicate_is_one(event: DemoEvent) -> None:
    assert event.expected_failed == {"card-1/DSC0901.JPG", "card-2/DSC0902.JPG"}
    for name in event.expected_failed:
        with pytest.raises(OSError), Image.open(event.source / name) as image:
            image.load()
    (copy,) = event.expected_duplicates
    original = event.source / "card-1" / "DSC0001.JPG"
    assert original.read_bytes() == (event.source / copy).read_bytes()
    assert copy > "card-1/DSC0001.JPG"  # the scan sees the original first
    assert event.truth[copy] == event.truth["card-1/DSC0001.JPG"]


def test_formats_modes_and_orientation_flags_all_occur(event: DemoEvent) -> None:
    images = [_read(path) for path in _readable(event)]
    assert {path.suffix for path in _readable(event)} == {".JPG", ".PNG", ".AVIF"}
    assert {image.mode for image in images} == {"RGB", "L", "CMYK"}
    assert {image.getexif().get(Base.Orientation, 1) for image in images} == set(range(1, 9))
    assert min(max(image.size) for image in images) >= 1000
    assert max(max(image.size) for image in images) == 3000


def test_two_cameras_take_turns_through_one_evening(event: DemoEvent) -> None:
    taken: dict[str, list[str]] = {"card-1": [], "card-2": []}
    for path in _readable(event):
        if path.relative_to(event.source).as_posix() in event.expected_duplicates:
            continue
        exif = _read(path).getexif()
        number = path.parent.name[-1]
        assert exif[Base.Model] == {"1": "Camera One", "2": "Camera Two"}[number]
        taken[path.parent.name].append(exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal])
    for times in taken.values():
        assert len(times) > 10
        assert times == sorted(set(times))
        assert times[0] > "2026:09:12 18:30:00"
        assert times[-1] < "2026:09:13 02:00:00"


@pytest.mark.parametrize("flag", range(1, 9))
def test_a_flagged_photo_is_upright_once_its_flag_is_applied(flag: int, tmp_path: Path) -> None:
    upright = Image.fromarray(np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3))
    path = tmp_path / "photo.png"
    _save(upright, path, _exif(datetime(2026, 1, 1), "Camera", flag), kind="PNG", quality=90)
    with Image.open(path) as image:
        assert image.getexif()[Base.Orientation] == flag
        assert np.array_equal(np.asarray(ImageOps.exif_transpose(image)), np.asarray(upright))


@pytest.mark.parametrize("name", ["source", "seeds", "truth.json"])
def test_nothing_that_is_there_is_overwritten(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(OutputError, match="choose an empty folder"):
        build_demo_event(tmp_path)
    assert _digests(tmp_path) == {name: hashlib.sha256(b"mine").hexdigest()}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sha256": "0" * 64}, r"insightface \S+ has a different t1\.jpg"),
        ({"path": "data/images/gone.jpg"}, r"insightface \S+ no longer has gone\.jpg"),
        ({"package": "no_such_package"}, r"not installed; run: pip install insightface"),
    ],
)
def test_a_changed_picture_is_refused(change: dict[str, str], message: str) -> None:
    with pytest.raises(FacesortError, match=message):
        open_pictures({"group": SOURCES["group"]._replace(**change)})


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"truth": {"a": 1}}'])
def test_an_incomplete_event_is_not_loaded(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "truth.json").write_text(content)
    with pytest.raises(FacesortError, match="no complete sample event"):
        load_demo_event(tmp_path)


A, B = frozenset({"A"}), frozenset({"B"})


@pytest.mark.parametrize(
    ("placed", "score", "precision", "recall"),
    [
        ({}, DemoScore(0, 0, 3), None, 0.0),
        ({"both": A | B, "a": A, "copy": A}, DemoScore(3, 0, 0), 1.0, 1.0),
        ({"both": A, "a": A}, DemoScore(2, 0, 1), 1.0, 2 / 3),
        ({"both": A | B, "a": B}, DemoScore(2, 1, 1), 2 / 3, 2 / 3),
        ({"broken": A}, DemoScore(0, 1, 3), 0.0, 0.0),
        ({"copy": B}, DemoScore(0, 0, 3), None, 0.0),  # a duplicate counts under its first path
    ],
)
def test_score_counts_pairs_of_photo_and_person(
    placed: dict[str, frozenset[str]], score: DemoScore, precision: float | None, recall: float
) -> None:
    truth = {
        "both": A | B,
        "a": A,
        "copy": A,
        "nobody": frozenset[str](),
        "broken": frozenset[str](),
    }
    event = DemoEvent(Path(), Path(), truth, frozenset({"broken"}), frozenset({"copy"}))
    got = score_demo(event, placed)
    assert got == score
    assert got.precision == precision
    assert got.recall == recall


def test_recall_of_nobody_is_undefined() -> None:
    event = DemoEvent(Path(), Path(), {"a": frozenset()}, frozenset(), frozenset())
    assert score_demo(event, {}).recall is None


def test_a_photo_that_is_not_in_the_event_is_an_error(event: DemoEvent) -> None:
    with pytest.raises(ValueError, match=r"elsewhere\.jpg"):
        score_demo(event, {"elsewhere.jpg": A})


def test_an_interrupted_event_goes_and_what_is_not_of_it_stays(
    folder: Path, tmp_path: Path
) -> None:
    partial = tmp_path / "event.partial"
    shutil.copytree(folder, partial)
    remove_demo_event(partial)
    assert not partial.exists()
    remove_demo_event(partial)

    shutil.copytree(folder, partial)
    mine = partial / "source" / "card-1" / "mine.jpg"
    mine.write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"mine\.jpg is not of the sample event: move it away"):
        remove_demo_event(partial)
    assert [
        path for path in partial.rglob("*") if path.is_file() and path.parent == mine.parent
    ] == [mine]
    mine.rename(tmp_path / "mine.jpg")
    remove_demo_event(partial)
    assert not partial.exists()


@pytest.mark.parametrize(
    "name", ["event.partial", "event.partial/source", "event.partial/seeds/Person A"]
)
def test_an_interrupted_event_is_not_removed_through_a_link(tmp_path: Path, name: str) -> None:
    photos = tmp_path / "photos"
    for path in ("card-1/DSC0001.JPG", "source/card-1/DSC0002.JPG", "reference.jpg"):
        (photos / path).parent.mkdir(parents=True, exist_ok=True)
        (photos / path).write_bytes(b"precious")
    before = _digests(photos)
    link = tmp_path / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(photos, target_is_directory=True)
    with pytest.raises(OutputError, match=r"is a link.*: move it away"):
        remove_demo_event(tmp_path / "event.partial")
    assert link.is_symlink()
    assert _digests(photos) == before
