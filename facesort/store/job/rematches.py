"""Stored faces matched again: what a re-match reads, and what it adds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesort.core.matching import Decision
from facesort.core.records import Photo
from facesort.core.routing import PlannedWrite
from facesort.reasons import PhotoStatus, Reason
from facesort.store.job.commits import insert_writes
from facesort.store.job.faces import insert_decisions
from facesort.store.store import Store, vector

_CHUNK = 1000  # photos whose embeddings are in memory at a time


@dataclass(frozen=True, slots=True)
class Candidates:
    """Ids of the photos that a re-match looks at; those that failed wait for a retry.

    Parameters
    ----------
    again : frozenset of int
        Photos whose faces are decided again.
    undelivered : frozenset of int
        Photos of which, by what counts now, a copy is missing.
    """

    again: frozenset[int]
    undelivered: frozenset[int]


@dataclass(frozen=True, slots=True, eq=False)
class StoredFace:
    """A face with its newest decision, and what counts.

    Parameters
    ----------
    decided : tuple of (outcome, reason, person_id or None)
        The machine's; persons who were merged are named by who answers for them.
    answer : int or None
        The person that counts, of the machine's decision and the user's.
    confirmed : bool
        Whether a user said so.
    embedding : ndarray of shape (dim,), float32, or None
        None if it is of another pack or was erased: then it cannot be compared.
    """

    face_id: int
    round: int
    decided: tuple[str, str, int | None]
    answer: int | None
    confirmed: bool
    embedding: NDArray[np.float32] | None


@dataclass(frozen=True, slots=True, eq=False)
class StoredPhoto:
    """A photo with its faces and its copies.

    Parameters
    ----------
    sha256 : str
        Of the source file.
    faces : tuple of StoredFace
    copies : tuple of PlannedWrite
        That are in the output, in the order they were written.
    """

    photo: Photo
    sha256: str
    faces: tuple[StoredFace, ...]
    copies: tuple[PlannedWrite, ...]


@dataclass(frozen=True, slots=True)
class Rematched:
    """What a re-match adds for one photo.

    Parameters
    ----------
    decisions : tuple of (face_id, round, Decision)
        Those that changed.
    writes : tuple of PlannedWrite
        Copies that were missing.
    """

    photo_id: int
    status: PhotoStatus
    reason: Reason | None
    decisions: tuple[tuple[int, int, Decision], ...]
    writes: tuple[PlannedWrite, ...]


def candidates(store: Store, *, everything: bool, unknown_folder: bool) -> Candidates:
    """Photos that a re-match looks at.

    Parameters
    ----------
    everything : bool
        Decide all photos with faces again; else only those with an unknown or LOOSE face, or one of which a user
        said something.
    unknown_folder : bool
        Whether photos with only unknown faces are delivered to ``_unknown``.
    """
    again = store.rows(
        "SELECT DISTINCT d.photo_id FROM face_decision d JOIN photo_state s USING (photo_id) "
        "WHERE s.status IN ('matched', 'unknown') AND (? OR d.outcome <> 'strict' "
        "OR EXISTS (FROM answer v WHERE v.face_id = d.face_id))",
        [everything],
    )
    undelivered = store.rows(
        "SELECT DISTINCT c.photo_id FROM wanted_copy c JOIN photo_state s USING (photo_id) "
        "WHERE s.status IN ('matched', 'unknown') AND NOT c.removed AND (? OR c.person_id IS NOT NULL) "
        "AND EXISTS (FROM face f WHERE f.photo_id = c.photo_id) "
        "AND NOT EXISTS (FROM write w WHERE w.photo_id = c.photo_id AND w.status <> 'failed' "
        "AND w.person_id IS NOT DISTINCT FROM c.person_id)",
        [unknown_folder],
    )
    return Candidates(frozenset(r[0] for r in again), frozenset(r[0] for r in undelivered))


def stored_photos(store: Store, photo_ids: Sequence[int], pack_id: str) -> Iterator[StoredPhoto]:
    """Photos with all that is known of their faces, in the order given; a thousand at a time.

    Parameters
    ----------
    store : Store
        May be written to between two photos.
    photo_ids : sequence of int
        Ascending.
    pack_id : str
        Embeddings of other packs are left out.
    """
    for start in range(0, len(photo_ids), _CHUNK):
        chunk = list(photo_ids[start : start + _CHUNK])
        faces = _faces(store, chunk, pack_id)
        copies = _copies(store, chunk)
        rows = store.rows(
            "SELECT photo_id, path, sha256 FROM photo_state "
            "WHERE photo_id IN (SELECT unnest(?::INTEGER[])) ORDER BY photo_id",
            [chunk],
        )
        for photo_id, path, sha256 in rows:
            yield StoredPhoto(
                Photo(photo_id, path, 0, 0), sha256, faces[photo_id], copies.get(photo_id, ())
            )


def _faces(store: Store, photo_ids: list[int], pack_id: str) -> dict[int, tuple[StoredFace, ...]]:
    rows = store.rows(
        "SELECT d.photo_id, d.face_id, d.round, d.outcome, d.reason, coalesce(e.current_id, d.person_id), "
        "a.person_id, a.reason = 'confirmed_by_user', f.embedding FROM face_decision d "
        "JOIN face_state a USING (face_id) "
        "LEFT JOIN everyone e ON e.person_id = d.person_id "
        "LEFT JOIN face f ON f.face_id = d.face_id AND f.pack_id = ? AND octet_length(f.embedding) > 0 "
        "WHERE d.photo_id IN (SELECT unnest(?::INTEGER[])) ORDER BY d.photo_id, d.face_id",
        [pack_id, photo_ids],
    )
    return {
        photo_id: tuple(_stored_face(row) for row in group)
        for photo_id, group in groupby(rows, key=lambda row: row[0])
    }


def _stored_face(row: tuple[Any, ...]) -> StoredFace:
    _, face_id, number, outcome, reason, person_id, answer, confirmed, embedding = row
    known = None if embedding is None else vector(embedding)
    return StoredFace(face_id, number, (outcome, reason, person_id), answer, confirmed, known)


def _copies(store: Store, photo_ids: list[int]) -> dict[int, tuple[PlannedWrite, ...]]:
    rows = store.rows(
        "SELECT photo_id, person_id, target, sha256, size FROM write WHERE status <> 'failed' "
        "AND photo_id IN (SELECT unnest(?::INTEGER[])) ORDER BY photo_id, write_id",
        [photo_ids],
    )
    return {
        photo_id: tuple(PlannedWrite(*row) for row in group)
        for photo_id, group in groupby(rows, key=lambda row: row[0])
    }


def gallery_faces(store: Store, pack_id: str, max_learned: int) -> dict[int, set[int]]:
    """Faces of this job that are themselves in the gallery: face_id to the persons they stand for.

    Parameters
    ----------
    max_learned : int
        Newest learned embeddings kept per person, as in `facesort.store.gallery.people.load_gallery`.
    """
    rows = store.rows(
        "SELECT face_id, person_id FROM reference WHERE face_id IS NOT NULL AND pack_id = ? UNION "
        "(SELECT l.face_id, l.person_id FROM learned l JOIN face f USING (face_id) WHERE f.pack_id = ? "
        "QUALIFY row_number() OVER (PARTITION BY l.person_id ORDER BY l.learned_id DESC) <= ?)",
        [pack_id, pack_id, max_learned],
    )
    found: dict[int, set[int]] = {}
    for face_id, person_id in rows:
        found.setdefault(face_id, set()).add(person_id)
    return found


def record_rematch(store: Store, batch_id: int, photos: Sequence[Rematched]) -> None:
    """Store a new batch that is COMMITTING from the start; inside a transaction."""
    ids = [photo.photo_id for photo in photos]
    store.execute(  # before the photos join the batch, which makes it their newest
        "INSERT INTO result SELECT r.* REPLACE (? AS batch_id, c.status AS status, c.reason AS reason) "
        "FROM (SELECT unnest(?::INTEGER[]) AS photo_id, unnest(?::VARCHAR[]) AS status, "
        "unnest(?::VARCHAR[]) AS reason) c JOIN photo_state s USING (photo_id) "
        "JOIN result r ON r.photo_id = s.photo_id AND r.batch_id = s.batch_id",
        [
            batch_id,
            ids,
            [photo.status.value for photo in photos],
            [None if photo.reason is None else photo.reason.value for photo in photos],
        ],
    )
    store.insert("batch", {"batch_id": [batch_id], "kind": ["rematch"], "state": ["COMMITTING"]})
    store.insert("batch_photo", {"batch_id": [batch_id] * len(ids), "photo_id": ids})
    insert_decisions(store, batch_id, [d for photo in photos for d in photo.decisions])
    insert_writes(store, batch_id, [write for photo in photos for write in photo.writes])


def state_of_matching(store: Store) -> str:
    """Tell whether anything has changed that a re-match depends on: equal texts, equal content."""
    rows = store.rows(
        "SELECT (SELECT bit_xor(hash(p)) FROM person p), (SELECT bit_xor(hash(f)) FROM former_person f), "
        "(SELECT bit_xor(hash(r)) FROM reference r), (SELECT bit_xor(hash(l)) FROM learned l), "
        "(SELECT bit_xor(hash(v)) FROM answer v), (SELECT max(face_id) FROM face), "
        "(SELECT max(batch_id) FROM batch)"
    )
    return repr(rows)


def last_fingerprint(store: Store) -> str | None:
    """What `remember` was told last."""
    found: str | None = store.value("SELECT fingerprint FROM rematched")
    return found


def remember(store: Store, fingerprint: str) -> None:
    """Remember that a re-match was complete; inside a transaction."""
    store.execute("DELETE FROM rematched")
    store.execute("INSERT INTO rematched VALUES (?)", [fingerprint])
