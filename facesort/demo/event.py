"""The sample event that ``facesort demo`` sorts: photos with known ground truth.

Nothing is downloaded and facesort ships no photo: the pixels come from pictures in InsightFace, scikit-image and
scikit-learn (see `pictures`), and are written only to the folder that the user names.  All six persons come from
**one** picture, so light, crop, focus, scale and grain vary, but pose, expression and age do not.  The event shows how
sorting works and that the counts are right, not how well a model pack does on a real event; that is what ``calibrate``
is for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.random import Generator
from PIL import Image
from PIL.ExifTags import IFD, Base

from facesort.demo.pictures import HEADS, REACH, cut_reference, open_pictures, take_photo
from facesort.errors import FacesortError, OutputError
from facesort.files import NotOursError, read_own, remove_own_folder

# A shot is one view, or several side by side as from a photo booth.
_SHOTS: tuple[tuple[str, ...], ...] = (
    *((name,) for name in HEADS for _ in range(4)),
    *((pair,) for pair in ("AB", "BC", "CD", "DE", "EF") for _ in range(2)),
    *((name,) for name in ("ABC", "BCD", "CDE", "DEF", "ABCD", "CDEF", "ABCDE", "BCDEF")),
    *(("ABCDEF",) for _ in range(4)),
    ("A", "F"),
    ("E", "B"),
    ("C", "stranger"),
    ("D", "B", "F"),
    *(("stranger",) for _ in range(3)),
    *((name,) for name in ("coffee", "venue", "flowers")),
)
_FORMATS = {10: "PNG", 20: "AVIF", 30: "grey", 40: "CMYK"}  # position in the sequence -> format
_SUFFIXES = {"grey": "JPG", "CMYK": "JPG"}
_FLAGS = {4: 6, 9: 8, 14: 3, 19: 6, 24: 8, 29: 2, 34: 4, 39: 5, 44: 7, 49: 6}  # -> EXIF orientation
_WIDE_EVERY = 7  # every seventh photo is taken from farther away
_INVERSE_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
_CAMERAS = ("Camera One", "Camera Two")
_BEGIN = datetime(2026, 9, 12, 18, 30)


@dataclass(frozen=True, slots=True)
class DemoEvent:
    """A sample event on disk, and its ground truth.

    Parameters
    ----------
    source : Path
        The photos, in one sub-folder per memory card.
    seeds : Path
        One sub-folder per person, with one reference photo that has exactly one face.
    truth : mapping of str to frozenset of str
        Photo path (POSIX, relative to `source`) to the names of the persons in it; empty for strangers, photos
        without faces and unreadable files.
    expected_failed : frozenset of str
        Paths of the broken files.
    expected_duplicates : frozenset of str
        Paths of the copies of earlier files.
    """

    source: Path
    seeds: Path
    truth: Mapping[str, frozenset[str]]
    expected_failed: frozenset[str]
    expected_duplicates: frozenset[str]


@dataclass(frozen=True, slots=True)
class DemoScore:
    """Agreement of the sorted output with the truth, counted in (photo, person) pairs."""

    true_positives: int
    false_positives: int
    false_negatives: int

    @property
    def precision(self) -> float | None:
        """Share of the placed pairs that are right; None if nothing was placed."""
        placed = self.true_positives + self.false_positives
        return self.true_positives / placed if placed else None

    @property
    def recall(self) -> float | None:
        """Share of the true pairs that were placed; None if there are none."""
        true = self.true_positives + self.false_negatives
        return self.true_positives / true if true else None


def score_demo(event: DemoEvent, placed: Mapping[str, frozenset[str]]) -> DemoScore:
    """Compare the folders that photos reached with the persons in them.

    Parameters
    ----------
    placed : mapping of str to frozenset of str
        Photo path to persons; missing photos reached no folder, and duplicates are ignored.

    Raises
    ------
    ValueError
        If `placed` has a photo that is not in the event.
    """
    if unknown := sorted(placed.keys() - event.truth.keys()):
        raise ValueError(f"not photos of this sample event: {', '.join(unknown)}")
    right = wrong = missing = 0
    for path in event.truth.keys() - event.expected_duplicates:
        got, true = placed.get(path, frozenset()), event.truth[path]
        right += len(got & true)
        wrong += len(got - true)
        missing += len(true - got)
    return DemoScore(right, wrong, missing)


def load_demo_event(folder: Path) -> DemoEvent:
    """Read an event that `build_demo_event` wrote.

    Raises
    ------
    FacesortError
        If the folder has no complete sample event.
    """
    try:
        saved = json.loads(read_own(folder / "truth.json", below=folder))
        return DemoEvent(
            source=folder / "source",
            seeds=folder / "seeds",
            truth={path: frozenset(names) for path, names in saved["truth"].items()},
            expected_failed=frozenset(saved["expected_failed"]),
            expected_duplicates=frozenset(saved["expected_duplicates"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FacesortError(
            f"{folder} has no complete sample event ({error!r}); "
            "build one in an empty folder with `facesort demo`"
        ) from error


def build_demo_event(folder: Path, *, seed: int = 7) -> DemoEvent:
    """Write about 60 photos to ``source/``, six references to ``seeds/``, and ``truth.json``.

    The same seed and the same installed packages give the same bytes.

    Raises
    ------
    FacesortError
        If an installed picture is missing or has changed.
    OutputError
        If one of the three already exists; nothing is overwritten.
    """
    for name in ("source", "seeds", "truth.json"):
        if (folder / name).exists():
            raise OutputError(
                f"{folder / name} exists already; choose an empty folder for the sample event"
            )
    pictures = open_pictures()
    rng = np.random.default_rng(seed)
    _write_seeds(folder / "seeds", pictures)
    truth = _write_photos(folder / "source", pictures, rng)
    failed, duplicates = _write_oddities(folder / "source", truth)
    saved = {
        "truth": {path: sorted(names) for path, names in sorted(truth.items())},
        "expected_failed": sorted(failed),
        "expected_duplicates": sorted(duplicates),
    }
    # last, so that an unfinished event is not mistaken for a complete one
    (folder / "truth.json").write_text(json.dumps(saved, indent=1) + "\n", encoding="utf-8")
    return load_demo_event(folder)


def remove_demo_event(folder: Path) -> None:
    """Remove what an interrupted `build_demo_event` wrote.

    Raises
    ------
    OutputError
        If anything else is in the folder; that is left alone.
    """
    photos = re.compile(r"(DSC[0-9]{4}|DSC0001 copy|\._DSC0001)\.(JPG|PNG|AVIF|HEIC)|Thumbs\.db")
    written: dict[str, re.Pattern[str] | None] = {
        f"source/card-{number + 1}": photos for number in range(len(_CAMERAS))
    }
    written |= {f"seeds/{_person(name)}": re.compile(r"reference\.jpg") for name in HEADS}
    written |= {"source": None, "seeds": None, ".": re.compile(r"truth\.json")}
    try:
        for name, files in written.items():
            for left in remove_own_folder(folder / name, files, below=folder.parent):
                raise NotOursError(left, "is not of the sample event")
    except NotOursError as error:
        raise OutputError(
            f"{error.filename} {error.strerror}: move it away, and run `facesort demo` again"
        ) from error


def _write_seeds(folder: Path, pictures: Mapping[str, Image.Image]) -> None:
    for name in HEADS:
        (folder / _person(name)).mkdir(parents=True)
        cut_reference(pictures, name).save(folder / _person(name) / "reference.jpg", quality=92)


def _person(name: str) -> str:
    return f"Person {name}"


def _people(views: tuple[str, ...]) -> frozenset[str]:
    return frozenset(_person(name) for view in views if view in REACH for name in view)


def _write_photos(
    folder: Path, pictures: Mapping[str, Image.Image], rng: Generator
) -> dict[str, frozenset[str]]:
    """Take the shots in random order during one evening, with two cameras."""
    truth = {}
    time, counts = _BEGIN, [0, 0]
    for place, index in enumerate(rng.permutation(len(_SHOTS))):
        views = _SHOTS[index]
        photo = take_photo(pictures, views, rng, wide=place % _WIDE_EVERY == 0)
        time += timedelta(seconds=int(rng.integers(20, 400)))
        camera = (
            int(rng.integers(2)) if place else 0
        )  # the first photo, which the oddities copy, is on card-1
        counts[camera] += 1
        kind = _FORMATS.get(place, "JPG")
        name = f"card-{camera + 1}/DSC{counts[camera]:04d}.{_SUFFIXES.get(kind, kind)}"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        exif = _exif(time, _CAMERAS[camera], _FLAGS.get(place, 1))
        _save(photo, folder / name, exif, kind=kind, quality=int(rng.integers(70, 96)))
        truth[name] = _people(views)
    return truth


def _exif(time: datetime, camera: str, flag: int) -> Image.Exif:
    exif = Image.Exif()
    exif[Base.Make], exif[Base.Model], exif[Base.Orientation] = "Sample", camera, flag
    exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = time.strftime("%Y:%m:%d %H:%M:%S")
    return exif


def _save(photo: Image.Image, path: Path, exif: Image.Exif, *, kind: str, quality: int) -> None:
    """Save an upright photo rotated, so that its orientation flag rotates it back."""
    turn = _INVERSE_TURNS.get(exif[Base.Orientation])
    if turn is not None:
        photo = photo.transpose(turn)
    if kind == "AVIF":
        photo.save(path, quality=quality, exif=exif, speed=10)  # fast, or it takes a second
    elif kind == "PNG":
        photo.save(path, exif=exif)
    else:
        mode = {"grey": "L", "CMYK": "CMYK"}.get(kind, "RGB")
        photo.convert(mode).save(path, format="JPEG", quality=quality, exif=exif)


def _write_oddities(folder: Path, truth: dict[str, frozenset[str]]) -> tuple[set[str], set[str]]:
    """Add broken files, a copy and non-photos; return the paths that fail, and the duplicates."""
    first = "card-1/DSC0001.JPG"
    data = (folder / first).read_bytes()
    failed = {"card-1/DSC0901.JPG": data[: len(data) * 2 // 5], "card-2/DSC0902.JPG": b""}
    copies = {"card-2/DSC0001 copy.JPG": data}
    skipped = {
        "card-1/._DSC0001.JPG": b"\x00\x05\x16\x07\x00\x02\x00\x00" + bytes(4088),  # AppleDouble
        "card-1/Thumbs.db": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504),
    }
    for name, content in (failed | copies | skipped).items():
        (folder / name).write_bytes(content)
    truth |= dict.fromkeys(failed, frozenset[str]()) | dict.fromkeys(copies, truth[first])
    return set(failed), set(copies)
