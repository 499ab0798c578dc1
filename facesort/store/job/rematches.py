"""Stored faces matched again: what a re-match reads, and what it adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facesort.core.copies import PlannedWrite
from facesort.core.persons.matching import Decision
from facesort.core.persons.sightings import Ids
from facesort.reasons import PhotoStatus, Reason
from facesort.store.job.commits import insert_writes
from facesort.store.job.faces import insert_decisions
from facesort.store.store import Store


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Ids of the photos that a re-match looks at, ascending; those that failed wait for a retry.

    Parameters
    ----------
    again : ndarray of shape (n_photos,), int64
        Photos whose faces are decided again.
    undelivered : ndarray of shape (n_photos,), int64
        Photos of which, by what counts now, a copy is missing.
    """

    again: Ids
    undelivered: Ids


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
    (again,) = store.columns(
        "SELECT DISTINCT d.photo_id FROM face_decision d JOIN photo_state s USING (photo_id) "
        "WHERE s.status IN ('matched', 'unknown') AND NOT EXISTS (FROM superseded x WHERE x.photo_id = d.photo_id) "
        "AND (? OR d.outcome <> 'strict' "
        "OR EXISTS (FROM answer v WHERE v.face_id = d.face_id))",
        [everything],
    )
    (undelivered,) = store.columns(
        "SELECT DISTINCT c.photo_id FROM wanted_copy c JOIN photo_state s USING (photo_id) "
        "WHERE s.status IN ('matched', 'unknown') AND NOT c.removed AND NOT c.doubled "
        "AND (? OR c.person_id IS NOT NULL) "
        "AND EXISTS (FROM face f WHERE f.photo_id = c.photo_id) "
        # Of a clip, they may have another frame than that of now.
        "AND (c.photo_id IN (SELECT f.photo_id FROM face f JOIN track USING (face_id)) "
        "OR NOT EXISTS (FROM write w WHERE w.photo_id = c.photo_id AND w.status <> 'failed' "
        "AND w.person_id IS NOT DISTINCT FROM c.person_id))",
        [unknown_folder],
    )
    return Candidates(np.sort(again.astype(np.int64)), np.sort(undelivered.astype(np.int64)))


def among(ids: Sequence[int], many: Ids) -> set[int]:
    """Which of some ids, in ascending order, are in a much longer array of such."""
    start, end = np.searchsorted(many, [ids[0], ids[-1] + 1])
    return set(ids).intersection(many[start:end].tolist())


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


def record_rematch(store: Store, batch_id: int, photos: Sequence[Rematched]) -> range:
    """Store a new batch that is COMMITTING from the start; inside a transaction.  Returns the ids of its writes."""
    ids = [photo.photo_id for photo in photos]
    store.execute(
        "INSERT INTO result SELECT r.* REPLACE (? AS batch_id, c.status AS status, c.reason AS reason) "
        "FROM (SELECT unnest(?::INTEGER[]) AS photo_id, unnest(?::VARCHAR[]) AS status, "
        "unnest(?::VARCHAR[]) AS reason) c JOIN result r USING (photo_id) "
        "QUALIFY r.batch_id = max(r.batch_id) OVER (PARTITION BY r.photo_id)",
        [
            batch_id,
            ids,
            [photo.status.value for photo in photos],
            [None if photo.reason is None else photo.reason.value for photo in photos],
        ],
    )
    store.insert("batch", {"batch_id": [batch_id], "kind": ["rematch"], "state": ["COMMITTING"]})
    insert_decisions(store, batch_id, [d for photo in photos for d in photo.decisions])
    return insert_writes(store, batch_id, [write for photo in photos for write in photo.writes])


def shots_with_movies(store: Store) -> frozenset[int]:
    """Shots to which a clip belongs, as to that of a Live Photo; and those of clips alone."""
    rows = store.rows("SELECT DISTINCT shot_id FROM in_shot WHERE is_clip")
    return frozenset(shot_id for (shot_id,) in rows)


def state_of_matching(store: Store) -> str:
    """Tell whether anything has changed that a re-match depends on: equal texts, equal content."""
    rows = store.rows(
        "SELECT (SELECT bit_xor(hash(p)) FROM person p), (SELECT bit_xor(hash(f)) FROM former_person f), "
        "(SELECT bit_xor(hash(r)) FROM (SELECT * EXCLUDE (chosen) FROM reference) r), "
        "(SELECT bit_xor(hash(l)) FROM learned l), "
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
