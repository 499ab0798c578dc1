"""What an action of a user changed in what is counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from facesort.store.queries.reports import Counts, copies_by_person, counts_of
from facesort.store.store import Store

# Each row of these that differs concerns some faces; nothing else that users edit is counted.
_SAID = "SELECT face_id, person_id, answer FROM answer UNION ALL SELECT face_id, NULL, 'ignored' FROM ignored"
_WHO = (
    "SELECT e.person_id, e.current_id, e.name, p.deliver FROM everyone e "
    "LEFT JOIN person p ON p.person_id = e.current_id"
)


@dataclass(frozen=True, slots=True)
class ChangedCounts:
    """Counts of the photos that were concerned.

    Parameters
    ----------
    counts : tuple of (Counts, Counts)
        Before, and after; as of `reports.counts_of`.
    persons : dict or None
        `Counts.persons` of all files, after; None: as before.
    """

    counts: tuple[Counts, Counts]
    persons: dict[str, int] | None


def changed_counts(before: Store, after: Store, most: int) -> ChangedCounts | None:
    """Count the photos with a face of which something else is said now, or who it may be is somebody else.

    Parameters
    ----------
    before, after : Store
        The same database, before and after a user's action.
    most : int
        None is returned if there are more photos.
    """
    said = {row[0] for row in _differing(before, after, _SAID)}
    who = {row[0] for row in _differing(before, after, _WHO)}
    for store in (before, after) if who else ():
        said |= _faces_of(store, who)
    photos = {
        photo_id
        for (photo_id,) in after.rows(
            "SELECT photo_id FROM face WHERE face_id IN (SELECT unnest(?::BIGINT[]))",
            [sorted(said)],
        )
    }
    if len(photos) > most:
        return None
    return ChangedCounts(
        (counts_of(before, photos), counts_of(after, photos)),
        copies_by_person(after) if who else None,
    )


def _differing(before: Store, after: Store, sql: str) -> set[tuple[Any, ...]]:
    return set(before.rows(sql)) ^ set(after.rows(sql))


def _faces_of(store: Store, persons: set[int]) -> set[int]:
    """Faces that are theirs, or may be, by what was decided in any round or answered."""
    return {
        face_id
        for (face_id,) in store.rows(
            "WITH who AS (SELECT unnest(?::INTEGER[]) AS person_id) "
            "SELECT face_id FROM decision WHERE person_id IN (FROM who) OR nearest_id IN (FROM who) "
            "UNION SELECT face_id FROM answer WHERE person_id IN (FROM who)",
            [sorted(persons)],
        )
    }
