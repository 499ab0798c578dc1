"""Users' answers about faces; the machine never writes here."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from facesort.store.gallery import people
from facesort.store.store import Store

_PAIRS = "(SELECT unnest(?::BIGINT[]) AS face_id, unnest(?::INTEGER[]) AS person_id)"


def set_answers(store: Store, persons: Mapping[int, int], answer: str) -> None:
    """Store an answer about faces in place of earlier ones; inside a transaction.

    A reference or learned face that contradicts the answer leaves the gallery.

    Parameters
    ----------
    persons : mapping of face_id to person_id
        Of persons in the gallery.
    answer : {'yes', 'no', 'unsure'}

    Raises
    ------
    GalleryError
        If that would take a person's only reference away.
    """
    pairs = [list(map(int, persons)), list(persons.values())]
    earlier = f"SELECT (a.face_id, e.person_id) FROM {_PAIRS} a JOIN everyone e ON e.current_id = a.person_id"  # noqa: S608
    store.execute(f"DELETE FROM answer WHERE (face_id, person_id) IN ({earlier})", pairs)  # noqa: S608
    if answer == "yes":  # at most one per face
        store.execute(
            "DELETE FROM answer WHERE answer = 'yes' AND face_id IN (SELECT unnest(?::BIGINT[]))",
            pairs[:1],
        )
    store.insert(
        "answer",
        {"face_id": pairs[0], "person_id": pairs[1], "answer": [answer] * len(persons)},
    )
    if answer != "unsure":
        _leave_gallery(store, pairs, "=" if answer == "no" else "<>")


def _leave_gallery(store: Store, pairs: list[list[int]], comparison: str) -> None:
    """Take faces out of the galleries of the given persons (``=``), or of all others (``<>``)."""
    found = f"FROM {{}} t JOIN {_PAIRS} a ON a.face_id = t.face_id AND t.person_id {comparison} a.person_id"
    references = store.rows(
        f"SELECT t.reference_id {found.format('reference')} ORDER BY ALL", pairs
    )
    for (reference_id,) in references:
        people.delete_reference(store, reference_id)
    store.execute(
        f"DELETE FROM learned WHERE learned_id IN (SELECT t.learned_id {found.format('learned')})",  # noqa: S608
        pairs,
    )


def unlearn_faces(store: Store, face_ids: Collection[int]) -> set[int]:
    """Delete learned faces from the gallery; inside a transaction.  Returns those that were learned."""
    rows = store.rows(
        "DELETE FROM learned WHERE face_id IN (SELECT unnest(?::BIGINT[])) RETURNING face_id",
        [list(map(int, face_ids))],
    )
    return {row[0] for row in rows}


def missing_faces(store: Store, face_ids: Sequence[int]) -> list[int]:
    """Those ids that no face has."""
    asked = set(map(int, face_ids))
    sql = "SELECT face_id FROM face WHERE face_id IN (SELECT unnest(?::BIGINT[]))"
    return sorted(asked - {face_id for (face_id,) in store.rows(sql, [list(asked)])})


def ignore_faces(store: Store, face_ids: Sequence[int]) -> None:
    """Never ask about these faces again; inside a transaction."""
    store.execute(
        "INSERT INTO ignored SELECT DISTINCT unnest(?::BIGINT[]) ON CONFLICT DO NOTHING",
        [list(map(int, face_ids))],
    )


def notice_faces(store: Store, face_ids: Sequence[int]) -> None:
    """Stop ignoring faces; inside a transaction."""
    store.execute(
        "DELETE FROM ignored WHERE face_id IN (SELECT unnest(?::BIGINT[]))",
        [list(map(int, face_ids))],
    )
