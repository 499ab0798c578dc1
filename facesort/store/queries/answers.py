"""What users answered about faces and persons."""

from __future__ import annotations

from facesort.store.store import Store


def rejected_pairs(store: Store) -> set[tuple[int, int]]:
    """Pairs of a face and a person that are never to be matched again.

    Returns
    -------
    set of (face_id, person_id)
        The person who answers today for the one who was rejected.  Where two persons were merged of whom one was
        confirmed and one rejected, the confirmation counts.
    """
    rows = store.rows(
        "SELECT v.face_id, e.current_id FROM answer v JOIN everyone e USING (person_id) "
        "GROUP BY v.face_id, e.current_id HAVING bool_or(v.answer = 'no') AND NOT bool_or(v.answer = 'yes')"
    )
    return {(face_id, person_id) for face_id, person_id in rows}


def confirmed(store: Store) -> dict[int, int]:
    """Who a user said that a face is: face_id to the person who answers today.

    A person who was removed since answers for themselves, and is not in the gallery.
    """
    rows = store.rows(
        "SELECT v.face_id, e.current_id FROM answer v JOIN everyone e USING (person_id) WHERE v.answer = 'yes'"
    )
    return dict(rows)
