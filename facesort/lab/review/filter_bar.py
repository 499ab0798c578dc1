"""The row of fields that choose which faces a panel shows, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import ipywidgets as widgets

from facesort.core.text.foreign_text import printable
from facesort.core.text.words import several
from facesort.lab.shared.html import notice
from facesort.store.queries.review.chosen import FaceFilter, Order, Origins

_ORDERS: tuple[tuple[str, Order], ...] = (
    ("distance, farthest first", "distance"),
    ("margin, closest call first", "margin"),
    ("quality, poorest first", "quality"),
    ("time, earliest first", "time"),
)
_EVERYBODY, _ALL_CAMERAS = ("everybody", ""), ("all cameras", "")
_ALL_FOLDERS = ("all folders", ("", ""))
_KINDS = (("photos and clips", False), ("clips only", True))
_DAY = len("2026-05-04")
_LABEL = {"description_width": "70px"}
_FIELD = {
    "width": "auto",
    "flex": "1 1 215px",
    "min_width": "0",
    "max_width": "280px",
}  # two on a narrow page
_SPAN = {"flex": "1 1 440px", "max_width": "570px"}  # both ends beside each other


def point_in_time(text: str, *, end: bool = False) -> datetime | None:
    """A time that somebody wrote: a day, or a day and a time; None for nothing.

    Parameters
    ----------
    end : bool
        Whether all that was written is meant to be before it: the whole day, or the whole minute.

    Raises
    ------
    ValueError
        If it is neither.

    Examples
    --------
    >>> point_in_time("2026-05-04", end=True)
    datetime.datetime(2026, 5, 5, 0, 0)
    """
    text = " ".join(text.split())
    if not text:
        return None
    found = datetime.fromisoformat(text).replace(tzinfo=None)
    if not end:
        return found
    return found + (timedelta(days=1) if len(text) <= _DAY else timedelta(minutes=1))


class FilterBar:
    """Fields for person, folder, camera, time span and order; and for clips, if there are any.

    Parameters
    ----------
    usual : str
        The order of the panel if no other is chosen; empty: it cannot be chosen.
    persons : bool
        Whether a person can be chosen.
    on_change : callable
        Called when the user has chosen something else.
    """

    def __init__(
        self, on_change: Callable[[], object], *, usual: str = "", persons: bool = False
    ) -> None:
        self._on_change = on_change
        self._setting = False
        self.person = _choice("Person", [_EVERYBODY])
        self.folder = _choice("Photos in", [_ALL_FOLDERS])
        self.camera = _choice("Camera", [_ALL_CAMERAS])
        self.clips = _choice("Show", _KINDS)
        self.since, self.until = _time("From"), _time("Until")
        self.order = _choice("Sort by", [(usual, ""), *_ORDERS])
        self.clear = widgets.Button(description="Show all", layout={"width": "90px"})
        self.clear.on_click(lambda _: self.reset())
        self.message = widgets.HTML()
        choices = [self.folder, self.camera, self.clips, *([self.order] if usual else [])]
        choices = [*([self.person] if persons else []), *choices]
        for field in (*choices, self.since, self.until):
            field.observe(self._changed, "value")
        gap = "2px 10px"
        span = widgets.Box([self.since, self.until], layout={**_SPAN, "grid_gap": gap})
        row = widgets.Layout(flex_flow="row wrap", grid_gap=gap, align_items="center")
        self.widget = widgets.VBox(
            [widgets.Box([*choices, span, self.clear], layout=row), self.message]
        )

    def chosen(self) -> FaceFilter:
        """What the fields say; if a time is none, neither counts, and it is told."""
        source, folder = self.folder.value
        found = FaceFilter(
            *(self.person.value, source, folder, self.camera.value),
            clips=self.clips.value,
            order=self.order.value,
        )
        self.message.value = ""
        try:
            since = point_in_time(self.since.value)
            return replace(found, since=since, until=point_in_time(self.until.value, end=True))
        except ValueError:
            wrong = "No such time: write From and Until as 2026-05-04 or 2026-05-04 14:30."
            self.message.value = notice(wrong, good=False)
            return found

    def offer(self, origins: Origins, persons: Iterable[str] = ()) -> None:
        """Offer these; what is chosen stays chosen as long as it is there."""
        folders = [(f"{s}: {f}" if f else s, (s, f)) for s, f in origins.folders]
        with self._quietly():
            set_options(self.person, [_EVERYBODY, *((name, name) for name in persons)])
            set_options(self.folder, [_ALL_FOLDERS, *folders])
            set_options(self.camera, [_ALL_CAMERAS, *((name, name) for name in origins.cameras)])
            self.clips.layout.display = "" if origins.clips else "none"

    def reset(self) -> None:
        """Choose all, in the usual order."""
        with self._quietly():
            for field in (self.person, self.camera, self.since, self.until, self.order):
                field.value = ""
            self.folder.value, self.clips.value = ("", ""), False
        self._on_change()

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """Nothing that is set meanwhile is the user's choice."""
        self._setting = True
        try:
            yield
        finally:
            self._setting = False

    def _changed(self, _: object) -> None:
        if not self._setting:
            self._on_change()


def of_all(shown: int, total: int, one: str, many: str | None = None) -> str:
    """``212 of 1,040 faces``, or ``1,040 faces`` if nothing is left out."""
    every = several(total, one, many)
    return f"{shown:,} of {every}" if shown < total else every


def set_options(field: widgets.Dropdown, options: Sequence[tuple[str, object]]) -> None:
    """Offer these; what is chosen stays chosen as long as it is there, else it is the first."""
    shown = tuple((printable(text), value) for text, value in options)
    if shown != field.options:
        value, values = field.value, [value for _, value in shown]
        field.options = shown
        field.value = value if value in values else next(iter(values), None)


def _choice(label: str, options: Sequence[tuple[str, object]]) -> widgets.Dropdown:
    return widgets.Dropdown(description=label, options=options, style=_LABEL, layout=_FIELD)


def _time(label: str) -> widgets.Text:
    return widgets.Text(
        description=label,
        placeholder="2026-05-04 14:30",
        continuous_update=False,
        style=_LABEL,
        layout=_FIELD,
    )
