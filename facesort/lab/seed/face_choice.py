"""A photo with several faces, of which one is chosen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets

from facesort.core.records import Analysis
from facesort.engine.gallery.reference_check import from_left
from facesort.lab.seed.cards import small_photo

_LONG_EDGE = 1120  # px: twice what it has on the page, for high-resolution screens


class FaceChoice(anywidget.AnyWidget):
    """The whole photo, with a numbered button around every face; its number can be typed too.

    Parameters
    ----------
    analysis : Analysis
        Of a photo that could be decoded, with its JPEG.
    label : str
        For screen readers.
    on_choose : callable of (number)
        Called with the number of a face, counted from the left.
    """

    _esm = Path(__file__).with_suffix(".js")
    _css = Path(__file__).with_suffix(".css")
    label = traitlets.Unicode().tag(sync=True)
    picture = traitlets.Bytes().tag(sync=True)
    boxes = traitlets.List(traitlets.Any()).tag(
        sync=True
    )  # left, top, width, height: shares of the photo

    def __init__(self, analysis: Analysis, label: str, on_choose: Callable[[int], object]) -> None:
        super().__init__(
            label=label, picture=small_photo(analysis.jpeg, _LONG_EDGE), boxes=_boxes(analysis)
        )
        self._on_choose = on_choose
        self.on_msg(self._on_message)

    def _on_message(self, _: object, content: dict[str, Any], __: object) -> None:
        self._on_choose(int(content["face"]))


def _boxes(analysis: Analysis) -> list[list[float]]:
    if analysis.info is None:
        return []
    size = np.array([analysis.info.width, analysis.info.height])
    boxes = [face.box for face in from_left(analysis)]
    return [[*(box[:2] / size).tolist(), *((box[2:] - box[:2]) / size).tolist()] for box in boxes]
