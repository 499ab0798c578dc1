"""Where faces are in a photo as it is delivered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facesort.core.faces.turns import turned_boxes, turned_size
from facesort.core.stored import StoredFace, StoredPhoto


@dataclass(frozen=True, slots=True)
class Region:
    """Where a person is in a picture.

    Parameters
    ----------
    left, top, width, height : float
        As shares of the picture's width and height, within [0, 1].
    """

    name: str
    left: float
    top: float
    width: float
    height: float

    @classmethod
    def of(cls, name: str, box: tuple[float, float, float, float], size: tuple[int, int]) -> Region:
        """Make a region from a box, clipped to the picture.

        Parameters
        ----------
        box : tuple of four float
            ``x_min, y_min, x_max, y_max`` in px.
        size : tuple of (width, height)
            In the same px.
        """
        left, right = (min(max(x / size[0], 0.0), 1.0) for x in (box[0], box[2]))
        top, bottom = (min(max(y / size[1], 0.0), 1.0) for y in (box[1], box[3]))
        return cls(name, left, top, right - left, bottom - top)


def delivered_shape(photo: StoredPhoto) -> tuple[int, int] | None:
    """Width and height in px of a photo, full size, as its copies hang; None if they are not known."""
    return None if photo.size is None else turned_size(photo.size, photo.photo.copies_turn)


def delivered_box(
    photo: StoredPhoto, face: StoredFace, size: tuple[int, int]
) -> tuple[float, float, float, float]:
    """Box of a face, ``x_min, y_min, x_max, y_max`` in px of the full-size photo, as its copies hang.

    Parameters
    ----------
    size : (int, int)
        Width and height of the photo in px, before it is turned.
    """
    box = np.asarray(face.box, dtype=np.float32)
    x_min, y_min, x_max, y_max = turned_boxes(box, size, photo.photo.copies_turn).tolist()
    return x_min, y_min, x_max, y_max


def delivered_region(photo: StoredPhoto, face: StoredFace) -> Region | None:
    """Where a face is in the copies of its photo, which may have been turned upright.

    Returns
    -------
    Region or None
        With the name of the person, or an empty one.  None if the size of the photo is not known.
    """
    shape = delivered_shape(photo)
    if photo.size is None or shape is None:
        return None
    return Region.of(face.person or "", delivered_box(photo, face, photo.size), shape)
