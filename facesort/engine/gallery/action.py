"""One action of a user on the gallery: recorded, and undone or done again as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from facesort.clock import Clock
from facesort.engine.counted import kept_through
from facesort.engine.delivery.corrections import update_corrections
from facesort.engine.delivery.thumbnails import update_pointer
from facesort.errors import GalleryError
from facesort.store import Store
from facesort.store.gallery import journal
from facesort.store.queries.journal import Action, standing_actions, undone_actions
from facesort.workspace import Workspace


@dataclass(frozen=True, slots=True)
class OneOpening(Workspace):
    """A workspace whose database stays open between actions and questions: opening and closing it takes 40 ms.

    Parameters
    ----------
    base : Workspace
    stack : ExitStack
        Closes it.
    held : dict of bool to Store
        The open database, by whether it is read-only.
    """

    base: Workspace
    stack: ExitStack
    held: dict[bool, Store] = field(default_factory=dict)

    def open_store(self, *, read_only: bool = False, patience_s: float | None = None) -> Store:
        """The open database; it is opened when it is first needed, and again when it is first written to."""
        store = self.held.get(False) or (self.held.get(True) if read_only else None)
        if store is None:
            self.stack.close()
            self.held.clear()
            store = self.stack.enter_context(
                self.base.open_store(read_only=read_only, patience_s=patience_s)
            )
            self.held[read_only] = store
        return store


@contextmanager
def one_opening(workspace: Workspace) -> Iterator[Workspace]:
    """The workspace for several actions and questions that follow each other at once.

    Each action is stored, and undone, by itself; `corrections.csv` is updated at the end, by the outermost of them.
    """
    if isinstance(workspace, OneOpening):
        yield workspace
        return
    with ExitStack() as stack:
        opened = OneOpening(workspace.root, workspace.settings, workspace, stack)
        try:
            yield opened
        finally:
            if written := opened.held.get(False):
                _follow(workspace, written)


def _follow(workspace: Workspace, store: Store) -> None:
    """Update what is written beside the database, unless more actions follow at once."""
    if not isinstance(workspace, OneOpening):
        update_corrections(workspace, store)
        update_pointer(workspace, store)


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
        with (
            kept_through(workspace, store),
            journal.recorded(store, kind, summary, clock()),
        ):
            yield store
        _follow(workspace, store)


def undo(workspace: Workspace, shown: Sequence[Action] | None = None) -> Action | None:
    """Undo the newest action that is not undone; None if there is none.

    Parameters
    ----------
    shown : sequence of Action, optional
        Those that are not undone as far as the user was shown, newest first.

    Raises
    ------
    GalleryError
        If the newest is another one now; nothing is undone.
    """
    with _turning(workspace, shown, standing_actions, "undone") as store:
        return journal.undo(store)


def redo(workspace: Workspace, shown: Sequence[Action] | None = None) -> Action | None:
    """Redo the action that was undone last; None if there is none.

    Parameters
    ----------
    shown : sequence of Action, optional
        Those that are undone as far as the user was shown, the one that was undone last first.

    Raises
    ------
    GalleryError
        If that is another one now; nothing is redone.
    """
    with _turning(workspace, shown, undone_actions, "redone") as store:
        return journal.redo(store)


@contextmanager
def _turning(
    workspace: Workspace,
    shown: Sequence[Action] | None,
    due: Callable[[Store], list[Action]],
    verb: str,
) -> Iterator[Store]:
    """Open the database, unless another action is due than the one that was shown."""
    with workspace.open_store() as store:
        if shown is not None and list(shown[:1]) != due(store)[:1]:
            raise GalleryError(
                f"Something else was done or undone in another window: nothing was {verb} here."
            )
        with kept_through(workspace, store):
            yield store
        _follow(workspace, store)
