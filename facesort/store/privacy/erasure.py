"""Choose what to erase of a person, or of all unknown faces; `rewrite` carries it out."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from facesort.core.delivery.routing import UNKNOWN_FOLDER, folder_key, safe_folder
from facesort.errors import GalleryError
from facesort.store.queries.delivery.published import destinations, entries_of_persons
from facesort.store.store import Store


@dataclass(frozen=True, slots=True)
class Erasure:
    """What to erase.

    Parameters
    ----------
    persons : tuple of int
        Of the person, and of those who were merged into them; these ids are never used again.
    faces : tuple of int
    names : tuple of str
        Every name that these persons had.
    deleted : tuple of str
        Files of these persons that are no longer in the output: the commit log loses their paths.
    keep_boxes : bool
        The faces keep their rows, without embedding and crop: retention, not erasure.
    """

    persons: tuple[int, ...] = ()
    faces: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    keep_boxes: bool = False


@dataclass(frozen=True, slots=True)
class Traces:
    """What a workspace contains of those who are to be erased.

    Parameters
    ----------
    references, learned, faces, photos : int
        Rows; photos with such a face.
    delivered : tuple of str
        Files in the output that were written for them; POSIX paths relative to its root.
    elsewhere : tuple of str
        Files of the same photos in the folders of others.
    begun : tuple of str
        Files that an interrupted sort was to write for the person, and may have begun.
    published : dict of str to int
        Objects that were published for them, and may be there, by destination.
    """

    references: int
    learned: int
    faces: int
    photos: int
    delivered: tuple[str, ...]
    elsewhere: tuple[str, ...]
    begun: tuple[str, ...]
    published: dict[str, int]


# Who has the name now, was removed under it, or appears under it in the journal; and all who were merged into them.
_PERSONS = """
WITH named AS (
    SELECT person_id FROM person WHERE name = $1
    UNION SELECT person_id FROM former_person WHERE name = $1 AND merged_into IS NULL
    UNION SELECT person_id FROM (FROM person_edit SELECT person_id, name
                                 UNION FROM former_person_edit SELECT person_id, name)
          WHERE name = $1 AND person_id NOT IN (SELECT person_id FROM everyone)
)
FROM named UNION SELECT person_id FROM former_person WHERE merged_into IN (FROM named) ORDER BY ALL
"""
_NAMES = """
SELECT name FROM (FROM person SELECT person_id, name UNION FROM former_person SELECT person_id, name
    UNION FROM person_edit SELECT person_id, name UNION FROM former_person_edit SELECT person_id, name)
WHERE list_contains(?, person_id) GROUP BY name ORDER BY name
"""
# Ever matched to the person, by the machine or by a user, and not given to somebody else since.
_FACES = """
WITH gone AS (SELECT unnest($1::INTEGER[]) AS person_id),
matched AS (
    SELECT face_id FROM face_state WHERE person_id IN (FROM gone)
    UNION SELECT face_id FROM decision WHERE person_id IN (FROM gone)
    UNION SELECT face_id FROM answer WHERE person_id IN (FROM gone) AND answer = 'yes'
    UNION SELECT face_id FROM learned WHERE person_id IN (FROM gone)
    UNION SELECT face_id FROM learned_edit WHERE person_id IN (FROM gone)
    UNION SELECT face_id FROM reference WHERE person_id IN (FROM gone)
    UNION SELECT face_id FROM reference_edit WHERE person_id IN (FROM gone)
)
SELECT face_id FROM matched JOIN face_state a USING (face_id)
WHERE coalesce(a.person_id IN (FROM gone), NOT EXISTS (
    FROM answer v WHERE v.face_id = a.face_id AND v.answer = 'no' AND v.person_id IN (FROM gone)))
ORDER BY face_id
"""
_UNKNOWN = """
SELECT face_id FROM face_state WHERE person_id IS NULL
EXCEPT SELECT face_id FROM learned
EXCEPT SELECT face_id FROM reference
ORDER BY face_id
"""


def of_person(store: Store, name: str) -> Erasure:
    """Choose everything of the person of that name, even if they were removed or forgotten before.

    Of somebody who was forgotten, the paths of delivered files and the keys of published objects are left, which have
    the name of the folder.

    Raises
    ------
    GalleryError
        If nothing is known under that name, or it now belongs to somebody with another name.
    """
    persons = [row[0] for row in store.rows(_PERSONS, [name])] + _forgotten(store, name)
    if not persons:
        raise GalleryError(_who_is_it_now(store, name))
    faces = [row[0] for row in store.rows(_FACES, [persons])]
    names = [row[0] for row in store.rows(_NAMES, [persons])]
    return Erasure(tuple(persons), tuple(faces), tuple(names))


def _forgotten(store: Store, name: str) -> list[int]:
    """Who was forgotten, and had the folder that a person of that name gets."""
    keys = {folder_key(name)}
    with suppress(GalleryError):
        keys.add(folder_key(safe_folder(name)))
    rows = store.rows(
        "SELECT DISTINCT person_id, split_part(target, '/', 1) "
        "FROM (FROM write SELECT person_id, target UNION ALL FROM published SELECT person_id, target) "
        "WHERE person_id NOT IN (SELECT person_id FROM person_ever) ORDER BY ALL"
    )
    return list(dict.fromkeys(person for person, folder in rows if folder_key(folder) in keys))


def _who_is_it_now(store: Store, name: str) -> str:
    found = store.rows(
        "SELECT e.name FROM (FROM former_person SELECT person_id, name "
        "UNION FROM person_edit SELECT person_id, name) o "
        "JOIN everyone e USING (person_id) WHERE o.name = ? ORDER BY e.name LIMIT 1",
        [name],
    )
    if found:
        return f"{name!r} was merged into {found[0][0]!r}, or has that name now: `facesort forget` that person"
    return f"nothing in this workspace is known under {name!r}; `facesort persons` shows who is in the gallery"


def of_unknown(store: Store, *, keep_boxes: bool = False) -> Erasure:
    """Choose all unknown faces.

    Parameters
    ----------
    keep_boxes : bool
        Erase only embeddings and crops; faces without them are not chosen.
    """
    faces = {row[0] for row in store.rows(_UNKNOWN)}
    if keep_boxes:
        full = (
            "SELECT face_id FROM face WHERE octet_length(embedding) > 0 OR octet_length(crop) > 0"
        )
        faces &= {row[0] for row in store.rows(full)}
    return Erasure(faces=tuple(sorted(faces)), keep_boxes=keep_boxes)


def traces_of(store: Store, erasure: Erasure) -> Traces:
    """Count what would be erased, and list what was delivered."""
    persons, faces = list(erasure.persons), list(erasure.faces)
    files = store.rows(
        "SELECT target, bool_or(coalesce(list_contains($1, person_id), len($1) = 0)) FROM write "
        "WHERE status = 'verified' AND (list_contains($1, person_id) "
        "OR photo_id IN (SELECT photo_id FROM face WHERE list_contains($2, face_id))) "
        "GROUP BY target ORDER BY target",
        [persons, faces],
    )
    counted = store.rows(
        "SELECT (SELECT count(*) FROM reference WHERE list_contains($1, person_id)), "
        "(SELECT count(*) FROM learned WHERE list_contains($1, person_id)), "
        "(SELECT count(*) FROM face WHERE list_contains($2, face_id)), "
        "(SELECT count(DISTINCT photo_id) FROM face WHERE list_contains($2, face_id))",
        [persons, faces],
    )
    references, learned, found, photos = counted[0]
    begun = store.rows(
        "SELECT DISTINCT target FROM write WHERE status = 'planned' AND list_contains(?, person_id) ORDER BY target",
        [persons],
    )
    return Traces(
        references,
        learned,
        found,
        photos,
        delivered=tuple(target for target, own in files if own),
        elsewhere=tuple(target for target, own in files if not own),
        begun=tuple(row[0] for row in begun),
        published=_published(store, erasure),
    )


def _published(store: Store, erasure: Erasure) -> dict[str, int]:
    folders = [] if erasure.persons else [UNKNOWN_FOLDER]
    found = entries_of_persons(store, erasure.persons, folders)
    return {
        str(where): len(found[key]) for key, where in destinations(store).items() if key in found
    }
