"""The index of a delivery: what programs read in place of the folders, one row per photo and person.

It lies beside the files, with the same rows as ``index.parquet`` and ``index.jsonl``; ``index.schema.json`` describes a
row.  There is nothing in it of anybody to whom a photo is not delivered, and no embedding.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from facesort.core.delivery.appearances import segments
from facesort.core.delivery.regions import Region, delivered_region, delivered_shape
from facesort.core.derivatives import DerivedFile
from facesort.core.persons.gallery import Person
from facesort.core.stored import Key, StoredFace, StoredPhoto
from facesort.engine.delivery.plan import Delivery
from facesort.files import remove_own
from facesort.reasons import FaceReason, Remark
from facesort.store import Store
from facesort.store.queries.delivery.index import Capture, captures, write_index
from facesort.store.queries.gallery import person_summaries

SCHEMA_VERSION = 1
INDEX_NAMES = ("index.jsonl", "index.parquet")
_PLACES = 6  # of a share: less than a pixel

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DeliveredFile:
    """A file that was delivered.

    Parameters
    ----------
    folder : str
        Of the person for whom it is.
    file : str
        POSIX path or key, relative to the index.
    sha256 : str
        Of the file.
    size : int
        In bytes.
    width, height : int
        In px.
    at_ms : int or None
        Of a clip: the frame that it shows; None: a photo, or a whole clip.
    """

    photo_id: int
    folder: str
    file: str
    sha256: str
    size: int
    width: int
    height: int
    at_ms: int | None = None

    @classmethod
    def of(
        cls, photo: StoredPhoto, file: str, sha256: str, size: int, shape: tuple[int, int]
    ) -> DeliveredFile:
        """Of a photo, or a clip as it is delivered; in its folder."""
        ref, folder = photo.photo, file.partition("/")[0]
        return cls(ref.photo_id, folder, file, sha256, size, *shape, at_ms=ref.at_ms)

    @property
    def key(self) -> Key:
        """Which of the pictures of a delivery it is."""
        return self.photo_id, self.at_ms


Smaller = Callable[[DeliveredFile], Sequence[tuple[str, DerivedFile]]]
"""Says which smaller versions of a file there are, and where, relative to the index."""


def is_index(file: str) -> bool:
    """Whether a file is called as an index is, also beside a folder of that name."""
    return file.removeprefix("_") in INDEX_NAMES


def index_rows(
    store: Store,
    delivery: Delivery,
    files: Iterable[DeliveredFile],
    *,
    smaller: Smaller = lambda _: (),
    with_location: bool = False,
) -> list[Row]:
    """Make the rows of an index: of every file that is in a person's folder, by photo and folder.

    Parameters
    ----------
    files : iterable of DeliveredFile
        Those that are not delivered, or not to a person (unknown faces), get no row.
    smaller : callable of DeliveredFile to sequence of (file, DerivedFile)
    with_location : bool
        Whether where photos were taken is told.
    """
    people = {found.person.folder: found.person for found in person_summaries(store)}
    recorded = captures(store)
    rows = []
    for file in sorted(files, key=lambda file: (file.photo_id, file.folder)):
        folders = [f for f in delivery.folders.get(file.photo_id, ()) if f in people]
        if file.folder in folders and file.key in delivery.pictures:
            photo, here = delivery.pictures[file.key].photo, {people[f].person_id for f in folders}
            row = _of_file(file, people[file.folder])
            row |= _of_photo(photo, recorded[file.photo_id], with_location=with_location)
            row |= _of_faces(photo, people[file.folder], here)
            row |= _of_clip(delivery.photos[file.photo_id], file.at_ms, people[file.folder])
            row["derivatives"] = [
                _derivative(*entry) for entry in sorted(smaller(file), key=_largest_first)
            ]
            rows.append(row)
    return rows


def index_files(store: Store, rows: Iterable[Row], scratch: Path) -> dict[str, bytes]:
    """Write an index: the contents of its files, by their `INDEX_NAMES`; the same for the same rows.

    Parameters
    ----------
    scratch : Path
        A file that may be written meanwhile, and so may what `scratch_lines` says; ends in ``.parquet``.
    """
    lines = scratch_lines(scratch)
    try:
        _remove(lines, scratch)
        with lines.open("x", encoding="ascii", newline="\n") as stream:
            # ASCII: some programs end a line at U+2028.
            stream.writelines(f"{json.dumps(row)}\n" for row in rows)
        write_index(store, scratch, lines)
        return {"index.jsonl": lines.read_bytes(), "index.parquet": scratch.read_bytes()}
    finally:
        _remove(lines, scratch)


def scratch_lines(scratch: Path) -> Path:
    """Where the lines are meanwhile."""
    return scratch.with_suffix(".jsonl")


def _remove(*files: Path) -> None:
    for file in files:
        remove_own(file, below=file.parent)


def _of_file(file: DeliveredFile, person: Person) -> Row:
    return {
        "schema": SCHEMA_VERSION,
        "file": file.file,
        "person": person.name,
        "folder": person.folder,
        "sha256": file.sha256,
        "size": file.size,
        "width": file.width,
        "height": file.height,
    }


def _of_photo(photo: StoredPhoto, recorded: Capture, *, with_location: bool) -> Row:
    width, height = delivered_shape(photo) or (None, None)
    position = recorded.position if with_location else None
    return {
        "photo_sha256": photo.sha256,
        "photo_width": width,
        "photo_height": height,
        "captured_at": _time(recorded.captured_at),
        "taken_at": _time(photo.taken_at),
        "utc_offset": recorded.utc_offset,
        "camera": photo.camera or None,
        "damaged": Remark.DAMAGED in photo.remarks,
        "location": None if position is None else asdict(position),
    }


def _of_faces(photo: StoredPhoto, person: Person, here: Collection[int]) -> Row:
    """Where the person is in the photo, and everyone else who gets it."""
    faces = [face for face in photo.faces if face.person_id in here]
    own = next(face for face in faces if face.person_id == person.person_id)
    if photo.is_whole_clip:  # where somebody is changes
        return {"match": _match(own), "face": None, "faces": []}
    regions = [region for face in faces if (region := delivered_region(photo, face))]
    return {
        "match": _match(own),
        "face": _shares(delivered_region(photo, own)),
        "faces": [{"person": region.name, **(_shares(region) or {})} for region in regions],
    }


def _of_clip(photo: StoredPhoto, at_ms: int | None, person: Person) -> Row:
    """Of a clip: which frame the file is, and when the person is seen."""
    if photo.clip is None:
        return {"at_ms": at_ms, "duration_ms": None, "segments": None}
    return {
        "at_ms": at_ms,
        "duration_ms": photo.clip.duration_ms,
        "segments": [asdict(segment) for segment in segments(photo, person.person_id)],
    }


def _match(face: StoredFace) -> str:
    """How the person was recognised."""
    if face.reason == FaceReason.CONFIRMED_BY_USER:
        return "confirmed"
    return "group" if face.reason == FaceReason.WITHIN_GROUP else face.outcome


def _shares(region: Region | None) -> dict[str, float] | None:
    if region is None:
        return None
    return {
        name: round(getattr(region, name), _PLACES) for name in ("left", "top", "width", "height")
    }


def _largest_first(entry: tuple[str, DerivedFile]) -> tuple[int, str]:
    return -entry[1].width, entry[1].variant.format


def _derivative(file: str, derived: DerivedFile) -> Row:
    return {
        "file": file,
        "format": derived.variant.format,
        "width": derived.width,
        "height": derived.height,
        "size": derived.size,
        "sha256": derived.sha256,
    }


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
