"""Many faces at once, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesort.core.records import Embeddings
from facesort.store.store import Store, vectors

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ComparableFaces:
    """Faces that groups are made of; arrays of shape (n_faces,).

    Parameters
    ----------
    face_ids, photo_ids : ndarray of int64
    order : ndarray of int64
        Rank by the content of the photo, whatever the order in which photos were sorted.
    quality : ndarray of float64
    embeddings : ndarray of shape (n_faces, dim), float32
    """

    face_ids: Ids
    photo_ids: Ids
    order: Ids
    quality: NDArray[np.float64]
    embeddings: Embeddings


def comparable_faces(store: Store, pack_id: str) -> ComparableFaces:
    """All faces of a pack that can be compared, but for those of earlier versions of photos."""
    rows = store.rows(
        "SELECT f.face_id, f.photo_id, row_number() OVER (ORDER BY p.sha256, f.photo_id, f.face_id) - 1, f.quality, "
        "f.embedding FROM face f JOIN photo p USING (photo_id) "
        "WHERE f.pack_id = ? AND octet_length(f.embedding) > 0 "
        "AND NOT EXISTS (FROM superseded x WHERE x.photo_id = f.photo_id) ORDER BY f.face_id",
        [pack_id],
    )
    face_ids, photo_ids, order = np.array([row[:3] for row in rows], np.int64).reshape(-1, 3).T
    return ComparableFaces(
        face_ids,
        photo_ids,
        order,
        np.array([row[3] for row in rows], dtype=np.float64),
        vectors([row[4] for row in rows]),
    )


def best_faces(store: Store, pack_id: str, most: int) -> dict[int, Embeddings]:
    """Embeddings of the faces of the best quality of each effective person; of shape (at most `most`, dim)."""
    rows = store.rows(
        "WITH best AS (SELECT a.person_id, f.face_id FROM face_state a JOIN face f USING (face_id) "
        "  WHERE a.person_id IS NOT NULL AND f.pack_id = ? AND octet_length(f.embedding) > 0 "
        "  QUALIFY row_number() OVER (PARTITION BY a.person_id ORDER BY f.quality DESC, f.face_id) <= ?) "
        "SELECT b.person_id, f.embedding FROM best b JOIN face f USING (face_id) ORDER BY b.person_id, f.face_id",
        [pack_id, most],
    )
    found = vectors([embedding for _, embedding in rows])
    persons = np.array([person_id for person_id, _ in rows], dtype=np.int64)
    return {int(person): found[persons == person] for person in np.unique(persons)}


def best_pictures(store: Store) -> dict[int, tuple[float, bytes]]:
    """Quality and crop of each person's best face of the event, of those that were learned or confirmed.

    Without those whose crop was erased.
    """
    rows = store.rows(
        "WITH theirs AS (SELECT person_id, face_id FROM learned "
        "  UNION SELECT person_id, face_id FROM settled_answer_of('answer') WHERE answer = 'yes'), "
        "best AS (SELECT t.person_id, f.face_id FROM theirs t JOIN face f USING (face_id) "
        "  QUALIFY row_number() OVER (PARTITION BY t.person_id ORDER BY f.quality DESC, f.face_id) = 1) "
        "SELECT b.person_id, f.quality, f.crop FROM best b JOIN face f USING (face_id)"
    )
    # Asked in SQL whether there is one, every crop is read.
    return {person_id: (quality, bytes(crop)) for person_id, quality, crop in rows if crop}


def any_face(store: Store) -> bool:
    """Whether a face is stored."""
    return bool(store.value("SELECT EXISTS (FROM face)"))


def count_by_person(store: Store) -> dict[int, int]:
    """Number of faces of each effective person."""
    return dict(
        store.rows(
            "SELECT person_id, count(*) FROM face_state WHERE person_id IS NOT NULL GROUP BY person_id"
        )
    )


def crops_of(store: Store, face_ids: Ids) -> dict[int, tuple[str, bytes]]:
    """Path of the photo and crop of each face; the crop is empty if it was erased."""
    rows = store.rows(
        "SELECT f.face_id, p.path, f.crop FROM face f JOIN place p USING (photo_id) "
        # As a join: else every crop is read.
        "WHERE f.face_id IN (SELECT unnest(?::BIGINT[]))",
        [face_ids.tolist()],
    )
    return {face_id: (path, bytes(crop)) for face_id, path, crop in rows}
