"""Writes that failed, planned again."""

from __future__ import annotations

from collections.abc import Sequence

from facesort.core.delivery.routing import UNKNOWN_FOLDER
from facesort.reasons import Reason
from facesort.store.store import Store


def plan_failed_writes(store: Store, photo_ids: Sequence[int]) -> None:
    """Add one batch, COMMITTING from the start, with the failed writes of these photos that are still wanted."""
    batch_id = store.next_id("batch", "batch_id")
    # Before the new results, which are the newest then: what failed belongs to those of now.
    store.execute(
        "INSERT INTO write SELECT w.* REPLACE ("
        "? + row_number() OVER (ORDER BY w.write_id) - 1 AS write_id, ? AS batch_id, "
        # What was no place in the output gets one in the folder that the person has now.
        "if(w.reason = ?, coalesce((SELECT folder FROM person p WHERE p.person_id = w.person_id), ?) || '/' || "
        "regexp_extract(w.target, '[^/]*$'), w.target) AS target, 'planned' AS status, NULL AS reason) FROM write w "
        "JOIN photo_state s ON s.photo_id = w.photo_id AND s.batch_id = w.batch_id "
        "WHERE w.status = 'failed' AND list_contains(?, w.photo_id) "
        "AND EXISTS (FROM wanted_copy c "
        "WHERE c.photo_id = w.photo_id AND c.person_id IS NOT DISTINCT FROM w.person_id)",
        [
            store.next_id("write", "write_id"),
            batch_id,
            Reason.BAD_TARGET.value,
            UNKNOWN_FOLDER,
            list(photo_ids),
        ],
    )
    store.execute(
        "INSERT INTO result SELECT s.photo_id, ?, t.status, t.reason, '' "
        "FROM photo_state s JOIN photo_standing t USING (photo_id) WHERE list_contains(?, s.photo_id)",
        [batch_id, list(photo_ids)],
    )
    store.insert("batch", {"batch_id": [batch_id], "kind": ["retry"], "state": ["COMMITTING"]})
