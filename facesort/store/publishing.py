"""Changes to the ledger of what was published; each inside a transaction of its caller."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime

from facesort.core.delivery.objects import Destination, Planned
from facesort.store.queries.delivery.published import LedgerEntry, destination_of
from facesort.store.store import Store


def take_destination(store: Store, destination: Destination) -> int:
    """Id of a destination, which is added if it is new."""
    known = destination_of(store, destination)
    if known is not None:
        return known
    new = store.next_id("destination", "destination_id")
    store.execute(
        "INSERT INTO destination VALUES (?, ?, ?, ?, NULL, ?)",
        [new, destination.endpoint, destination.bucket, destination.prefix, secrets.token_hex(16)],
    )
    return new


def plan_objects(
    store: Store, destination_id: int, planned: Sequence[Planned], at: datetime
) -> None:
    """Add objects that are to be sent, as pending."""
    first = store.next_id("published", "object_id")
    count = len(planned)
    store.insert(
        "published",
        {
            "object_id": list(range(first, first + count)),
            "destination_id": [destination_id] * count,
            "photo_id": [p.photo_id for p in planned],
            "person_id": [p.person_id for p in planned],
            "target": [p.target for p in planned],
            "sha256": [p.sha256 for p in planned],
            "size": [p.size for p in planned],
            "state": ["pending"] * count,
            "attempts": [0] * count,
            "changed_at": [at] * count,
        },
    )


def record_objects(store: Store, entries: Sequence[LedgerEntry], at: datetime) -> None:
    """Record how objects stand now; one that was erased meanwhile stays erased."""
    store.execute(
        "UPDATE published SET sha256 = n.sha256, size = n.size, state = n.state, reason = n.reason, "
        "attempts = n.attempts, upload_id = n.upload_id, etag = n.etag, changed_at = ? FROM (SELECT "
        "unnest(?::BIGINT[]) AS object_id, unnest(?::VARCHAR[]) AS sha256, unnest(?::BIGINT[]) AS size, "
        "unnest(?::VARCHAR[]) AS state, unnest(?::VARCHAR[]) AS reason, unnest(?::INTEGER[]) AS attempts, "
        "unnest(?::VARCHAR[]) AS upload_id, unnest(?::VARCHAR[]) AS etag) n "
        "WHERE published.object_id = n.object_id",
        [
            at,
            [e.object_id for e in entries],
            [e.planned.sha256 for e in entries],
            [e.planned.size for e in entries],
            [e.state for e in entries],
            [e.reason for e in entries],
            [e.attempts for e in entries],
            [e.upload_id for e in entries],
            [e.etag for e in entries],
        ],
    )


def record_conditional(store: Store, destination_id: int, refuses: bool) -> None:
    """Record whether the server was seen to refuse to replace an object."""
    store.execute(
        "UPDATE destination SET conditional = ? WHERE destination_id = ?",
        [refuses, destination_id],
    )


def forget_objects(store: Store, object_ids: Sequence[int]) -> None:
    """Take objects out of the ledger that are not there any more."""
    store.execute("DELETE FROM published WHERE list_contains(?, object_id)", [list(object_ids)])
