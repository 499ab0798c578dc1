"""One edit of the gallery by a user: opened, recorded in the journal, closed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from facesort.core.gallery import Person
from facesort.errors import GalleryError
from facesort.store import Store
from facesort.store.gallery import people
from facesort.store.gallery.journal import recorded
from facesort.workspace import Workspace

Clock = Callable[[], datetime]
"""Gives the time in UTC, without time zone; what is done does not depend on it."""


@contextmanager
def editing(workspace: Workspace, kind: str, summary: str, clock: Clock) -> Iterator[Store]:
    """One action, all or nothing, that can be undone.

    Parameters
    ----------
    kind, summary : str
        As in `facesort.store.gallery.journal.Action`.

    Raises
    ------
    StoreLockedError
        While a sort is running.
    """
    with workspace.open_store() as store, recorded(store, kind, summary, clock()):
        yield store


def known_person(store: Store, name: str) -> Person:
    """The person of that name.

    Raises
    ------
    GalleryError
        If there is none.
    """
    person = people.find_person(store, name)
    if person is None:
        raise GalleryError(f"there is no {name!r} in the gallery; `facesort persons` shows who is")
    return person
