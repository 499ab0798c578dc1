"""A display that follows what it shows."""

from __future__ import annotations

from collections.abc import Callable

from IPython.display import DisplayHandle, display
from ipywidgets import HTML


class Live:
    """A display that is drawn again in place when the gallery changes.

    Saved with the notebook like any other output, unless it is a widget.

    Parameters
    ----------
    content : callable
        Gives what to display now.
    """

    def __init__(self, content: Callable[[], object]) -> None:
        self.content = content
        self._handle: DisplayHandle | None = None
        self._shown: object = None

    def refresh(self) -> None:
        """Draw again, if it is on the screen."""
        if self._handle is None:
            return
        before, now = self._shown, self.content()
        if isinstance(now, HTML) and isinstance(before, HTML):
            # JupyterLab does not show a widget in the place of another one.
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
    """Forget a widget in kernel and browser, with the two that it is made of: it does not close them itself."""
    for part in (widget, widget.style, widget.layout):
        part.close()
