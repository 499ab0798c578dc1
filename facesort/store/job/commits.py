"""The commit log: planned writes and how they ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from facesort.core.routing import PlannedWrite
from facesort.reasons import Reason
from facesort.store.store import Store


@dataclass(frozen=True, slots=True)
class LoggedWrite:
    """A planned write with its place in the commit log, and the photo it comes from."""

    write_id: int
    plan: PlannedWrite
    source_path: str


_SELECT = (
    "SELECT w.write_id, w.photo_id, w.person_id, w.target, w.sha256, w.size, p.path "
    "FROM write w JOIN photo p USING (photo_id) "
)


def _logged(row: tuple[int, int, int | None, str, str, int, str]) -> LoggedWrite:
    return LoggedWrite(row[0], PlannedWrite(*row[1:6]), row[6])


def insert_writes(store: Store, batch_id: int, writes: Sequence[PlannedWrite]) -> None:
    """Plan copies, in this order; inside a transaction."""
    first = store.next_id("write", "write_id")
    store.insert(
        "write",
        {
            "write_id": list(range(first, first + len(writes))),
            "batch_id": [batch_id] * len(writes),
            "photo_id": [w.photo_id for w in writes],
            "person_id": [w.person_id for w in writes],
            "target": [w.target for w in writes],
            "sha256": [w.sha256 for w in writes],
            "size": [w.size for w in writes],
            "status": ["planned"] * len(writes),
        },
    )


def planned_writes(store: Store, batch_id: int) -> list[LoggedWrite]:
    """Writes of a batch, in order."""
    rows = store.rows(_SELECT + "WHERE w.batch_id = ? ORDER BY w.write_id", [batch_id])
    return [_logged(row) for row in rows]


def verified_writes(store: Store) -> list[LoggedWrite]:
    """Everything that must be in the output, in the order it was written."""
    rows = store.rows(_SELECT + "WHERE w.status = 'verified' ORDER BY w.write_id")
    return [_logged(row) for row in rows]


def some_targets(store: Store, count: int) -> list[str]:
    """Files that must be in the output, one of each person's folder, to recognise it by."""
    sql = (
        "SELECT max(target) FROM write WHERE status = 'verified' GROUP BY split_part(target, '/', 1) "
        "ORDER BY max(write_id) DESC LIMIT ?"
    )
    return [row[0] for row in store.rows(sql, [count])]


def finish_batch(store: Store, batch_id: int, failures: Mapping[int, Reason]) -> None:
    """COMMITTING -> COMMITTED; inside a transaction.

    Parameters
    ----------
    failures : mapping of write_id to Reason
        Writes that could not be carried out; all others of the batch are verified.

    Notes
    -----
    A photo with a failed write has not reached everyone in it, so it counts as failed.
    """
    store.execute("UPDATE write SET status = 'verified' WHERE batch_id = ?", [batch_id])
    for write_id, reason in failures.items():
        store.execute(
            "UPDATE write SET status = 'failed', reason = ? WHERE write_id = ?",
            [reason.value, write_id],
        )
        store.execute(
            "UPDATE result SET status = 'failed', reason = ?, "
            "detail = (SELECT target FROM write WHERE write_id = ?) WHERE batch_id = ? "
            "AND photo_id = (SELECT photo_id FROM write WHERE write_id = ?)",
            [reason.value, write_id, batch_id, write_id],
        )
    store.execute("UPDATE batch SET state = 'COMMITTED' WHERE batch_id = ?", [batch_id])
