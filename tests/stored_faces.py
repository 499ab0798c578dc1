"""What tests ask about stored faces."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facesort.store import Store


def best_distances(store: Store) -> NDArray[np.float32]:
    """Distance of every face to the person it was given to, or else to the nearest; shape (n_faces,)."""
    rows = store.rows(
        "SELECT distance FROM face_decision WHERE distance IS NOT NULL ORDER BY face_id"
    )
    return np.array([row[0] for row in rows], dtype=np.float32)


def face_boxes(store: Store) -> dict[str, list[tuple[float, float, float, float]]]:
    """Boxes of the faces of every photo that was analysed, by path; px of the upright photo."""
    rows = store.rows(
        "SELECT s.path, f.x_min, f.y_min, f.x_max, f.y_max FROM photo_state s "
        "LEFT JOIN face f USING (photo_id) WHERE s.status NOT IN ('pending', 'duplicate', 'failed') "
        "ORDER BY s.photo_id, f.face_id"
    )
    boxes: dict[str, list[tuple[float, float, float, float]]] = {}
    for path, *box in rows:
        boxes.setdefault(path, []).extend(
            [(box[0], box[1], box[2], box[3])] if box[0] is not None else []
        )
    return boxes
