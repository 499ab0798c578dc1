"""Look at parts of a photo with a detector: turned, shrunk or with a border, as asked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facesort.core.faces.looks import Look, Seen, Window
from facesort.core.faces.turns import turned_boxes, turned_points, turned_size
from facesort.core.records import Detections, Pixels
from facesort.faces.protocol import FaceEngine
from facesort.pixels import Pyramid, averaged, turned

# Of a tile: a face that is nearer to its edge goes on in the next one.
_CUT = 0.01


class Viewer:
    """Carries out looks at one image, which it shrinks to each size once.

    Parameters
    ----------
    image : Pyramid
        Upright, as far as its file says how it hangs.
    """

    def __init__(self, engine: FaceEngine, image: Pyramid) -> None:
        self._engine = engine
        self._pixels = image.pixels
        self._parts: dict[Window, Pyramid] = {(0, 0, *self.size): image}
        self._shrunk: dict[tuple[Window, int], Pixels] = {}

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the image in px."""
        return self._pixels.shape[1], self._pixels.shape[0]

    def turned(self, turn: int) -> Pixels:
        """The whole image, turned."""
        return turned(self._pixels, turn)

    def see(self, look: Look) -> Seen:
        """Run the detector once; what it finds is given in px of the image that is not turned."""
        small = self._part(look.window, look.edge)
        view = turned(small, look.turn)
        border = round(look.padding * max(view.shape[:2]))
        if border:
            view = np.pad(view, ((border, border), (border, border), (0, 0)))
        found = self._engine.detect(view, quick=look.is_quick)
        size = turned_size((small.shape[1], small.shape[0]), look.turn)
        left, top, right, bottom = look.window
        enlarge = np.array([right - left, bottom - top]) / (small.shape[1], small.shape[0])
        corner = np.array([left, top])
        boxes = turned_boxes(found.boxes - np.float32(border), size, -look.turn)
        points = turned_points(found.landmarks - np.float32(border), size, -look.turn)
        boxes = (boxes * np.tile(enlarge, 2) + np.tile(corner, 2)).astype(np.float32)
        points = (points * enlarge + corner).astype(np.float32)
        whole = self._is_whole(boxes, look.window)
        return Seen(look, Detections(boxes[whole], points[whole], found.scores[whole]))

    def _part(self, window: Window, edge: int | None) -> Pixels:
        if window not in self._parts:
            left, top, right, bottom = window
            self._parts[window] = Pyramid(self._pixels[top:bottom, left:right])
        part = self._parts[window]
        if edge is None:
            edge = self._engine.edge
            return part.pixels if edge is None else part.down_to(edge)
        if (window, edge) not in self._shrunk:
            height, width = part.pixels.shape[:2]
            share = min(1.0, edge / max(width, height))
            size = max(1, round(width * share)), max(1, round(height * share))
            self._shrunk[window, edge] = averaged(part.down_to(max(size)), size)
        return self._shrunk[window, edge]

    def _is_whole(self, boxes: NDArray[np.float32], window: Window) -> NDArray[np.bool_]:
        """Which faces do not reach an edge where the image goes on."""
        margin = _CUT * max(window[2] - window[0], window[3] - window[1])
        left, top, right, bottom = window
        width, height = self.size
        cut = (
            ((boxes[:, 0] < left + margin) & (left > 0))
            | ((boxes[:, 1] < top + margin) & (top > 0))
            | ((boxes[:, 2] > right - margin) & (right < width))
            | ((boxes[:, 3] > bottom - margin) & (bottom < height))
        )
        return np.asarray(~cut)
