"""A picture with a face, drawn by arithmetic: what two machines make of it must be the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facesort.core.records import Detections, Pixels

_Colour = tuple[int, int, int]
# Ellipses, later ones over earlier ones: centre and radii in px, colour, and how much of the radius is soft.
_FACE: tuple[tuple[int, int, int, int, _Colour, float], ...] = (
    (500, 360, 190, 240, (60, 40, 30), 0.15),  # hair
    (500, 430, 150, 200, (220, 175, 150), 0.15),
    *((x, 360, 36, 9, (50, 35, 25), 0.15) for x in (440, 560)),  # brows
    *((x, 395, 30, 14, (245, 240, 235), 0.15) for x in (440, 560)),
    *((x, 395, 12, 13, (40, 30, 25), 0.15) for x in (440, 560)),
    (500, 450, 18, 50, (200, 150, 125), 0.8),  # nose
    *((x, 485, 9, 6, (120, 70, 60), 0.15) for x in (488, 512)),
    (500, 540, 55, 16, (170, 60, 65), 0.15),  # mouth
    (500, 540, 50, 3, (90, 30, 35), 0.15),
)


def drawing() -> Pixels:
    """A picture of 1000 x 800 px with edges, slopes, colours, and a face that SCRFD and dlib find."""
    y, x = np.mgrid[0:800, 0:1000]
    channels = (x * 7 + y * 3, (x // 8) * (y // 8) * 31, (x * x + y * y) // 97)
    picture = np.stack([channel % 256 for channel in channels], axis=-1).astype(np.float64)
    for *place, colour, soft in _FACE:
        share = np.clip(_inside(*place) / soft, 0, 1)[..., None]
        picture += share * (np.array(colour) - picture)
    return np.rint(picture).astype(np.uint8)


def _inside(x: int, y: int, across: int, down: int) -> NDArray[np.float64]:
    """How far inside of an ellipse each pixel is: 1 in its centre, 0 on its edge, less outside."""
    rows, columns = np.mgrid[0:800, 0:1000]
    distance: NDArray[np.float64] = ((columns - x) / across) ** 2 + ((rows - y) / down) ** 2
    return 1 - distance


def claimed_faces() -> Detections:
    """Two faces where none are: what is embedded need not be one, and must not depend on the detector."""
    corners = np.array([[100, 100], [500, 300]], np.float32)
    boxes = np.concatenate([corners, corners + 240], axis=1)
    points = np.array([[70, 90], [170, 85], [120, 140], [80, 190], [165, 185]], np.float32)
    return Detections(boxes, corners[:, None] + points, np.full(2, 0.9, np.float32))
