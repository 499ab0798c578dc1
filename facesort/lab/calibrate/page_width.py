"""How wide the page is: what is drawn in px is not scaled by the browser, so the kernel has to know."""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets


class PageWidth(anywidget.AnyWidget):
    """An empty line as wide as its place on the page.

    Parameters
    ----------
    px : int
        0 while it is not shown.
    """

    _esm = Path(__file__).with_suffix(".js")
    px = traitlets.Int(0).tag(sync=True)
