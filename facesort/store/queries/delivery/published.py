"""The ledger of what was published, and what waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from facesort.core.delivery.objects import Destination, Planned
from facesort.store.store import Store


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """An object of a destination.

    Parameters
    ----------
    state : str
        ``pending``, ``sent`` or ``dead``.  A pending or dead one may be there all the same.
    reason : str or None
        Why it is dead.
    upload_id : str or None
        Of a multipart upload that was begun.
    etag : str or None
        As the server told it when it was sent.
    """

    object_id: int
    planned: Planned
    state: str
    reason: str | None
    attempts: int
    upload_id: str | None
    etag: str | None


_SELECT = (
    "SELECT object_id, target, sha256, size, photo_id, person_id, state, reason, attempts, upload_id, etag "
    "FROM published "
)


def _entry(row: tuple[Any, ...]) -> LedgerEntry:
    return LedgerEntry(row[0], Planned(*row[1:6]), *row[6:])


def entries_of(store: Store, destination_id: int) -> list[LedgerEntry]:
    """All objects of a destination, in the order in which they were planned."""
    rows = store.rows(_SELECT + "WHERE destination_id = ? ORDER BY object_id", [destination_id])
    return [_entry(row) for row in rows]


def entries_at(store: Store, destination: Destination) -> list[LedgerEntry]:
    """All objects of a destination; none if nothing was ever planned there."""
    known = destination_of(store, destination)
    return [] if known is None else entries_of(store, known)


def entries_of_persons(
    store: Store, persons: Sequence[int], folders: Sequence[str]
) -> dict[int, list[LedgerEntry]]:
    """Objects in the folders of some persons, by destination.

    Parameters
    ----------
    folders : sequence of str
        Also those in folders of these names, of which nobody knows any more whose they were.
    """
    rows = store.rows(
        "SELECT destination_id, "
        + _SELECT.removeprefix("SELECT ")
        + "WHERE list_contains(?, person_id) "
        "OR (person_id IS NULL AND list_contains(?, split_part(target, '/', 1))) ORDER BY object_id",
        [list(persons), list(folders)],
    )
    found: dict[int, list[LedgerEntry]] = {}
    for destination_id, *row in rows:
        found.setdefault(destination_id, []).append(_entry(tuple(row)))
    return found


def destination_of(store: Store, destination: Destination) -> int | None:
    """Id of a destination, if anything was ever planned there."""
    found = store.value(
        "SELECT destination_id FROM destination WHERE endpoint = ? AND bucket = ? AND prefix = ?",
        [destination.endpoint, destination.bucket, destination.prefix],
    )
    return None if found is None else int(found)


def destinations(store: Store) -> dict[int, Destination]:
    """All destinations, by id."""
    rows = store.rows("SELECT destination_id, endpoint, bucket, prefix FROM destination ORDER BY 1")
    return {row[0]: Destination(*row[1:]) for row in rows}


def mark_of(store: Store, destination_id: int) -> str:
    """What is written beside an index of this workspace, and of no other."""
    return str(
        store.value("SELECT mark FROM destination WHERE destination_id = ?", [destination_id])
    )


def refuses_to_replace(store: Store, destination_id: int) -> bool | None:
    """Whether the server was seen to refuse to replace an object; None if it was not asked."""
    sql = "SELECT conditional FROM destination WHERE destination_id = ?"
    found: bool | None = store.value(sql, [destination_id])
    return found


def published_counts(store: Store) -> Counter[str]:
    """Number of objects by state, over all destinations."""
    rows = store.rows("SELECT state, count(*) FROM published GROUP BY state")
    return Counter({state: count for state, count in rows})


def dead_objects(store: Store) -> Counter[str]:
    """Number of objects that were given up, by reason, over all destinations."""
    rows = store.rows("SELECT reason, count(*) FROM published WHERE state = 'dead' GROUP BY reason")
    return Counter({reason or "": count for reason, count in rows})
