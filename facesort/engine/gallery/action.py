"""One action of a user on the gallery: recorded, and undone or done again as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from facesort.clock import Clock
from facesort.engine.delivery.corrections import update_corrections
from facesort.store import Store
from facesort.store.gallery import journal
from facesort.store.queries.journal import Action
from facesort.workspace import Workspace


@contextmanager
def undoable(workspace: Workspace, kind: str, summary: str, clock: Clock) -> Iterator[Store]:
    """Open the database for one action, all or nothing, that can be undone.

    Parameters
    ----------
    kind, summary : str
        As in `facesort.store.queries.journal.Action`.

    Raises
    ------
    StoreLockedError
        While a sort is running.
    """
    with workspace.open_store() as store:
        with journal.recorded(store, kind, summary, clock()):
            yield store
        update_corrections(workspace, store)


def undo(workspace: Workspace) -> Action | None:
    """Undo the newest action that is not undone; None if there is none."""
    return _turn(workspace, journal.undo)


def redo(workspace: Workspace) -> Action | None:
    """Redo the action that was undone last; None if there is none."""
    return _turn(workspace, journal.redo)


def _turn(workspace: Workspace, turn: Callable[[Store], Action | None]) -> Action | None:
    with workspace.open_store() as store:
        action = turn(store)
        update_corrections(workspace, store)
    return action
