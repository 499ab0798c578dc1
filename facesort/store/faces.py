"""Stored faces, photo by photo."""

from __future__ import annotations

from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from facesort.core.records import Embeddings
from facesort.store.store import Store, vector

__all__ = ["faces_by_photo"]


def faces_by_photo(store: Store, pack_id: str) -> list[tuple[NDArray[np.float32], Embeddings]]:
    """Boxes and embeddings of every photo that has faces, in the order of the photos.

    Parameters
    ----------
    store : Store
    pack_id : str
        Only faces of this pack: others cannot be compared.

    Returns
    -------
    list of (ndarray of shape (n, 4), float32, in px; ndarray of shape (n, dim), float32)
        Of the newest analysis of each photo; duplicates have no faces of their own.
    """
    rows = store.rows(
        "SELECT f.photo_id, f.x_min, f.y_min, f.x_max, f.y_max, f.embedding FROM face f "
        "WHERE f.pack_id = ? "
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
