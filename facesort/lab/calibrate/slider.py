"""A threshold as a slider and a number; those of ipywidgets have no name for screen readers."""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets


class ThresholdSlider(anywidget.AnyWidget):
    """A labelled slider from 0 to 2, and the same as a number.

    Parameters
    ----------
    name : str
        STRICT or LOOSE.
    """

    _esm = Path(__file__).with_suffix(".js")
    name = traitlets.Unicode().tag(sync=True)
    value = traitlets.Float().tag(sync=True)

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
