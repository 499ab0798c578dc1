"""The last action in one line, with a button that takes it back: within reach wherever somebody edits."""

from __future__ import annotations

from collections.abc import Collection

import ipywidgets as widgets

from facesort.engine.gallery.action import undo
from facesort.errors import FacesortError, GalleryError
from facesort.lab.shared.html import notice
from facesort.lab.shared.session import Session
from facesort.lab.shared.words import local_time
from facesort.store.queries.journal import Action, standing_actions, undone_actions

_KEY = "history line"


class HistoryLine:
    """The newest action that is not undone, and *Undo*; one widget, which may be shown in several places.

    Attributes
    ----------
    known : list of Action
        Those that are not undone, newest first: as they were shown here last, and what this window has done since.
    undone : list of Action
        Those that are, as they were when the line was shown last: what *Redo* compares with.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.button = widgets.Button(
            description="Undo", icon="undo", layout=widgets.Layout(width="90px")
        )
        self.button.on_click(lambda _: self.undo())
        self.text = widgets.HTML()
        self.widget = widgets.HBox(
            [self.button, self.text], layout=widgets.Layout(align_items="center")
        )
        self.known: list[Action] = []
        self.undone: list[Action] = []
        session.follow(_KEY, self.refresh)
        self.refresh()

    def refresh(self, said: str = "", *, good: bool = True) -> None:
        """Show the newest action, after what is said: in one line, since another one would move the page."""
        try:
            with self._session.lock, self._session.workspace.open_store(read_only=True) as store:
                self.known, self.undone = standing_actions(store), undone_actions(store)
        except FacesortError as error:
            self.text.value = notice(str(error), good=False)
            return
        self.button.disabled = not self.known
        last = "Nothing was done yet."
        for action in self.known[:1]:
            last = f"Last: {action.summary} ({local_time(action.done_at)})."
        self.text.value = notice(f"{said} {last}".strip(), good=good if said else None)

    def own(self, before: Collection[Action], after: Collection[Action]) -> None:
        """Know what this window did between two readings of `standing_actions`, and nothing else that they tell."""
        gone, new = {*before} - {*after}, {*after} - {*before}
        known = {*self.known} - gone | new
        self.known = sorted(known, key=lambda action: action.action_id, reverse=True)

    def take_back(self) -> Action | None:
        """Undo the newest action; refused if it is not the one that this window knows as the newest."""
        return undo(self._session.workspace, self.known)

    def undo(self) -> None:
        """Undo it, and refresh the page."""
        try:
            with self._session.lock:
                action = self.take_back()
        except GalleryError as error:
            self._session.changed(_KEY)
            self.refresh(str(error), good=False)
            return
        except FacesortError as error:
            self.text.value = notice(str(error), good=False)
            return
        self._session.changed(_KEY)
        self.refresh("" if action is None else f"Undone: {action.summary}.")
