"""The journal of users' actions: each can be undone and redone.

An action is stored as the rows that it changed in the tables of the gallery, so no action needs an inverse of its own.
Actions are undone newest first, so an undo finds the rows as the action left them, except for what a sort or a re-match
did in between: rows learned meanwhile for a person who leaves go and come back with them, and a person who is mentioned
in decisions or in the commit log is kept as a former person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from facesort.store.queries.journal import Action
from facesort.store.store import Store

# The tables that users edit, and their primary keys.
_KEYS = {
    "person": ("person_id",),
    "former_person": ("person_id",),
    "reference": ("reference_id",),
    "learned": ("learned_id",),
    "answer": ("face_id", "person_id"),
    "ignored": ("face_id",),
}
# Stored, but not compared: they are large, and never change without their pack or id.
_PICTURES = {"reference": "EXCLUDE (crop, embedding)"}

_PART = 1000  # ids

_Row = tuple[Any, ...]
_Read = Callable[[str, list[Any]], list[_Row]]


@contextmanager
def recorded(store: Store, kind: str, summary: str, at: datetime) -> Iterator[None]:
    """Record a change of the gallery as one action, all or nothing.

    Actions that were undone before can no longer be redone.  A block that changes nothing leaves no entry.

    Parameters
    ----------
    store : Store
        Not in a transaction: the block is one.
    kind, summary : str
        As in `Action`.
    at : datetime
        UTC, without time zone.
    """
    with store.transaction():
        yield
        changes = {table: _difference(store, table) for table in _KEYS}
        if any(gone or new for gone, new in changes.values()):
            _drop_undone(store)
            action_id = store.next_id("action", "action_id")
            store.execute(
                "INSERT INTO action VALUES (?, ?, ?, ?, false)", [action_id, at, kind, summary]
            )
            for table, (gone, new) in changes.items():
                _keep(store, action_id, table, (False, gone, store.committed))
                _keep(store, action_id, table, (True, new, store.rows))


def _difference(store: Store, table: str) -> tuple[list[_Row], list[_Row]]:
    """Keys of the rows that the open transaction removed, and of those that it added."""
    first, keys = _KEYS[table][0], ", ".join(_KEYS[table])
    rows = f"(SELECT * {_PICTURES.get(table, '')} FROM {table}) t"  # noqa: S608
    # There may be very many: only of parts that differ, each is looked at.
    parts = f"SELECT {first} // {_PART}, count(*), sum(hash(t)) FROM {rows} GROUP BY 1"  # noqa: S608
    differ = {row[0] for row in set(store.committed(parts)) ^ set(store.rows(parts))}
    if not differ:
        return [], []
    sql = f"SELECT {keys}, hash(t) FROM {rows} WHERE {first} // {_PART} IN (SELECT unnest(?::BIGINT[]))"  # noqa: S608
    before, after = (set(read(sql, [sorted(differ)])) for read in (store.committed, store.rows))
    gone, new = sorted(before - after), sorted(after - before)
    return [row[:-1] for row in gone], [row[:-1] for row in new]


def _keep(store: Store, action_id: int, table: str, rows: tuple[bool, list[_Row], _Read]) -> None:
    """Copy whole rows into the journal."""
    after, keys, read = rows
    if not keys:
        return
    columns = [name for (name,) in store.rows("SELECT name FROM pragma_table_info(?)", [table])]
    names, items = ", ".join(_KEYS[table]), ", ".join("unnest(?::BIGINT[])" for _ in _KEYS[table])
    sql = f"SELECT {', '.join(columns)} FROM {table} WHERE ({names}) IN (SELECT ({items}))"  # noqa: S608
    found = read(sql, [list(values) for values in zip(*keys, strict=True)])
    journal: dict[str, list[Any]] = {
        "action_id": [action_id] * len(found),
        "after": [after] * len(found),
    }
    values = dict(zip(columns, map(list, zip(*found, strict=True)), strict=True))
    store.insert(f"{table}_edit", journal | values)


def _drop_undone(store: Store) -> None:
    if not store.value("SELECT EXISTS (FROM action WHERE undone)"):
        return
    for table in _KEYS:
        store.execute(
            f"DELETE FROM {table}_edit WHERE action_id IN (SELECT action_id FROM action WHERE undone)"  # noqa: S608
        )
    store.execute("DELETE FROM action WHERE undone")


def undo(store: Store) -> Action | None:
    """Undo the newest action that is not undone.

    Returns
    -------
    Action or None
        None: there is nothing to undo.

    Raises
    ------
    StoreError
        If the journal does not fit the gallery; nothing is changed.
    """
    with store.transaction():
        return _turn(store, "NOT undone ORDER BY action_id DESC")


def redo(store: Store) -> Action | None:
    """Redo the action that was undone last.

    Returns
    -------
    Action or None
        None: nothing was undone, or another action was done since.

    Raises
    ------
    StoreError
        As `undo`.
    """
    with store.transaction():
        return _turn(store, "undone ORDER BY action_id")


def _turn(store: Store, which: str) -> Action | None:
    """Undo or redo the first action that fits the condition."""
    rows = store.rows(
        f"SELECT action_id, done_at, kind, summary, NOT undone FROM action WHERE {which} LIMIT 1"  # noqa: S608
    )
    if not rows:
        return None
    action = Action(*rows[0])
    for table, names in _KEYS.items():
        keys = ", ".join(names)
        store.execute(
            f"DELETE FROM {table} WHERE ({keys}) IN "  # noqa: S608
            f"(SELECT ({keys}) FROM {table}_edit WHERE action_id = ? AND after = ?)",
            [action.action_id, action.undone],
        )
    for table in _KEYS:
        store.execute(
            f"INSERT INTO {table} BY NAME SELECT * EXCLUDE (action_id, after) FROM {table}_edit "  # noqa: S608
            "WHERE action_id = ? AND after = ?",
            [action.action_id, not action.undone],
        )
    store.execute(
        "UPDATE action SET undone = ? WHERE action_id = ?", [action.undone, action.action_id]
    )
    _settle(store, action)
    return action


def _settle(store: Store, action: Action) -> None:
    """Reconcile the gallery with what a sort or a re-match did since."""
    turned = [action.action_id, action.undone]
    store.execute("DELETE FROM former_person WHERE person_id IN (SELECT person_id FROM person)")
    store.execute(
        "INSERT INTO former_person SELECT person_id, name, folder, NULL FROM person_edit "
        "WHERE action_id = ? AND after = ? AND person_id IN (SELECT person_id FROM mentioned) "
        "AND person_id NOT IN (SELECT person_id FROM everyone)",
        turned,
    )
    # Kept with the rows that were just removed, so that the next undo or redo restores them.
    left = "FROM learned l WHERE person_id NOT IN (SELECT person_id FROM person)"
    store.execute(f"INSERT INTO learned_edit SELECT ?, ?, l.* {left}", turned)
    store.execute(f"DELETE {left}")
