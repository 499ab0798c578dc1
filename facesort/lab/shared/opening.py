"""Opening a workspace in a notebook: while a sort holds it, the cells say so, and fill when it can be opened."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial, wraps
from pathlib import Path
from typing import Concatenate, Generic, ParamSpec, TypeVar

import ipywidgets as widgets
from IPython.display import DisplayHandle, Markdown, display

from facesort.core.text.words import duration
from facesort.engine.job.progress import is_running, read_progress
from facesort.errors import FacesortError, StoreLockedError
from facesort.lab.shared.front_end import is_interactive, serialize_widget_events
from facesort.lab.shared.html import notice
from facesort.lab.shared.notebooks import find_folder

P = ParamSpec("P")
T = TypeVar("T")

_WAITS = "*Waits for the workspace, which is in use: see the first cell.*"


class Opening(Generic[T]):
    """A workspace that another process holds.  Displays as a sentence and a button, *Try again*.

    When that succeeds, the cells that were run meanwhile show what they would have shown: no kernel needs a restart,
    and no cell has to be run again.

    Parameters
    ----------
    folder : Path
        The workspace.
    attempt : callable
        Opens it.

    Attributes
    ----------
    opened : object
        What `attempt` returned; None as long as it fails.
    """

    def __init__(self, folder: Path, attempt: Callable[[], T], error: StoreLockedError) -> None:
        serialize_widget_events()
        self.opened: T | None = None
        self._folder, self._attempt = folder, attempt
        self._message = widgets.HTML(notice(self._why(error), good=False))
        self._button = widgets.Button(description="Try again", icon="refresh")
        self._button.on_click(lambda _: self._try_again())
        self._places: list[DisplayHandle] = []
        self._waiting: dict[str, _Place] = {}

    def then(self, key: str, show: Callable[[T], object]) -> object:
        """What a cell displays: what `show` returns, as soon as the workspace is open.

        Parameters
        ----------
        key : str
            A cell that is run again replaces its earlier run.
        """
        if self.opened is not None:
            return show(self.opened)
        self._waiting[key] = place = _Place(show)
        return place

    def _try_again(self) -> None:
        if self.opened is not None:  # the second click of a double click
            return
        self._button.disabled = True
        try:
            self.opened = self._attempt()
        except StoreLockedError as error:
            now = datetime.now().astimezone()
            self._message.value = notice(f"{self._why(error)} (Tried at {now:%H:%M:%S}.)")
        except FacesortError as error:
            self._message.value = notice(str(error), good=False)
        else:
            _fill(self._places, self.opened)
            for place in self._waiting.values():
                place.fill(self.opened)
        finally:
            self._button.disabled = False

    def _why(self, error: StoreLockedError) -> str:
        """Who has the workspace, how far it is, and what to do."""
        progress = read_progress(self._folder / "state")
        if progress is None or not is_running(progress):
            return str(error)
        photos, left = progress["photos"], progress["eta_seconds"]
        far = f"{photos['total'] - photos['pending']:,} of {photos['total']:,} files are done"
        if left is not None:
            far += f", {duration(left)} left"
        return (
            f"A sort is running in this workspace: {far}. Until it ends nobody else can read it: wait, then press "
            "“Try again”."
        )

    def _ipython_display_(self) -> None:
        if self.opened is not None:
            display(self.opened)
            return
        self._places = [display(widgets.VBox([self._message, self._button]), display_id=True)]


class _Place:
    """Where a cell's content will be; below it there is room for what has something above it."""

    def __init__(self, show: Callable[..., object]) -> None:
        self._show = show
        self._places: list[DisplayHandle] = []

    def fill(self, opened: object) -> None:
        """Show the content; or why there is none, so that the other cells get theirs."""
        try:
            content = self._show(opened)
        except FacesortError as error:
            content = widgets.HTML(notice(str(error), good=False))
        _fill(self._places, content)

    def _ipython_display_(self) -> None:
        self._places = [display(Markdown(text), display_id=True) for text in (_WAITS, "")]


def _fill(places: list[DisplayHandle], content: object) -> None:
    if not places:
        return
    show_in = getattr(content, "show_in", None)  # of what follows the session
    if show_in is None:
        places[0].update(content)
    else:
        show_in(*places)


def opening(
    open_now: Callable[Concatenate[str | Path, P], T],
) -> Callable[Concatenate[str | Path, P], T | Opening[T]]:
    """The first cell of a notebook: opens a workspace; for a user, who can wait, one in use is an `Opening`."""

    @wraps(open_now)
    def opened(workspace: str | Path, /, *args: P.args, **options: P.kwargs) -> T | Opening[T]:
        attempt = partial(open_now, workspace, *args, **options)
        try:
            return attempt()
        except StoreLockedError as error:
            if not is_interactive():
                raise
            return Opening(find_folder(workspace), attempt, error)

    return opened


def cell(
    show: Callable[Concatenate[T, P], object],
) -> Callable[Concatenate[T | Opening[T], P], object]:
    """Any other cell: shows something of what the first one opened, once it is open."""

    @wraps(show)
    def shown(session: T | Opening[T], /, *args: P.args, **options: P.kwargs) -> object:
        if isinstance(session, Opening):
            return session.then(show.__name__, lambda opened: show(opened, *args, **options))
        return show(session, *args, **options)

    return shown
