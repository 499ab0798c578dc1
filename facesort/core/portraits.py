"""The face that shows a person best, in a photo that is delivered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from facesort.core.derivatives import THUMBNAIL
from facesort.core.stored import StoredFace, StoredPhoto
from facesort.core.turns import turned_boxes, turned_size
from facesort.reasons import Outcome, Remark

CONTEXT = 0.4
"""Margin around a face, as a share of its longer side."""


@dataclass(frozen=True, slots=True)
class Portrait:
    """A face, and the photo that it is in."""

    photo: StoredPhoto
    face: StoredFace

    def box_in(self, size: tuple[int, int]) -> tuple[float, ...]:
        """Box of the face in a picture of the photo: turned as its copies are, in px.

        Parameters
        ----------
        size : (int, int)
            Width and height of that picture in px.
        """
        ref, whole = self.photo.photo, self.photo.size or size
        turn = ref.turn if ref.upright else 0
        box = turned_boxes(np.array(self.face.box, np.float32), whole, turn)
        scale = size[0] / turned_size(whole, turn)[0]
        return tuple(float(value) * scale for value in box)

    def rank(self, edge: int) -> tuple[bool, bool, float, int]:
        """The higher, the better: sure who it is, whole, then of good quality and large enough for a thumbnail.

        Parameters
        ----------
        edge : int
            Long edge of the output JPEGs in px.
        """
        x_min, y_min, x_max, y_max = self.face.box
        shown = min(1.0, edge / max(self.photo.size or (edge,)))
        side = (1 + 2 * CONTEXT) * max(x_max - x_min, y_max - y_min) * shown
        return (
            self.face.outcome == Outcome.STRICT,
            Remark.DAMAGED not in self.photo.remarks,
            self.face.quality * min(1.0, side / THUMBNAIL.edge),
            -self.face.face_id,
        )


def best_portraits(photos: Iterable[StoredPhoto], edge: int) -> dict[int, Portrait]:
    """The best face of everybody who is in some photos, by person_id.

    Parameters
    ----------
    edge : int
        As for `Portrait.rank`.
    """
    best: dict[int, Portrait] = {}
    for photo in photos:
        for face in photo.faces:
            if face.person_id is None or face.person is None:
                continue
            portrait, known = Portrait(photo, face), best.get(face.person_id)
            if known is None or portrait.rank(edge) > known.rank(edge):
                best[face.person_id] = portrait
    return best
