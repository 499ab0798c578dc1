"""The last action in one line, with a button that takes it back: within reach wherever somebody edits."""

from __future__ import annotations

import ipywidgets as widgets

from facesort.engine.gallery.action import undo
from facesort.errors import FacesortError
from facesort.lab.shared.html import notice
from facesort.lab.shared.session import Session
from facesort.lab.shared.words import local_time
from facesort.store.queries.journal import last_action

_KEY = "history line"


class HistoryLine:
    """The newest action that is not undone, and *Undo*; one widget, which may be shown in several places."""

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
        session.follow(_KEY, self.refresh, deferred=True)
        self.refresh()

    def refresh(self, done: str = "") -> None:
        """Show the newest action, after what was done: in one line, since another one would move the page."""
        try:
            with self._session.lock, self._session.workspace.open_store(read_only=True) as store:
                action = last_action(store)
        except FacesortError as error:
            self.text.value = notice(str(error), good=False)
            return
        self.button.disabled = action is None
        last = "Nothing was done yet."
        if action is not None:
            last = f"Last: {action.summary} ({local_time(action.done_at)})."
        self.text.value = notice(f"{done} {last}".strip(), good=True if done else None)

    def undo(self) -> None:
        """Undo it, and refresh the page."""
        try:
            with self._session.lock:
                action = undo(self._session.workspace)
        except FacesortError as error:
            self.text.value = notice(str(error), good=False)
            return
        self._session.changed(_KEY)
        self.refresh("" if action is None else f"Undone: {action.summary}.")
