"""Changes to persons and their references."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from facesort.core.delivery.routing import folder_key
from facesort.core.persons.gallery import Person
from facesort.errors import GalleryError
from facesort.store.store import Store, blob

_GONE = "this reference is no longer in the gallery: open the gallery again"


@dataclass(frozen=True, slots=True, eq=False)
class NewReference:
    """A reference to be stored; fields as in the table."""

    file_name: str
    sha256: str
    sharpness: float
    yaw: float
    quality: float
    pack_id: str
    embedding: np.ndarray
    crop: bytes
    captured_at: datetime | None = None
    face_id: int | None = None


def add_person(store: Store, name: str, folder: str) -> Person:
    """Add a person; inside a transaction.

    Somebody who was removed and comes back under the same name keeps their id, so that earlier answers apply again.

    Raises
    ------
    GalleryError
        If the folder is taken; names that are equal on some file system count as one.
    """
    _refuse_taken_folder(store, folder, None)
    known = store.value(
        "SELECT max(person_id) FROM former_person WHERE name = ? AND merged_into IS NULL", [name]
    )
    store.execute("DELETE FROM former_person WHERE person_id = ?", [known])
    # An id that other rows refer to is never reused; ids of persons who were erased are in the commit log alone.
    unused = max(store.next_id(table, "person_id") for table in ("person_ever", "write"))
    person = Person(known or unused, name, folder)
    store.execute(
        "INSERT INTO person (person_id, name, folder, folder_key) VALUES (?, ?, ?, ?)",
        [person.person_id, name, folder, folder_key(folder)],
    )
    return person


def _refuse_taken_folder(store: Store, folder: str, person_id: int | None) -> None:
    rows = store.rows(
        "SELECT name, folder FROM person WHERE folder_key = ? AND person_id IS DISTINCT FROM ?",
        [folder_key(folder), person_id],
    )
    if rows:
        raise GalleryError(
            f"folder {folder!r} is taken by {rows[0][0]!r} (as {rows[0][1]!r}; many disks do not distinguish upper "
            "and lower case): give another one with --folder"
        )


def set_folder(store: Store, person: Person, folder: str) -> None:
    """Change the folder for a person's future copies.

    Raises
    ------
    GalleryError
        If the folder is taken.
    """
    _refuse_taken_folder(store, folder, person.person_id)
    store.execute(
        "UPDATE person SET folder = ?, folder_key = ? WHERE person_id = ?",
        [folder, folder_key(folder), person.person_id],
    )


def add_reference(store: Store, person_id: int, reference: NewReference) -> int:
    """Add a permanent reference; inside a transaction.  Returns its id."""
    reference_id = store.next_id("reference", "reference_id")
    store.insert(
        "reference",
        {
            "reference_id": [reference_id],
            "person_id": [person_id],
            "file_name": [reference.file_name],
            "sha256": [reference.sha256],
            "sharpness": [float(reference.sharpness)],
            "yaw": [float(reference.yaw)],
            "quality": [float(reference.quality)],
            "pack_id": [reference.pack_id],
            "embedding": [blob(reference.embedding)],
            "crop": [reference.crop],
            "captured_at": [reference.captured_at],
            "face_id": [reference.face_id],
        },
    )
    return reference_id


def has_reference(store: Store, person_id: int, sha256: str) -> bool:
    """Whether this file is a reference of the person already."""
    sql = "SELECT count(*) FROM reference WHERE person_id = ? AND sha256 = ?"
    return bool(store.value(sql, [person_id, sha256]))


def replace_embedding(store: Store, reference_id: int, embedding: np.ndarray, pack_id: str) -> None:
    """Store the embedding of another pack for a reference; inside a transaction."""
    store.execute(
        "UPDATE reference SET embedding = ?, pack_id = ? WHERE reference_id = ?",
        [blob(embedding), pack_id, reference_id],
    )


def rename_person(store: Store, person: Person, name: str) -> None:
    """Rename a person; their folder keeps its name.

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
    """Deliver or withhold photos with this person."""
    store.execute("UPDATE person SET deliver = ? WHERE person_id = ?", [deliver, person.person_id])


def set_picture(store: Store, person: Person, reference_id: int | None) -> None:
    """Show a person by one of their references; None: by their best face.

    Raises
    ------
    GalleryError
        If it is not a reference of theirs.
    """
    theirs = "SELECT count(*) FROM reference WHERE reference_id = ? AND person_id = ?"
    if reference_id is not None and not store.value(theirs, [reference_id, person.person_id]):
        raise GalleryError(_GONE)
    store.execute(
        "UPDATE reference SET chosen = reference_id IS NOT DISTINCT FROM ? WHERE person_id = ?",
        [reference_id, person.person_id],
    )


def delete_reference(store: Store, reference_id: int) -> None:
    """Remove one reference; inside a transaction.

    Raises
    ------
    GalleryError
        If it does not exist, or is the person's only one: a person without a reference matches nobody.
    """
    found = store.rows(
        "SELECT p.name, count(*) FROM reference r JOIN person p USING (person_id) "
        "WHERE r.person_id = (SELECT person_id FROM reference WHERE reference_id = ?) GROUP BY p.name",
        [reference_id],
    )
    if not found:
        raise GalleryError(_GONE)
    if found[0][1] == 1:
        raise GalleryError(
            f"it is the only reference of {found[0][0]!r}: add another one first, or remove the person"
        )
    store.execute("DELETE FROM reference WHERE reference_id = ?", [reference_id])


def merge_persons(store: Store, person: Person, into: Person) -> None:
    """Give one person's references and learned faces to another; inside a transaction.

    Decisions and files of the first keep their id, and count for the second from now on.  If one of them is withheld,
    both are.  The second is shown as before.

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
    set_picture(store, person, None)
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
    """Remove a person, their references and learned faces; inside a transaction."""
    for table in ("reference", "learned"):
        store.execute(f"DELETE FROM {table} WHERE person_id = ?", [person.person_id])  # noqa: S608
    _leave(store, person, None)


def _leave(store: Store, person: Person, merged_into: int | None) -> None:
    """Delete a person's row; keep a row in `former_person` if other rows refer to them."""
    key = person.person_id
    # Always for a merge: after an undo, a sort and a redo, rows may refer to them.
    remembered = merged_into is not None or store.value(
        "SELECT EXISTS (FROM mentioned WHERE person_id = ?) OR EXISTS (FROM answer WHERE person_id = ?) "
        "OR EXISTS (FROM former_person WHERE merged_into = ?)",
        [key, key, key],
    )
    if remembered:
        store.execute(
            "INSERT INTO former_person VALUES (?, ?, ?, ?)",
            [key, person.name, person.folder, merged_into],
        )
    store.execute("DELETE FROM person WHERE person_id = ?", [key])
