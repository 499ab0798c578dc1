"""The journal: what users did in the gallery and in reviews."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from facesort.store.store import Store


@dataclass(frozen=True, slots=True)
class Action:
    """One action of a user.

    Parameters
    ----------
    done_at : datetime
        UTC, without time zone.
    kind : str
        Name of the verb.
    summary : str
        A sentence for people.
    undone : bool
        Whether it was undone, and can be redone.
    """

    action_id: int
    done_at: datetime
    kind: str
    summary: str
    undone: bool


def history(store: Store) -> list[Action]:
    """All actions, newest first; those that are undone are at the top."""
    rows = store.rows(
        "SELECT action_id, done_at, kind, summary, undone FROM action ORDER BY action_id DESC"
    )
    return [Action(*row) for row in rows]


def standing_actions(store: Store) -> list[Action]:
    """The newest 100 actions that are not undone, in the order in which undo takes them back."""
    rows = store.rows(
        "SELECT action_id, done_at, kind, summary, undone FROM action WHERE NOT undone "
        "ORDER BY action_id DESC LIMIT 100"
    )
    return [Action(*row) for row in rows]


def undone_actions(store: Store) -> list[Action]:
    """Actions that are undone, in the order in which redo does them again."""
    rows = store.rows(
        "SELECT action_id, done_at, kind, summary, undone FROM action WHERE undone ORDER BY action_id"
    )
    return [Action(*row) for row in rows]
