"""The gallery: persons, references and embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from facesort.core.persons.gallery import Gallery, Person
from facesort.core.records import Embeddings
from facesort.errors import GalleryError
from facesort.store.queries.stored import blobs_of_faces
from facesort.store.store import Store, vector, vectors


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
    chosen : bool
        A user wants the person to be shown by it.
    """

    reference_id: int
    file_name: str
    yaw: float
    quality: float
    captured_at: datetime | None
    embedding: np.ndarray
    crop: bytes
    chosen: bool


@dataclass(frozen=True, slots=True)
class PersonSummary:
    """A person with the numbers of their references and learned faces."""

    person: Person
    references: int
    learned: int


def find_person(store: Store, name: str) -> Person | None:
    """The person of that name, if there is one."""
    rows = store.rows("SELECT person_id, name, folder, deliver FROM person WHERE name = ?", [name])
    return Person(*rows[0]) if rows else None


def known_person(store: Store, name: str) -> Person:
    """The person of that name; raises if there is none.

    Raises
    ------
    GalleryError
        If there is none.
    """
    person = find_person(store, name)
    if person is None:
        raise GalleryError(f"there is no {name!r} in the gallery; `facesort persons` shows who is")
    return person


def pack_ids(store: Store) -> set[str]:
    """Ids of the model packs of all references."""
    return {row[0] for row in store.rows("SELECT DISTINCT pack_id FROM reference")}


def faces_of_other_packs(store: Store, pack_id: str) -> tuple[int, int]:
    """Number of stored faces whose embeddings are of other packs, and of the photos they are in."""
    ((faces, photos),) = store.rows(
        "SELECT count(*), count(DISTINCT photo_id) FROM face "
        "WHERE pack_id <> ? AND octet_length(embedding) > 0",
        [pack_id],
    )
    return int(faces), int(photos)


def references_of(store: Store, person_id: int, pack_id: str) -> list[StoredReference]:
    """A person's references of one pack, in the order they were added."""
    rows = store.rows(
        "SELECT reference_id, file_name, yaw, quality, captured_at, embedding, crop, chosen FROM reference "
        "WHERE person_id = ? AND pack_id = ? ORDER BY reference_id",
        [person_id, pack_id],
    )
    return [
        StoredReference(
            key, name, yaw, quality, captured_at, vector(embedding), bytes(crop), chosen
        )
        for key, name, yaw, quality, captured_at, embedding, crop, chosen in rows
    ]


def everyone(store: Store) -> dict[int, str]:
    """Names by id, of former persons too; a merged person has the name of the one they were merged into."""
    return dict(store.rows("SELECT person_id, name FROM everyone"))


def event_day(store: Store) -> datetime | None:
    """Median time of the photos, which is robust against a camera with a wrong clock."""
    sql = "SELECT quantile_disc(taken_at, 0.5) FROM photo_state WHERE present"
    return store.value(sql)  # type: ignore[no-any-return]


def reference_crops(store: Store) -> list[tuple[int, str, str, bytes]]:
    """Id, person's name, file name and crop of every reference."""
    rows = store.rows(
        "SELECT r.reference_id, p.name, r.file_name, r.crop FROM reference r JOIN person p USING (person_id) "
        "ORDER BY r.reference_id"
    )
    return [(row[0], row[1], row[2], bytes(row[3])) for row in rows]


def person_summaries(store: Store) -> list[PersonSummary]:
    """All persons, in the order they were added."""
    rows = store.rows(
        "SELECT p.person_id, p.name, p.folder, p.deliver, "
        "(SELECT count(*) FROM reference r WHERE r.person_id = p.person_id), "
        "(SELECT count(*) FROM learned l WHERE l.person_id = p.person_id) "
        "FROM person p ORDER BY p.person_id"
    )
    return [PersonSummary(Person(*row[:4]), row[4], row[5]) for row in rows]


def load_gallery(store: Store, pack_id: str, max_learned: int) -> Gallery:
    """Load the gallery as it is after the last recorded batch.

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
    newest = (
        []
        if not max_learned
        else store.rows(  # a few of very many: only of these, the embedding is read
            "SELECT * FROM (SELECT l.person_id, l.face_id, l.learned_id FROM learned l JOIN face f USING (face_id) "
            "  WHERE f.pack_id = ? "
            "  QUALIFY row_number() OVER (PARTITION BY l.person_id ORDER BY l.learned_id DESC) <= ?) "
            "ORDER BY learned_id",
            [pack_id, max_learned],
        )
    )
    embedding = dict(blobs_of_faces(store, "embedding", [face_id for _, face_id, _ in newest]))
    learned = [(person_id, embedding[face_id]) for person_id, face_id, _ in newest]
    found = vectors([data for _, data in (*references, *learned)])
    return Gallery(
        persons=tuple(Person(*row) for row in persons),
        references=_by_person(references, found[: len(references)]),
        learned=_by_person(learned, found[len(references) :]),
        max_learned=max_learned,
    )


def _by_person(rows: Sequence[tuple[int, bytes]], found: Embeddings) -> dict[int, Embeddings]:
    places: dict[int, list[int]] = {}
    for place, (person_id, _) in enumerate(rows):
        places.setdefault(person_id, []).append(place)
    return {person_id: found[at] for person_id, at in places.items()}
