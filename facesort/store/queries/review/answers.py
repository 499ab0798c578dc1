"""What users answered about faces and persons."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from facesort.store.store import Store

Said = Mapping[int, frozenset[tuple[int, str]]]
"""What users have said about faces: face_id to (person_id, answer); (0, "ignored") if it is to be left alone, and
(0, "unlearned") if it was learned and taken out of the gallery."""


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


def said(store: Store, face_ids: Collection[int] | None = None) -> Said:
    """What users have said about these faces, or about all; faces of which nothing was said are left out."""
    rows = store.rows(
        "SELECT face_id, list((person_id, answer)) FROM ("
        "FROM answer UNION ALL SELECT face_id, 0, 'ignored' FROM ignored UNION ALL "
        "SELECT face_id, 0, 'unlearned' FROM learned_edit e JOIN action USING (action_id) "
        "WHERE NOT after AND NOT undone AND NOT EXISTS (FROM learned l WHERE l.face_id = e.face_id)"
        ") WHERE $1 IS NULL OR face_id IN (SELECT unnest($1::BIGINT[])) GROUP BY face_id",
        [None if face_ids is None else list(map(int, face_ids))],
    )
    return {face_id: frozenset(pairs) for face_id, pairs in rows}
