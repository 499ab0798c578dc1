"""Decisions about stored faces."""

from __future__ import annotations

from collections.abc import Sequence

from facesort.core.persons.matching import Decision
from facesort.store.store import Store


def insert_decisions(
    store: Store, batch_id: int, decided: Sequence[tuple[int, int, Decision]]
) -> None:
    """Append what a batch decided; inside a transaction.

    Parameters
    ----------
    decided : sequence of (face_id, round, Decision)
    """
    decisions = [decision for _, _, decision in decided]
    store.insert(
        "decision",
        {
            "face_id": [face_id for face_id, _, _ in decided],
            "round": [number for _, number, _ in decided],
            "batch_id": [batch_id] * len(decided),
            "outcome": [d.outcome.value for d in decisions],
            "reason": [d.reason.value for d in decisions],
            "person_id": [d.person_id for d in decisions],
            "distance": [d.distance for d in decisions],
            "nearest_id": [d.nearest_id for d in decisions],
            "runner_up_id": [d.runner_up_id for d in decisions],
            "runner_up_distance": [d.runner_up_distance for d in decisions],
            "group_distance": [d.group_distance for d in decisions],
            "group_faces": [d.group_faces for d in decisions],
        },
    )
