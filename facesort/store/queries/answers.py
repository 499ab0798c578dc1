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
    rows = store.rows("SELECT face_id, person_id FROM settled_answer WHERE answer = 'no'")
    return {(face_id, person_id) for face_id, person_id in rows}


def confirmed(store: Store) -> dict[int, int]:
    """Faces that were answered with *yes*: face_id to person_id.

    A merged person counts as the one they were merged into; a removed person is included.
    """
    rows = store.rows("SELECT face_id, person_id FROM settled_answer WHERE answer = 'yes'")
    return dict(rows)
