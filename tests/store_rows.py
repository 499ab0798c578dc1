"""Photos, results and writes as the tests of the store need them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from facesort.core.clips import ClipInfo, Track
from facesort.core.copies import PlannedWrite
from facesort.core.persons.matching import Decision
from facesort.core.records import Analysis, Face, File, PhotoInfo, Position
from facesort.reasons import FaceReason, Outcome, PhotoStatus, Reason
from facesort.store import Store
from facesort.store.gallery import people
from facesort.store.job import commits, files, photos, sources
from facesort.store.job.photos import BatchRecord, PhotoResult

PACK = "pack-1"
GIVEN = Decision(Outcome.STRICT, FaceReason.WITHIN_STRICT, 1, 0.5, 1, 2, 1.5)
NOBODY = Decision(Outcome.UNKNOWN, FaceReason.ABOVE_LOOSE, None, 1.5, 1, 2, 1.75)


INFO = PhotoInfo(
    "JPEG", 600, 400, datetime(2026, 5, 4, 3, 2, 1), "Camera", 120, Position(47.25, 8.5, 410.0)
)


def photo(file_id: int, path: str | None = None, source: str = "card-1") -> File:
    """A file that holds a photo of its own."""
    return File(file_id, source, path or f"{file_id:05d}.jpg", 100 + file_id, file_id)


def face(seed: int = 0) -> Face:
    vector = np.random.default_rng(seed).standard_normal(8)
    return Face(
        box=np.array([1, 2, 30.5, 40.25], np.float32),
        landmarks=np.array([[1, 2], [3, 4], [5, 6], [np.nan, np.nan], [7, 8]], np.float32),
        score=0.9,
        sharpness=12.5,
        yaw=0.25,
        quality=0.75,
        embedding=(vector / np.linalg.norm(vector)).astype(np.float32),
        crop=b"\xff\xd8crop\x00",
    )


def result(
    photo_id: int,
    status: PhotoStatus,
    reason: Reason | None = None,
    *,
    sha256: str | None = None,
    known_as: int | None = None,
    decided_as: int | None = None,
    shot_of: int | None = None,
    persons: Sequence[int] = (1,),
) -> PhotoResult:
    """A result; where it is matched, with one face for each of these persons, of whom the first is learned."""
    has_faces = status in {PhotoStatus.MATCHED, PhotoStatus.UNKNOWN}
    analysis = Analysis(
        photo_id,
        f"sha-{photo_id}" if sha256 is None else sha256,
        info=INFO,
        faces=tuple(face(photo_id) for _ in persons) if has_faces else (),
        failure=reason if status is PhotoStatus.FAILED else None,
        detail="told in words" if status is PhotoStatus.FAILED else "",
        phash=2**64 - 1,
    )
    matched = tuple(replace(GIVEN, person_id=person_id) for person_id in persons)
    decisions = matched if status is PhotoStatus.MATCHED else (NOBODY,) * len(persons)
    return PhotoResult(
        analysis,
        status,
        reason,
        known_as,
        decided_as,
        decisions=decisions if has_faces else (),
        learned=(0,) if status is PhotoStatus.MATCHED else (),
        shot_of=shot_of,
    )


CLIP = ClipInfo(4000, "h264", "PyAV 18.1", 200, 20)


def track(first_ms: int = 400, last_ms: int = 1200) -> Track:
    """Of a face that is in the upper left corner from one sample to another, five a second."""
    times = np.arange(first_ms, last_ms + 1, 200, dtype=np.int32)
    boxes = np.array([[ms / 8, 2, ms / 8 + 30.5, 40.25] for ms in times], np.float32)
    strip = tuple((int(ms), b"\xff\xd8strip %d" % ms) for ms in times[::2])
    return Track(max(0, first_ms - 100), last_ms + 100, int(times[-1]), times, boxes, strip)


def clip(of: PhotoResult, decisions: Sequence[Decision] | None = None) -> PhotoResult:
    """The same result of a clip: its faces are tracks.  What is decided otherwise is not learned."""
    faces = tuple(
        replace(one, track=track(400 * index, 400 * index + 800))
        for index, one in enumerate(of.analysis.faces)
    )
    analysis = replace(of.analysis, clip=CLIP, faces=faces)
    if decisions is None:
        return replace(of, analysis=analysis)
    return replace(of, analysis=analysis, decisions=tuple(decisions), learned=())


MATCHED = (PhotoStatus.MATCHED, None)
UNKNOWN = (PhotoStatus.UNKNOWN, Reason.ONLY_UNKNOWN_FACES)
AWAITS = (PhotoStatus.UNKNOWN, Reason.AWAITS_REVIEW)
NO_FACE = (PhotoStatus.NO_FACE, Reason.NO_FACE)
CORRUPT = (PhotoStatus.FAILED, Reason.CORRUPT)
SAME = (PhotoStatus.DUPLICATE, Reason.DUPLICATE)
SHOT = (PhotoStatus.DUPLICATE, Reason.SAME_SHOT)


def write(photo_id: int, person_id: int | None = 1) -> PlannedWrite:
    folder = "_unknown" if person_id is None else f"person-{person_id}"
    return PlannedWrite(photo_id, person_id, f"{folder}/{photo_id:05d}_abc.jpg", "f" * 64, 10)


PEOPLE = {1: "Anna", 2: "Ben"}


def add_people(store: Store) -> None:
    with store.transaction():
        for person_id, name in PEOPLE.items():
            people.add_person(store, name, f"person-{person_id}")


def add(store: Store, found: Sequence[File]) -> None:
    with store.transaction():
        sources.add_sources(store, {file.source: None for file in found})
        files.add_files(store, found)


def record(
    store: Store, batch_id: int, results: Sequence[PhotoResult], writes: Sequence[PlannedWrite] = ()
) -> None:
    files.mark_processing(store, batch_id)
    with store.transaction():
        photos.record_batch(store, BatchRecord(batch_id, tuple(results), tuple(writes)), PACK)


def finish(store: Store, batch_id: int, failures: dict[int, Reason] | None = None) -> None:
    with store.transaction():
        commits.finish_batch(store, batch_id, failures or {})


def retry(store: Store) -> int:
    with store.transaction():
        return files.add_retry_batches(store)


def follow(store: Store, face_id: int, first_ms: int, last_ms: int) -> None:
    """Make a stored face one that was followed through a clip, at 5 samples per second."""
    store.execute(
        "INSERT INTO track VALUES (?, ?, ?, ?, ?, ?, ''::BLOB, ''::BLOB)",
        [face_id, max(first_ms - 100, 0), last_ms + 100, first_ms, first_ms, last_ms],
    )
