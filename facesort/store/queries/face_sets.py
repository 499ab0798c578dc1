"""Many faces at once, as arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesort.core.groups.settled import DecidedFaces
from facesort.core.persons.sightings import Ids, Sightings
from facesort.core.records import Embeddings, Room, in_memory
from facesort.core.stored import StoredTrack
from facesort.errors import StoreError
from facesort.store.queries.stored import blobs_of_faces
from facesort.store.store import Store, vectors

_IN_MEMORY = 100_000  # embeddings; those of more are on the disk
_AT_ONCE = 20_000  # read from the database together

Read = Callable[[Callable[[Store], Any]], Any]

_COMPARABLE = (
    "f.pack_id = ? AND octet_length(f.embedding) > 0 "
    "AND NOT EXISTS (FROM superseded x WHERE x.photo_id = f.photo_id)"
)

_BEST = """
SELECT a.person_id, f.face_id FROM face_state a JOIN face f USING (face_id)
WHERE a.person_id IS NOT NULL AND f.pack_id = ? {}
QUALIFY row_number() OVER (PARTITION BY a.person_id ORDER BY f.quality DESC, f.face_id) <= ?
ORDER BY a.person_id, f.face_id
"""


@dataclass(frozen=True, slots=True, eq=False)
class ComparableFaces:
    """Faces that groups are made of; arrays of shape (n_faces,).

    Parameters
    ----------
    face_ids : ndarray of int64
    sightings : Sightings
    order : ndarray of int64
        Rank by the content of the photo, whatever the order in which photos were sorted.
    quality : ndarray of float64
    embeddings : ndarray of shape (n_faces, dim), float32
    room : Room
        Makes arrays as large as `embeddings`, where these are.
    """

    face_ids: Ids
    sightings: Sightings
    order: Ids
    quality: NDArray[np.float64]
    embeddings: Embeddings
    room: Room = in_memory


def comparable_faces(store: Store, pack_id: str) -> ComparableFaces:
    """All faces of a pack that can be compared, but for those of earlier versions of photos.

    Raises
    ------
    StoreError
        If there are so many that their embeddings are on the disk, and it has no room for them.
    """
    return read_comparable_faces(lambda query: query(store), pack_id)


def count_of_pack(store: Store, pack_id: str) -> int:
    """Number of faces of a pack, also of those that cannot be compared: to tell these, all embeddings are read."""
    return int(store.value("SELECT count(*) FROM face WHERE pack_id = ?", [pack_id]))


def read_comparable_faces(read: Read, pack_id: str) -> ComparableFaces:
    """As `comparable_faces`, in short openings of the database.

    Parameters
    ----------
    read : callable of query
        Opens the database for one query of it.

    Raises
    ------
    StoreError
        Also if faces were erased between two openings.
    """
    (face_ids, *seen, quality), photos = read(lambda store: _without_embeddings(store, pack_id))
    face_ids, seen = face_ids.astype(np.int64), [each.astype(np.int64) for each in seen]
    room = in_memory
    if len(face_ids) > _IN_MEMORY:
        room = read(lambda store: store.room)
    return ComparableFaces(
        face_ids,
        Sightings(*seen),
        _ranks(photos.astype(np.int64), seen[0], face_ids),
        quality.astype(np.float64),
        _embeddings(read, pack_id, face_ids, room),
        room,
    )


def _without_embeddings(store: Store, pack_id: str) -> tuple[list[NDArray[Any]], NDArray[Any]]:
    """Faces in ascending order, and their photos by content."""
    faces = store.columns(
        "SELECT f.face_id, f.photo_id, coalesce(t.first_ms, -1) AS first_ms, coalesce(t.last_ms, -1) AS last_ms, "  # noqa: S608
        f"f.quality FROM face f LEFT JOIN track t USING (face_id) WHERE {_COMPARABLE} ORDER BY f.face_id",
        [pack_id],
    )
    (photos,) = store.columns("SELECT photo_id FROM photo ORDER BY sha256, photo_id")
    return faces, photos


def _ranks(photos: Ids, photo_of: Ids, face_ids: Ids) -> Ids:
    """The rank of each face by its photo, in the order of these, and its id."""
    place = np.zeros(int(photos.max(initial=0)) + 1, np.int64)
    place[photos] = np.arange(len(photos))
    ranks = np.empty(len(face_ids), np.int64)
    ranks[np.lexsort((face_ids, place[photo_of]))] = np.arange(len(face_ids))
    return ranks


def _embeddings(read: Read, pack_id: str, face_ids: Ids, room: Room) -> Embeddings:
    """The embeddings of faces in ascending order, a part of them at a time."""
    found = None
    for start in range(0, len(face_ids), _AT_ONCE):
        part = face_ids[start : start + _AT_ONCE]
        dim = None if found is None else found.shape[1]
        some = read(partial(_some_embeddings, pack_id=pack_id, part=part, dim=dim))
        found = room(len(face_ids), some.shape[1]) if found is None else found
        found[start : start + _AT_ONCE] = some
    return np.empty((0, 0), np.float32) if found is None else found


def _some_embeddings(store: Store, *, pack_id: str, part: Ids, dim: int | None) -> Embeddings:
    rows = store.rows(
        f"SELECT f.embedding FROM face f WHERE {_COMPARABLE} AND f.face_id BETWEEN ? AND ? ORDER BY f.face_id",  # noqa: S608
        [pack_id, int(part[0]), int(part[-1])],
    )
    if len(rows) != len(part):
        raise StoreError("faces were added or erased while they were read: ask again")
    return vectors([embedding for (embedding,) in rows], dim)


def decided_faces(store: Store, photo_ids: Sequence[int], pack_id: str) -> DecidedFaces:
    """All faces of some photos, given in ascending order, as they are decided; of a pack those that can be compared."""
    rows = store.rows(
        # By the photo twice: of both tables, only their rows are read.  There may be many others between them.
        "SELECT f.photo_id, f.face_id, if(f.pack_id = ?, f.embedding, ''::BLOB), d.outcome, d.reason, "
        "if(d.person_id IS NULL, 0, coalesce(e.current_id, d.person_id)), t.face_id IS NOT NULL "
        "FROM face_decision d JOIN face f USING (face_id) LEFT JOIN everyone e ON e.person_id = d.person_id "
        "LEFT JOIN track t USING (face_id) WHERE d.photo_id BETWEEN ? AND ? AND f.photo_id BETWEEN ? AND ? "
        "AND f.photo_id IN (SELECT unnest(?::INTEGER[])) ORDER BY f.photo_id, f.face_id",
        [pack_id, *2 * [photo_ids[0], photo_ids[-1]], list(photo_ids)],
    )
    there = [bool(row[2]) for row in rows]
    found = vectors([row[2] for row in rows if row[2]])
    embeddings = np.zeros((len(rows), found.shape[1]), np.float32)
    embeddings[there] = found
    photo, face, person = (np.array([row[i] for row in rows], np.int64) for i in (0, 1, 5))
    special = np.array([not one or row[6] for one, row in zip(there, rows, strict=True)], np.bool_)
    return DecidedFaces(photo, face, embeddings, [row[3:5] for row in rows], person, special)


def best_faces(store: Store, pack_id: str, most: int) -> dict[int, Embeddings]:
    """Embeddings of the faces of the best quality of each effective person; of shape (at most `most`, dim)."""
    found, embeddings = _with_embeddings(store, _BEST.format(""), [pack_id, most])
    if not all(embeddings):  # some were erased; to tell which, all are read
        erased = "AND octet_length(f.embedding) > 0"
        found, embeddings = _with_embeddings(store, _BEST.format(erased), [pack_id, most])
    every = vectors(embeddings)
    persons = np.array([person_id for person_id, _ in found], dtype=np.int64)
    return {int(person): every[persons == person] for person in np.unique(persons)}


def _with_embeddings(
    store: Store, sql: str, parameters: Sequence[Any]
) -> tuple[list[tuple[int, int]], list[bytes]]:
    """Person and face as a query has them, and their embeddings."""
    found = store.rows(sql, parameters)
    embedding = dict(blobs_of_faces(store, "embedding", [face_id for _, face_id in found]))
    return found, [embedding[face_id] for _, face_id in found]


def best_pictures(store: Store) -> dict[int, tuple[float, bytes]]:
    """Quality and crop of each person's best face of the event, of those that were learned or confirmed.

    Without those whose crop was erased.
    """
    rows = store.rows(
        "WITH theirs AS (SELECT person_id, face_id FROM learned "
        "  UNION SELECT person_id, face_id FROM settled_answer_of('answer') WHERE answer = 'yes') "
        "SELECT t.person_id, f.face_id, f.quality FROM theirs t JOIN face f USING (face_id) "
        "QUALIFY row_number() OVER (PARTITION BY t.person_id ORDER BY f.quality DESC, f.face_id) = 1"
    )
    # Asked in SQL whether there is one, every crop is read.
    crop = dict(blobs_of_faces(store, "crop", [face_id for _, face_id, _ in rows]))
    return {person: (quality, crop[face]) for person, face, quality in rows if crop[face]}


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


@dataclass(frozen=True, slots=True)
class Crop:
    """The picture of a face.

    Parameters
    ----------
    path : str
        Of the photo.
    jpeg : bytes
        Empty if it was erased.
    track : StoredTrack or None
        As in `StoredFace`.
    """

    path: str
    jpeg: bytes
    track: StoredTrack | None


def crops_of(store: Store, face_ids: Ids) -> dict[int, Crop]:
    """The pictures of some faces, by face_id."""
    if not len(face_ids):
        return {}
    crops = dict(blobs_of_faces(store, "crop", face_ids.tolist()))
    rows = store.rows(
        "SELECT f.face_id, p.path, t.start_ms, t.end_ms, t.best_ms, t.first_ms, t.last_ms "
        "FROM face f JOIN place p USING (photo_id) LEFT JOIN track t USING (face_id) "
        "WHERE f.face_id IN (SELECT unnest(?::BIGINT[]))",
        [face_ids.tolist()],
    )
    return {
        face_id: Crop(path, crops[face_id], None if track[0] is None else StoredTrack(*track))
        for face_id, path, *track in rows
    }
