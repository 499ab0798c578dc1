"""The workspace that a notebook works on, and the displays that follow its changes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence

from IPython.display import DisplayHandle, display
from ipywidgets import HTML, DOMWidget

from facesort.faces.protocol import ModelPack
from facesort.lab.shared.front_end import serialize_widget_events
from facesort.lab.shared.log_lines import log_lines
from facesort.workspace import Workspace

Refresh = Callable[[], object]
_BREATH_S = 0.05  # in which a kernel hears what was pressed meanwhile


class Live:
    """A display that `refresh` updates in place; saved with the notebook, unless its content is a widget.

    Parameters
    ----------
    content : callable
        Returns the object to display.
    above : Widget, optional
        Displayed above it.
    """

    def __init__(self, content: Callable[[], object], above: DOMWidget | None = None) -> None:
        self.content = content
        self._above = above
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
            discard(now)
            return
        self._shown = now
        self._handle.update(now)
        if isinstance(before, HTML):
            discard(before)

    def show_in(self, *places: DisplayHandle) -> None:
        """Take the place of something that was displayed before; of two, what is above takes the first."""
        place = places[0]
        if self._above is not None and len(places) > 1:
            place.update(self._above)
            place = places[1]
        self._shown, self._handle = self.content(), place
        place.update(self._shown)

    def _ipython_display_(self) -> None:
        if self._above is not None:
            display(self._above)
        self._shown = self.content()
        self._handle = display(self._shown, display_id=True)


def discard(*widgets: DOMWidget) -> None:
    """Close widgets with all that is in them, and their styles and layouts, which they do not close themselves.

    The kernel hears no more events of a closed widget: a double click on a button that is gone after the first acts
    only once.
    """
    for widget in widgets:
        discard(*getattr(widget, "children", ()))
        for part in (widget, getattr(widget, "style", None), widget.layout):
            if part is not None:
                part.close()


class Session:
    """A workspace that a user works on in a notebook.

    Whatever reads or changes the session holds its `lock`: widget callbacks run one after the other, and the database
    is opened once at a time, even if the front end uses several threads.

    Attributes
    ----------
    pause_s : float
        How long nothing must change before deferred displays are refreshed.
    """

    pause_s = 0.3

    def __init__(self, workspace: Workspace, pack: ModelPack) -> None:
        serialize_widget_events()
        log_lines()
        self.workspace = workspace
        self.pack = pack
        self.lock = threading.RLock()
        self._observers: dict[str, Refresh] = {}
        self._deferred: dict[str, Refresh] = {}
        self._timer: asyncio.TimerHandle | None = None

    def follow(self, key: str, refresh: Refresh, *, deferred: bool = False) -> None:
        """Call `refresh` after every change.

        Parameters
        ----------
        key : str
            A cell that is run again replaces the observer of its earlier run.
        deferred : bool
            For what is slow: in a notebook it is called once, when changes pause.
        """
        (self._deferred if deferred else self._observers)[key] = refresh

    def live(
        self,
        key: str,
        content: Callable[[], object],
        *,
        deferred: bool = False,
        above: DOMWidget | None = None,
    ) -> Live:
        """A display that follows the session."""
        shown = Live(content, above)
        self.follow(key, shown.refresh, deferred=deferred)
        return shown

    def changed(self, by: str = "") -> None:
        """Refresh everything that follows, except the observer `by` that made the change."""
        self._notify(self._observers, by)
        if self._timer is not None:
            self._timer.cancel()
        try:
            asyncio.get_running_loop()
        except RuntimeError:  # not in a notebook
            self._notify(self._deferred, by)
        else:
            self._refresh_later([key for key in self._deferred if key != by], self.pause_s)

    def _notify(self, observers: dict[str, Refresh], by: str = "") -> None:
        with self.lock:
            for key, refresh in list(observers.items()):
                if key != by:
                    refresh()

    def _refresh_later(self, keys: Sequence[str], pause_s: float) -> None:
        """Refresh deferred displays one by one: what a user does comes between, and makes the rest wait again."""
        self._timer = asyncio.get_running_loop().call_later(pause_s, self._refresh_next, keys)

    def _refresh_next(self, keys: Sequence[str]) -> None:
        if not keys:
            return
        self._refresh_later(keys[1:], _BREATH_S)
        with self.lock:
            self._deferred[keys[0]]()
