"""What was learned, in which order, and what was decided meanwhile."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from facesort.core.records import Embeddings
from facesort.store.store import Store, vector


@dataclass(frozen=True, slots=True, eq=False)
class LearnedFace:
    """A face that a person's gallery was given.

    Parameters
    ----------
    batch_id : int
        That learned it; later ones saw it.
    embedding : ndarray of shape (dim,), float32
    """

    face_id: int
    person_id: int
    batch_id: int
    embedding: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class DecidedPhoto:
    """A photo of which a batch decided at least one face anew.

    Parameters
    ----------
    face_ids : tuple of int
    embeddings : ndarray of shape (n, dim), float32
    given : tuple of int or None
        The person whom this batch gave each face, if that is the newest decision of the face.
    """

    face_ids: tuple[int, ...]
    embeddings: Embeddings
    given: tuple[int | None, ...]


def learned(store: Store, pack_id: str) -> list[LearnedFace]:
    """Everything learned with a pack, in the order of learning."""
    rows = store.rows(
        "SELECT l.face_id, l.person_id, coalesce((SELECT min(d.batch_id) FROM decision d JOIN everyone e USING "
        "(person_id) WHERE d.face_id = l.face_id AND d.outcome = 'strict' AND e.current_id = l.person_id), "
        "f.batch_id), f.embedding FROM learned l JOIN face f USING (face_id) "
        "WHERE f.pack_id = ? AND octet_length(f.embedding) > 0 ORDER BY l.learned_id",
        [pack_id],
    )
    return [LearnedFace(row[0], row[1], row[2], vector(row[3])) for row in rows]


def batches_after(store: Store, batch_id: int) -> list[int]:
    """Batches that decided something after this one, in order."""
    sql = "SELECT DISTINCT batch_id FROM decision WHERE batch_id > ? ORDER BY batch_id"
    return [row[0] for row in store.rows(sql, [batch_id])]


def decided_in(
    store: Store, batch_ids: Sequence[int], pack_id: str, person_ids: Collection[int]
) -> dict[int, list[DecidedPhoto]]:
    """Photos in which batches found somebody, or compared a face with them, with all their faces of a pack.

    Parameters
    ----------
    batch_ids : sequence of int
    person_ids : collection of int
        Who was the nearest, the second nearest or the one who was given a face.

    Returns
    -------
    dict of batch_id to list of DecidedPhoto
        In order; batches without such a photo are left out.
    """
    rows = store.rows(
        "WITH concerned AS (SELECT DISTINCT d.batch_id, f.photo_id FROM decision d JOIN face f USING (face_id) "
        " JOIN everyone e ON e.person_id IN (d.person_id, d.nearest_id, d.runner_up_id) "
        " WHERE d.batch_id IN (SELECT unnest(?::INTEGER[])) AND e.current_id IN (SELECT unnest(?::INTEGER[]))) "
        "SELECT c.batch_id, f.photo_id, f.face_id, f.embedding, "
        "CASE WHEN d.batch_id = c.batch_id THEN e.current_id END "
        "FROM concerned c JOIN face f USING (photo_id) JOIN face_decision d USING (face_id) "
        "LEFT JOIN everyone e ON e.person_id = d.person_id "
        "WHERE f.pack_id = ? AND octet_length(f.embedding) > 0 ORDER BY ALL",
        [list(batch_ids), list(person_ids), pack_id],
    )
    found: dict[int, list[DecidedPhoto]] = {}
    for (batch_id, _), group in groupby(rows, key=lambda row: row[:2]):
        faces = list(group)
        photo = DecidedPhoto(
            tuple(row[2] for row in faces),
            np.stack([vector(row[3]) for row in faces]),
            tuple(row[4] for row in faces),
        )
        found.setdefault(batch_id, []).append(photo)
    return found


def forget_learned(store: Store, person_id: int, face_ids: Collection[int]) -> None:
    """Take faces out of what was learned of a person; inside a transaction."""
    store.execute(
        "DELETE FROM learned WHERE person_id = ? AND face_id IN (SELECT unnest(?::BIGINT[]))",
        [person_id, list(face_ids)],
    )
