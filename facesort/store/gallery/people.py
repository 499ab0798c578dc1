"""Persons, their references, and what was learned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from facesort.core.gallery import Gallery, Person
from facesort.core.records import Embeddings
from facesort.core.routing import folder_key
from facesort.errors import GalleryError
from facesort.store.store import Store, blob, vector


@dataclass(frozen=True, slots=True, eq=False)
class NewReference:
    """A reference about to be stored; fields as in the table."""

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


@dataclass(frozen=True, slots=True, eq=False)
class StoredReference:
    """A reference of the gallery.

    Parameters
    ----------
    yaw, quality : float
        As in `Face`.
    captured_at : datetime or None
        As the camera wrote it, without time zone.
    embedding : ndarray of shape (dim,), float32
    crop : bytes
        JPEG of the face with context.
    """

    reference_id: int
    file_name: str
    yaw: float
    quality: float
    captured_at: datetime | None
    embedding: np.ndarray
    crop: bytes


@dataclass(frozen=True, slots=True)
class PersonSummary:
    """A person and how well known they are."""

    person: Person
    references: int
    learned: int


def find_person(store: Store, name: str) -> Person | None:
    """The person of that name, if there is one."""
    rows = store.rows("SELECT person_id, name, folder, deliver FROM person WHERE name = ?", [name])
    return Person(*rows[0]) if rows else None


def add_person(store: Store, name: str, folder: str) -> Person:
    """Add a person; inside a transaction.

    Who was removed and comes back under the same name is the same person, so that what a user rejected or confirmed
    for them holds again.

    Raises
    ------
    GalleryError
        If the folder is, on some file system, that of another person.
    """
    _refuse_taken_folder(store, folder, None)
    known = store.value(
        "SELECT max(person_id) FROM former_person WHERE name = ? AND merged_into IS NULL", [name]
    )
    store.execute("DELETE FROM former_person WHERE person_id = ?", [known])
    # An id that other rows point to is never given to anybody else; who was forgotten is in the commit log alone.
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
            f"folder {folder!r} is taken by {rows[0][0]!r} (as {rows[0][1]!r}; upper and lower case are the same "
            "folder on many disks): give another one with --folder"
        )


def set_folder(store: Store, person: Person, folder: str) -> None:
    """Send a person's future copies to another folder.

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
    """Whether this very file is a reference of the person already."""
    sql = "SELECT count(*) FROM reference WHERE person_id = ? AND sha256 = ?"
    return bool(store.value(sql, [person_id, sha256]))


def pack_ids(store: Store) -> set[str]:
    """Model packs that the references were embedded with; more than one only after an interrupted change."""
    return {row[0] for row in store.rows("SELECT DISTINCT pack_id FROM reference")}


def references_of(store: Store, person_id: int, pack_id: str) -> list[StoredReference]:
    """A person's references of one pack, in the order they were added."""
    rows = store.rows(
        "SELECT reference_id, file_name, yaw, quality, captured_at, embedding, crop FROM reference "
        "WHERE person_id = ? AND pack_id = ? ORDER BY reference_id",
        [person_id, pack_id],
    )
    return [
        StoredReference(key, name, yaw, quality, captured_at, vector(embedding), bytes(crop))
        for key, name, yaw, quality, captured_at, embedding, crop in rows
    ]


def everyone(store: Store) -> dict[int, str]:
    """Name of everyone that a row may point to; of a merged person, the name of who answers for them."""
    return dict(store.rows("SELECT person_id, name FROM everyone"))


def event_day(store: Store) -> datetime | None:
    """When the photos of the source were taken: their median, which a camera with a wrong clock cannot move."""
    sql = "SELECT quantile_disc(captured_at, 0.5) FROM photo_state"
    return store.value(sql)  # type: ignore[no-any-return]


def reference_crops(store: Store) -> list[tuple[int, str, str, bytes]]:
    """Id, person's name, file name and crop of every reference."""
    rows = store.rows(
        "SELECT r.reference_id, p.name, r.file_name, r.crop FROM reference r JOIN person p USING (person_id) "
        "ORDER BY r.reference_id"
    )
    return [(row[0], row[1], row[2], bytes(row[3])) for row in rows]


def replace_embedding(store: Store, reference_id: int, embedding: np.ndarray, pack_id: str) -> None:
    """Store the embedding of another pack for a reference; inside a transaction."""
    store.execute(
        "UPDATE reference SET embedding = ?, pack_id = ? WHERE reference_id = ?",
        [blob(embedding), pack_id, reference_id],
    )


def person_summaries(store: Store) -> list[PersonSummary]:
    """Who is in the gallery, in the order they were added."""
    rows = store.rows(
        "SELECT p.person_id, p.name, p.folder, p.deliver, "
        "(SELECT count(*) FROM reference r WHERE r.person_id = p.person_id), "
        "(SELECT count(*) FROM learned l WHERE l.person_id = p.person_id) "
        "FROM person p ORDER BY p.person_id"
    )
    return [PersonSummary(Person(*row[:4]), row[4], row[5]) for row in rows]


def load_gallery(store: Store, pack_id: str, max_learned: int) -> Gallery:
    """Load the gallery as it stands after the last recorded batch.

    Parameters
    ----------
    pack_id : str
        Only embeddings of this pack are loaded: others cannot be compared.
    max_learned : int
        Newest learned embeddings kept per person.
    """
    persons = store.rows("SELECT person_id, name, folder, deliver FROM person ORDER BY person_id")
    references = store.rows(
        "SELECT person_id, embedding FROM reference WHERE pack_id = ? ORDER BY reference_id",
        [pack_id],
    )
    learned = store.rows(
        "SELECT l.person_id, f.embedding FROM learned l JOIN face f USING (face_id) WHERE f.pack_id = ? "
        "QUALIFY row_number() OVER (PARTITION BY l.person_id ORDER BY l.learned_id DESC) <= ? "
        "ORDER BY l.learned_id",
        [pack_id, max_learned],
    )
    return Gallery(
        persons=tuple(Person(*row) for row in persons),
        references=_by_person(references),
        learned=_by_person(learned),
        max_learned=max_learned,
    )


def _by_person(rows: Iterable[tuple[int, bytes]]) -> dict[int, Embeddings]:
    grouped: dict[int, list[np.ndarray]] = {}
    for person_id, data in rows:
        grouped.setdefault(person_id, []).append(vector(data))
    return {person_id: np.stack(vectors) for person_id, vectors in grouped.items()}
