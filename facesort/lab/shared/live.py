"""A display that is updated in place."""

from __future__ import annotations

from collections.abc import Callable

from IPython.display import DisplayHandle, display
from ipywidgets import HTML


class Live:
    """A display that `refresh` updates in place; saved with the notebook, unless its content is a widget.

    Parameters
    ----------
    content : callable
        Returns the object to display.
    """

    def __init__(self, content: Callable[[], object]) -> None:
        self.content = content
        self._handle: DisplayHandle | None = None
        self._shown: object = None

    def refresh(self) -> None:
        """Update the display, if it is shown."""
        if self._handle is None:
            return
        before, now = self._shown, self.content()
        if isinstance(now, HTML) and isinstance(before, HTML):
            # JupyterLab does not replace a displayed widget by another one.
            before.value = now.value
            _discard(now)
            return
        self._shown = now
        self._handle.update(now)
        if isinstance(before, HTML):
            _discard(before)

    def _ipython_display_(self) -> None:
        self._shown = self.content()
        self._handle = display(self._shown, display_id=True)


def _discard(widget: HTML) -> None:
    """Close a widget, and its style and layout, which it does not close itself."""
    for part in (widget, widget.style, widget.layout):
        part.close()
