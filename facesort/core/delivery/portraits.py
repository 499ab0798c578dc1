"""The face that shows a person best, in a photo that is delivered."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from facesort.core.delivery.regions import delivered_box
from facesort.core.derivatives import THUMBNAIL
from facesort.core.faces.turns import turned_size
from facesort.core.stored import StoredFace, StoredPhoto
from facesort.reasons import Outcome, Remark

CONTEXT = 0.4
"""Margin around a face, as a share of its longer side, where no other face is in it."""

_APART = 0.15  # of the same: with less, a face is a picture of somebody only if there is no other


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
        whole = self.photo.size or size
        width, _ = turned_size(whole, self.photo.photo.copies_turn)
        box = delivered_box(self.photo, self.face, whole)
        return tuple(value * (size[0] / width) for value in box)

    @property
    def context(self) -> float:
        """Margin around it that shows no other face, as a share of its longer side; at most `CONTEXT`."""
        x_min, y_min, x_max, y_max = self.face.box
        others = [other.box for other in self.photo.faces if other is not self.face]
        apart = [
            max(left - x_max, x_min - right, top - y_max, y_min - bottom)
            for left, top, right, bottom in others
        ]
        longer = max(x_max - x_min, y_max - y_min, 1.0)
        return min([CONTEXT, *(max(0.0, gap) / longer for gap in apart)])

    def rank(self, edge: int) -> tuple[bool, bool, bool, float, int]:
        """The higher, the better: sure who it is, whole, alone, then of good quality and large enough for a thumbnail.

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
            self.context >= _APART,
            self.face.quality * min(1.0, side / THUMBNAIL.edge),
            -self.face.face_id,
        )


def best_portraits(
    photos: Iterable[StoredPhoto], edge: int, chosen: Collection[int | None] = ()
) -> dict[int, Portrait]:
    """The best face of everybody who is in some photos, by person_id.

    Parameters
    ----------
    edge : int
        As for `Portrait.rank`.
    chosen : collection of int
        Ids of faces that users chose: better than all others of the same person.
    """
    best: dict[int, tuple[tuple[object, ...], Portrait]] = {}
    for photo in photos:
        for face in photo.faces:
            if face.person_id is None or face.person is None:
                continue
            portrait = Portrait(photo, face)
            rank = (face.face_id in chosen, *portrait.rank(edge))
            known = best.get(face.person_id)
            if known is None or rank > known[0]:
                best[face.person_id] = rank, portrait
    return {person_id: portrait for person_id, (_, portrait) in best.items()}
