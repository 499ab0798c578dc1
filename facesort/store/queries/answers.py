"""What users answered about faces and persons."""

from __future__ import annotations

from facesort.store.store import Store


def rejected_pairs(store: Store) -> set[tuple[int, int]]:
    """Pairs of face and person that were answered with *no*, and are never matched again.

    Returns
    -------
    set of (face_id, person_id)
        A merged person counts as the one they were merged into; a *yes* for one of them beats a *no* for the other.
    """
    rows = store.rows(
        "SELECT v.face_id, e.current_id FROM answer v JOIN everyone e USING (person_id) "
        "GROUP BY v.face_id, e.current_id HAVING bool_or(v.answer = 'no') AND NOT bool_or(v.answer = 'yes')"
    )
    return {(face_id, person_id) for face_id, person_id in rows}


def confirmed(store: Store) -> dict[int, int]:
    """Faces that were answered with *yes*: face_id to person_id.

    A merged person counts as the one they were merged into; a removed person is included.
    """
    rows = store.rows(
        "SELECT v.face_id, e.current_id FROM answer v JOIN everyone e USING (person_id) WHERE v.answer = 'yes'"
    )
    return dict(rows)
