"""Faces as the review shows them: doubtful matches, the faces of a person, those that look-alikes competed for.

Crops make up nearly all of the database: they are read last, and only of the faces that are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesort.store.store import Store, vector


@dataclass(frozen=True, slots=True)
class ReviewFace:
    """A face with everything that the review shows of it.

    Parameters
    ----------
    path : str
        Of the photo.
    person : str or None
        The effective person: by the machine's decision and the user's answers together.
    runner_up : str or None
        The second nearest person when the face was decided.
    outcome, reason : str
        Of the current decision or the answer.
    distance : float or None
        To `person`, or to the nearest person if the face is unknown.  None if the two were never compared.
    answer : str or None
        The user's answer for this face and `person`.
    learned, reference : bool
        Whether this face is in the person's gallery.
    crop : bytes
        JPEG; empty if it was erased.
    reference_crop : bytes
        JPEG of the person's best reference; empty if there is none.
    """

    face_id: int
    photo_id: int
    path: str
    person: str | None
    runner_up: str | None
    outcome: str
    reason: str
    distance: float | None
    runner_up_distance: float | None
    quality: float
    answer: str | None = None
    learned: bool = False
    reference: bool = False
    crop: bytes = b""
    reference_crop: bytes = b""


@dataclass(frozen=True, slots=True)
class LookAlikes:
    """Two persons who competed for the same faces.

    Parameters
    ----------
    names : tuple of (str, str)
        In the order in which they were added to the gallery.
    count : int
        Number of faces that were within LOOSE of both.
    faces : tuple of ReviewFace
        The closest calls.
    """

    names: tuple[str, str]
    count: int
    faces: tuple[ReviewFace, ...]


@dataclass(frozen=True, slots=True, eq=False)
class FaceRecord:
    """A stored face with everything that a reference needs; fields as in the tables."""

    face_id: int
    path: str
    sha256: str
    captured_at: datetime | None
    sharpness: float
    yaw: float
    quality: float
    pack_id: str
    embedding: NDArray[np.float32]
    crop: bytes


_SELECT = (
    "SELECT face_id, photo_id, path, person, runner_up, outcome, reason, distance, runner_up_distance, quality, "
    "answer, learned, reference, person_id FROM face_shown "
)
_DOUBTFUL = (
    "WHERE person_id IS NOT NULL AND NOT by_user AND face_id NOT IN (SELECT face_id FROM ignored) "
    "AND (outcome = 'loose' OR quality < ?::FLOAT) "
)


def doubtful_faces(
    store: Store, *, loose: float, low_quality: float = 0.0, limit: int, offset: int = 0
) -> list[ReviewFace]:
    """Matches without a yes or no, the most doubtful first.

    LOOSE matches come first, in the order of their distance to LOOSE or to the runner-up, whichever is nearer.  Then
    STRICT matches of low quality, the lowest first; last, matches that were answered with *unsure*.

    Parameters
    ----------
    loose : float
        LOOSE of the run.
    low_quality : float
        STRICT matches below this quality are doubtful too.
    """
    order = (
        "ORDER BY answer IS NOT NULL, outcome = 'strict', CASE WHEN outcome = 'strict' THEN quality "
        "ELSE least(? - distance, coalesce(runner_up_distance - distance, 2)) END, face_id LIMIT ? OFFSET ?"
    )
    return _with_pictures(
        store, store.rows(_SELECT + _DOUBTFUL + order, [low_quality, loose, limit, offset])
    )


def count_doubtful(store: Store, *, low_quality: float = 0.0) -> int:
    """Number of doubtful faces."""
    sql = "SELECT count(*) FROM face_shown " + _DOUBTFUL  # noqa: S608
    return int(store.value(sql, [low_quality]))


def faces_of_person(
    store: Store, person_id: int, *, limit: int | None = None, offset: int = 0
) -> list[ReviewFace]:
    """Faces of a person, the most distant first; those never compared with the person come last."""
    order = "WHERE person_id = ? ORDER BY distance DESC NULLS LAST, face_id LIMIT ? OFFSET ?"
    return _with_pictures(store, store.rows(_SELECT + order, [person_id, limit, offset]))


def review_faces(store: Store, face_ids: Sequence[int]) -> list[ReviewFace]:
    """The faces with these ids, in this order; missing ones are left out."""
    rows = store.rows(
        _SELECT + "WHERE face_id IN (SELECT unnest(?::BIGINT[]))", [list(map(int, face_ids))]
    )
    place = {int(face_id): i for i, face_id in enumerate(face_ids)}
    return _with_pictures(store, sorted(rows, key=lambda row: place[row[0]]))


def look_alikes(store: Store, loose: float, faces_per_pair: int) -> list[LookAlikes]:
    """Pairs of persons who were both within LOOSE of the same faces, the most faces first.

    Parameters
    ----------
    loose : float
        LOOSE of the run.
    faces_per_pair : int
        Upper limit of `LookAlikes.faces`; all are counted.
    """
    pairs = store.rows(
        "SELECT a.person_id, b.person_id, a.name, b.name, count(*), "
        "list(face_id ORDER BY runner_up_distance - distance, face_id)[:?] FROM face_shown "
        "JOIN person a ON a.person_id = least(candidate_id, runner_up_id) "
        "JOIN person b ON b.person_id = greatest(candidate_id, runner_up_id) AND a.person_id <> b.person_id "
        "WHERE distance <= ?::FLOAT AND runner_up_distance <= ?::FLOAT "
        "GROUP BY ALL ORDER BY count(*) DESC, a.person_id, b.person_id",
        [faces_per_pair, loose, loose],
    )
    found = {f.face_id: f for f in review_faces(store, [i for pair in pairs for i in pair[5]])}
    return [
        LookAlikes((first, second), count, tuple(found[face_id] for face_id in face_ids))
        for _, _, first, second, count, face_ids in pairs
    ]


def _with_pictures(store: Store, rows: Sequence[tuple[Any, ...]]) -> list[ReviewFace]:
    best: dict[int, int] = dict(
        store.rows(
            "SELECT person_id, arg_max(reference_id, (quality, -reference_id)) FROM reference GROUP BY person_id"
        )
    )
    crops = _crops(store, "face", [row[0] for row in rows])
    shown = {best[row[-1]] for row in rows if row[-1] in best}
    references = _crops(store, "reference", sorted(shown))
    names = [field.name for field in fields(ReviewFace)][:-2]
    return [
        ReviewFace(
            **dict(zip(names, row[:-1], strict=True)),
            crop=crops[row[0]],
            reference_crop=references.get(best.get(row[-1], 0), b""),
        )
        for row in rows
    ]


def _crops(store: Store, table: str, ids: Sequence[int]) -> dict[int, bytes]:
    rows = store.rows(
        f"SELECT {table}_id, crop FROM {table} WHERE {table}_id IN (SELECT unnest(?::BIGINT[]))",  # noqa: S608
        [list(ids)],
    )
    return {key: bytes(crop) for key, crop in rows}


def face_records(store: Store, face_ids: Sequence[int]) -> list[FaceRecord]:
    """Faces with their embeddings, by id; erased ones are left out."""
    rows = store.rows(
        "SELECT f.face_id, p.path, p.sha256, p.captured_at, f.sharpness, f.yaw, f.quality, f.pack_id, f.embedding, "
        "f.crop FROM face f JOIN photo_state p USING (photo_id) "
        "WHERE f.face_id IN (SELECT unnest(?::BIGINT[])) AND octet_length(f.embedding) > 0 ORDER BY f.face_id",
        [list(map(int, face_ids))],
    )
    names = [field.name for field in fields(FaceRecord)]
    return [
        FaceRecord(**dict(zip(names, (*row[:8], vector(row[8]), bytes(row[9])), strict=True)))
        for row in rows
    ]
