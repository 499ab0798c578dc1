"""One place on the page for a sheet and for what is opened of it: where one looks, and with the keyboard."""

from __future__ import annotations

import ipywidgets as widgets

from facesort.core.text.foreign_text import html_text
from facesort.lab.review.sheet import FaceSheet


class Layer:
    """A sheet that may take the place of another one, below its own heading."""

    def __init__(self, sheet: FaceSheet) -> None:
        self.sheet = sheet
        self.heading = widgets.HTML()
        self.widget = widgets.VBox([self.heading, sheet])

    def title(self, text: str) -> None:
        """Write the heading, and how to go back."""
        self.heading.value = f"<b>{html_text(text)}</b> Escape goes back."


class Place:
    """A sheet and the layers that are opened of it, or of each other; the last one that was opened is seen.

    Parameters
    ----------
    base : FaceSheet
        Seen as long as nothing is opened.
    """

    def __init__(self, base: FaceSheet, *layers: Layer) -> None:
        self._base = base
        self._open: list[Layer] = []
        self.widget = widgets.VBox([base, *(layer.widget for layer in layers)])
        self._show()

    def open(self, layer: Layer) -> None:
        """Show a layer, and give it the keyboard."""
        if layer not in self._open:
            self._open.append(layer)
        self._show()
        layer.sheet.focus(move=True)

    def close(self, layer: Layer) -> None:
        """Show what it was opened of; nothing if it is not open."""
        if layer in self._open:
            del self._open[self._open.index(layer) :]
            self._show()
            (self._open[-1].sheet if self._open else self._base).focus()

    def _show(self) -> None:
        seen = self._open[-1].widget if self._open else self._base
        for child in self.widget.children:
            child.layout.display = "" if child is seen else "none"
