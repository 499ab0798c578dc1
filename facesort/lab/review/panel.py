"""The base class of the page's panels."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

import ipywidgets as widgets

from facesort.core.text.words import several
from facesort.errors import FacesortError
from facesort.lab.review.session import ReviewSession
from facesort.lab.review.sheet import FaceSheet, SheetAction, ShowPhoto
from facesort.lab.review.whole_photo import whole_photo, without_picture
from facesort.lab.shared.html import notice
from facesort.store.queries.journal import Action, standing_actions
from facesort.store.queries.review.answers import Said, said

T = TypeVar("T")


class _Outcome(NamedTuple):
    """Whether an action was done, and a sentence about it."""

    done: bool
    text: str


class Panel:
    """A part of the page, refreshed when another panel changes something.

    A panel that is slow to refresh shows a button instead, so that answering stays quick.

    Parameters
    ----------
    key : str
        Identifies the panel; a cell that is run again replaces the panel of its earlier run.

    Attributes
    ----------
    seen : dict
        What users had said about faces when they were shown here last: what actions compare with.
    """

    def __init__(self, session: ReviewSession, key: str) -> None:
        self.session = session
        self.key = key
        self.message = widgets.HTML()
        self.refresh_button = widgets.Button(description="Refresh", icon="refresh")
        self.refresh_button.on_click(lambda _: self.refresh())
        self._offer_refresh(False)
        self.widget = widgets.VBox(layout=widgets.Layout(grid_gap="4px"))
        self.seen: Said = {}
        self._seconds = 0.0
        self._outcomes: list[_Outcome] | None = None  # of actions that are reported together
        self._named: list[str] = []
        session.follow(key, self._session_changed, deferred=True)

    def add(self, *children: widgets.Widget) -> None:
        """Put these below the message, and fill them."""
        top = widgets.HBox([self.message, self.refresh_button])
        self.widget.children = (top, self.session.history_line.widget, *children)
        self.refresh()

    def update(self) -> str:
        """Read and show the current state; returns a sentence that sums it up."""
        raise NotImplementedError

    def refresh(self, done: str = "") -> None:
        """Update, and report what was done before and the current state; or the error."""
        started = time.perf_counter()
        try:
            with self.session.one_opening():
                summary = self.update()
                if self._outcomes is None:
                    self.seen = self.session.read(said)
        except FacesortError as error:
            self.report(f"{done} {error}".strip(), good=False)
            return
        self._seconds = time.perf_counter() - started
        self._offer_refresh(False)
        self.report(f"{done} {summary}".strip(), good=True if done else None)

    def _session_changed(self) -> None:
        if self._seconds < self.session.slow_s:
            self.refresh()
        else:
            self._offer_refresh(True)

    def _offer_refresh(self, offered: bool) -> None:
        """The button keeps its place while it is hidden: what is below would move by its height."""
        self.refresh_button.layout.visibility = "visible" if offered else "hidden"

    def face_sheet(
        self,
        label: str,
        actions: Sequence[SheetAction],
        on_action: Callable[[str, list[int]], object],
        on_page: Callable[[int], object] | None = None,
        *,
        of_groups: bool = False,
    ) -> FaceSheet:
        """A page of faces of this panel, or of groups, as in `FaceSheet`."""
        on_photo = None if of_groups else self._whole_photo
        return FaceSheet(label, actions, on_action, on_page, self.together, on_photo)

    def _whole_photo(self, face_id: int, show: ShowPhoto) -> None:
        try:
            whole_photo(self.session, face_id, show)
        except FacesortError as error:
            show(without_picture(str(error)), [])

    @contextmanager
    def together(self, number: int) -> Iterator[None]:
        """Open the database once, and refresh the page once at the end, for this many acts."""
        with self.session.one_opening():
            if number < 2 or self._outcomes is not None:
                yield
                return
            self._outcomes = []
            try:
                yield
            finally:
                outcomes, self._outcomes = self._outcomes, None
                if outcomes:
                    self._show_outcomes(outcomes)

    def edit(self, action: Callable[[], T], describe: Callable[[T], str]) -> bool:
        """Carry out an action and refresh the page; or report why it was refused.

        Parameters
        ----------
        describe : callable
            Makes a sentence of what `action` returned.
        """
        try:
            with self.session.lock, self._own_edit():
                outcome = _Outcome(True, describe(action()))
        except FacesortError as error:
            outcome = _Outcome(False, str(error))
        if self._outcomes is None:
            self._show_outcomes([outcome])
        else:
            self._outcomes.append(outcome)
        return outcome.done

    @contextmanager
    def _own_edit(self) -> Iterator[None]:
        """Of several edits, the later ones know what the earlier ones did, but not what another window did."""
        if self._outcomes is None:  # all is read again at once
            yield
            return
        self.session.workspace.open_store()  # to be written to, before it is read: one opening, not two
        before, actions = self.session.read(said), self.session.read(standing_actions)
        yield
        now = self.session.read(said)
        self.session.history_line.own(actions, self.session.read(standing_actions))
        own = {face for face in before.keys() | now.keys() if before.get(face) != now.get(face)}
        others = {face: was for face, was in self.seen.items() if face not in own}
        self.seen = others | {face: now[face] for face in own & now.keys()}

    def _show_outcomes(self, outcomes: Sequence[_Outcome]) -> None:
        done = _sentences(outcome.text for outcome in outcomes if outcome.done)
        refused = _sentences(outcome.text for outcome in outcomes if not outcome.done)
        self.refresh(done)
        if refused:
            self.report(f"{done} {refused}".strip(), good=False)
            self.session.history_line.refresh()
        named, self._named = self._named, []
        for name in named:
            self.warn_of_alike(name)
        if done:
            self.session.changed(self.key)

    def undo(self) -> None:
        """Undo the newest action, wherever on the page it was done."""
        self.edit(self.session.history_line.take_back, _describe_undo)

    def warn_of_alike(self, name: str) -> None:
        """Say below the message of what was done whom the named person looks like."""
        if self._outcomes is not None:
            self._named.append(name)
            return
        for sentence in self.session.alike_sentences(name):
            self.message.value += notice(f"{sentence}.", good=False)

    def report(self, text: str, *, good: bool | None = None) -> None:
        """Show a message at the top of the panel."""
        self.message.value = notice(text, good=good)


def _sentences(texts: Iterable[str]) -> str:
    """Each sentence once, and how often if it was more."""
    counted = Counter(texts).items()
    return " ".join(text if n == 1 else f"{text.rstrip('.')}, {n} times." for text, n in counted)


def _describe_undo(action: Action | None) -> str:
    return "There is nothing to undo." if action is None else f"Undone: {action.summary}."


def faces(number: int) -> str:
    """``1 face``, ``2 faces``."""
    return several(number, "face")
