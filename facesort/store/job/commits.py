"""The commit log: planned writes and how they ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from facesort.core.copies import PlannedWrite
from facesort.reasons import Reason
from facesort.store.store import Store


def insert_writes(store: Store, batch_id: int, writes: Sequence[PlannedWrite]) -> range:
    """Plan copies, in this order; inside a transaction.  Returns their ids."""
    first = store.next_id("write", "write_id")
    ids = range(first, first + len(writes))
    store.insert(
        "write",
        {
            "write_id": ids,
            "batch_id": [batch_id] * len(writes),
            "photo_id": [w.photo_id for w in writes],
            "person_id": [w.person_id for w in writes],
            "target": [w.target for w in writes],
            "sha256": [w.sha256 for w in writes],
            "size": [w.size for w in writes],
            "at_ms": [w.at_ms for w in writes],
            "status": ["planned"] * len(writes),
        },
    )
    return ids


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
