"""Stored faces, photo by photo."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from facesort.core.matching import Decision
from facesort.core.records import Embeddings
from facesort.store.store import Store, vector


def faces_by_photo(store: Store, pack_id: str) -> list[tuple[NDArray[np.float32], Embeddings]]:
    """Boxes and embeddings of every photo that has faces, in the order of the photos.

    Faces whose embeddings were dropped are not among them.

    Parameters
    ----------
    pack_id : str
        Only faces of this pack: others cannot be compared.

    Returns
    -------
    list of (ndarray of shape (n, 4), float32, in px; ndarray of shape (n, dim), float32)
        Of the newest analysis of each photo; duplicates have no faces of their own.
    """
    rows = store.rows(
        "SELECT f.photo_id, f.x_min, f.y_min, f.x_max, f.y_max, f.embedding FROM face f "
        "WHERE f.pack_id = ? AND octet_length(f.embedding) > 0 "
        "QUALIFY f.batch_id = max(f.batch_id) OVER (PARTITION BY f.photo_id) "
        "ORDER BY f.photo_id, f.face_id",
        [pack_id],
    )
    photos = []
    for _, group in groupby(rows, key=lambda row: row[0]):
        faces = list(group)
        boxes = np.array([row[1:5] for row in faces], dtype=np.float32)
        photos.append((boxes, np.stack([vector(row[5]) for row in faces])))
    return photos


def insert_decisions(
    store: Store, batch_id: int, decided: Sequence[tuple[int, int, Decision]]
) -> None:
    """Append what a batch decided; inside a transaction.

    Parameters
    ----------
    decided : sequence of (face_id, round, Decision)
    """
    decisions = [decision for _, _, decision in decided]
    store.insert(
        "decision",
        {
            "face_id": [face_id for face_id, _, _ in decided],
            "round": [number for _, number, _ in decided],
            "batch_id": [batch_id] * len(decided),
            "outcome": [d.outcome.value for d in decisions],
            "reason": [d.reason.value for d in decisions],
            "person_id": [d.person_id for d in decisions],
            "distance": [d.distance for d in decisions],
            "nearest_id": [d.nearest_id for d in decisions],
            "runner_up_id": [d.runner_up_id for d in decisions],
            "runner_up_distance": [d.runner_up_distance for d in decisions],
        },
    )
