"""Edits of the gallery that must not orphan what was decided and delivered."""

from __future__ import annotations

from facesort.core.gallery import Person
from facesort.errors import GalleryError
from facesort.store.store import Store


def rename_person(store: Store, person: Person, name: str) -> None:
    """Call a person by another name; their folder keeps its own.

    Raises
    ------
    GalleryError
        If somebody else in the gallery has that name.
    """
    taken = store.value(
        "SELECT person_id FROM person WHERE name = ? AND person_id <> ?", [name, person.person_id]
    )
    if taken is not None:
        raise GalleryError(
            f"there is a {name!r} in the gallery already: choose another name, or merge the two"
        )
    store.execute("UPDATE person SET name = ? WHERE person_id = ?", [name, person.person_id])


def set_delivery(store: Store, person: Person, deliver: bool) -> None:
    """Say whether photos with this person may go to anybody."""
    store.execute("UPDATE person SET deliver = ? WHERE person_id = ?", [deliver, person.person_id])


def delete_reference(store: Store, reference_id: int) -> None:
    """Take one reference out of the gallery; inside a transaction.

    Raises
    ------
    GalleryError
        If it is not there, or is the person's only one: a person without a reference matches nobody.
    """
    found = store.rows(
        "SELECT p.name, count(*) FROM reference r JOIN person p USING (person_id) "
        "WHERE r.person_id = (SELECT person_id FROM reference WHERE reference_id = ?) GROUP BY p.name",
        [reference_id],
    )
    if not found:
        raise GalleryError("this reference is not in the gallery any more")
    if found[0][1] == 1:
        raise GalleryError(
            f"it is the only reference of {found[0][0]!r}: add another one first, or remove the person"
        )
    store.execute("DELETE FROM reference WHERE reference_id = ?", [reference_id])


def merge_persons(store: Store, person: Person, into: Person) -> None:
    """Give one person's references and learned faces to another; inside a transaction.

    What was decided and delivered for the first keeps their id, and counts for the second from now on.  If the
    photos of one of them go to nobody, those of both do.

    Parameters
    ----------
    person : Person
        Leaves the gallery.
    into : Person
        Somebody else; keeps name and folder.
    """
    store.execute(  # the same photo twice would count double in the centroid
        "DELETE FROM reference WHERE person_id = ? "
        "AND sha256 IN (SELECT sha256 FROM reference WHERE person_id = ?)",
        [person.person_id, into.person_id],
    )
    store.execute(  # so would a face that was learned for both
        "DELETE FROM learned WHERE person_id = ? AND face_id IN (SELECT face_id FROM learned WHERE person_id = ?)",
        [person.person_id, into.person_id],
    )
    for table in ("reference", "learned"):
        store.execute(
            f"UPDATE {table} SET person_id = ? WHERE person_id = ?",  # noqa: S608
            [into.person_id, person.person_id],
        )
    store.execute(
        "UPDATE person SET deliver = (SELECT bool_and(deliver) FROM person WHERE person_id IN (?, ?)) "
        "WHERE person_id = ?",
        [person.person_id, into.person_id, into.person_id],
    )
    store.execute(
        "UPDATE former_person SET merged_into = ? WHERE merged_into = ?",
        [into.person_id, person.person_id],
    )
    _leave(store, person, into.person_id)


def remove_person(store: Store, person: Person) -> None:
    """Take a person, their references and what was learned of them out of the gallery; inside a transaction."""
    for table in ("reference", "learned"):
        store.execute(f"DELETE FROM {table} WHERE person_id = ?", [person.person_id])  # noqa: S608
    _leave(store, person, None)


def _leave(store: Store, person: Person, merged_into: int | None) -> None:
    """Delete a person's row, and remember who they were if any row still points to them."""
    key = person.person_id
    # Who was merged is always remembered: an undo, a sort and a redo later, rows may point to them.
    remembered = merged_into is not None or store.value(
        "SELECT EXISTS (FROM mentioned WHERE person_id = ?) OR EXISTS (FROM verdict WHERE person_id = ?) "
        "OR EXISTS (FROM former_person WHERE merged_into = ?)",
        [key, key, key],
    )
    if remembered:
        store.execute(
            "INSERT INTO former_person VALUES (?, ?, ?, ?)",
            [key, person.name, person.folder, merged_into],
        )
    store.execute("DELETE FROM person WHERE person_id = ?", [key])
