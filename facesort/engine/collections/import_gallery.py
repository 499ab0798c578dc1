"""Bring the gallery of a workspace into a collection: persons become users, their embeddings become faces.

A user has the references and the learned faces of a person, so that their vector is the person's centroid, which the
workspace's thresholds are for.  Importing again makes the collection as the gallery is now; what clients indexed stays.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from uuid import UUID, uuid5

import numpy as np

from facesort.clock import utc_now
from facesort.core.collections.protocol import MOST_FACES_OF_A_USER, FaceCollections
from facesort.core.collections.records import Collection, IndexedFace, NewFaces
from facesort.core.persons.gallery import Person, Vector
from facesort.engine.rules import rules_of
from facesort.engine.setup import refuse_other_pack
from facesort.errors import CollectionError, GalleryError, MissingItemError
from facesort.faces.protocol import ModelPack
from facesort.store.queries.gallery import load_gallery, references_of
from facesort.workspace import Workspace

# Imported faces have ids of version 5, made of their content; those that clients index have random ones, of version 4.
_IDS = UUID("1f0b5a52-6b0e-4f7e-9a4e-6c1d7a1f4c55")
_IMPORTED = 5
_ANY_DISTANCE = 2.0
_PAGE = 1000
_WHOLE = (
    0.0,
    0.0,
    1.0,
    1.0,
)  # the box: where the face is in its photo is not stored for references
_LONGEST_USER, _LONGEST_ID = 128, 255


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did.

    Parameters
    ----------
    users : int
        In the collection that are persons of the workspace.
    added, removed : int
        Faces.
    withheld : int
        Persons who must not be delivered, and so are not imported.
    other_scale : bool
        The collection keeps the thresholds of its first import, and those of the workspace are others now.
    """

    collection_id: str
    users: int
    added: int
    removed: int
    withheld: int
    other_scale: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Wanted:
    user_id: str
    face: IndexedFace
    embedding: Vector


def import_gallery(
    workspace: Workspace, pack: ModelPack, collections: FaceCollections, collection_id: str | None
) -> Imported:
    """Make a collection of the gallery, or bring it up to date.

    Parameters
    ----------
    collection_id : str or None
        None: after the workspace's folder.

    Raises
    ------
    GalleryError
        If nobody is in the gallery, and there is no collection of it either.
    CollectionError
        If the collection has faces of another workspace's gallery.
    PackMismatchError
        If the gallery or the collection was embedded with another pack.
    """
    wanted, withheld = _wanted(workspace, pack)
    name = collection_id or _valid(workspace.root.name, ".-_", _LONGEST_ID) or "gallery"
    thresholds = rules_of(workspace.settings, pack).thresholds
    collection = _found(collections, name)
    if collection is None:
        if not wanted:
            raise GalleryError(
                "nobody is in the gallery who may be imported: `facesort seed` adds them"
            )
        dim = len(wanted[0].embedding)
        scale = (thresholds.strict, thresholds.loose)
        collection = Collection(name, utc_now(), pack.pack_id, dim, *scale)
        collections.create(collection)
    by_id = {one.face.face_id: one for one in wanted}
    there = {face.face_id: face for face in _imported(collections, name)}
    _refuse_another(name, workspace, there, by_id)
    gone = [face for key, face in there.items() if key not in by_id]
    new = [one for key, one in by_id.items() if key not in there]
    _take_away(collections, name, gone, keep={one.user_id for one in wanted})
    _bring(collections, name, new, wanted)
    scale = (collection.strict, collection.loose)
    return Imported(
        name,
        len({one.user_id for one in wanted}),
        len(new),
        len(gone),
        withheld,
        scale != (thresholds.strict, thresholds.loose),
    )


def _wanted(workspace: Workspace, pack: ModelPack) -> tuple[list[_Wanted], int]:
    """Faces as they should be, and the number of persons who are left out."""
    with workspace.open_store(read_only=True) as store:
        refuse_other_pack(store, pack)
        gallery = load_gallery(store, pack.pack_id, workspace.settings.matching.max_learned)
        files = {
            person.person_id: [
                r.file_name for r in references_of(store, person.person_id, pack.pack_id)
            ]
            for person in gallery.persons
        }
    known = set(gallery.person_ids.tolist())
    persons = [person for person in gallery.persons if person.person_id in known]
    users = _user_ids(persons)
    found: dict[str, _Wanted] = {}
    for person in (p for p in persons if p.deliver):
        user_id, names = users[person.person_id], files[person.person_id]
        for number, embedding in enumerate(
            gallery.embeddings(person.person_id)[:MOST_FACES_OF_A_USER]
        ):
            external = names[number] if number < len(names) else None
            one = _face(user_id, embedding, external, pack.pack_id, _origin(workspace))
            found.setdefault(one.face.face_id, one)
    return list(found.values()), sum(not person.deliver for person in persons)


def _face(user_id: str, embedding: Vector, name: str | None, pack_id: str, origin: str) -> _Wanted:
    content = sha256(np.ascontiguousarray(embedding, "<f4").tobytes()).hexdigest()
    face = IndexedFace(
        face_id=str(uuid5(_IDS, f"{user_id} {content}")),
        image_id=origin + str(uuid5(_IDS, content))[8:],
        external_image_id=None if name is None else _valid(name, "_.-:", _LONGEST_ID) or None,
        box=_WHOLE,
        confidence=100.0,
        pack_id=pack_id,
    )
    return _Wanted(user_id, face, embedding)


def _user_ids(persons: list[Person]) -> dict[int, str]:
    """Ids that the API takes, by person: after their names, and never the same for two."""
    found: dict[int, str] = {}
    for person in persons:
        name = _valid(person.name, "_.-:", _LONGEST_USER - 12) or f"person-{person.person_id}"
        while name.lower() in {known.lower() for known in found.values()}:
            name = f"{name}-{person.person_id}"
        found[person.person_id] = name
    return found


def _valid(text: str, also: str, longest: int) -> str:
    """Text in the letters that the API takes, without accents; empty if nothing is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(rf"[^a-zA-Z0-9{re.escape(also)}]+", "_", plain).strip("_")[:longest]


def _found(collections: FaceCollections, name: str) -> Collection | None:
    try:
        return collections.collection(name)
    except MissingItemError:
        return None


def _origin(workspace: Workspace) -> str:
    """What the image ids of faces of a workspace begin with."""
    return sha256(os.fsencode(workspace.root.resolve())).hexdigest()[:8]


def _refuse_another(
    name: str,
    workspace: Workspace,
    there: Mapping[str, IndexedFace],
    wanted: Mapping[str, object],
) -> None:
    """Refuse a collection of another gallery, which this one would replace; one that was moved has the same faces."""
    origins = {face.image_id[:8] for face in there.values()}
    if origins - {_origin(workspace)} and not there.keys() & wanted.keys():
        raise CollectionError(
            f"collection {name!r} has the gallery of another workspace: give another one with --collection, or erase "
            f"it first with `facesort collections delete {name}`"
        )


def _imported(collections: FaceCollections, name: str) -> Iterator[IndexedFace]:
    after = ""
    while page := collections.faces(name, after=after, limit=_PAGE):
        yield from (face for face in page if UUID(face.face_id).version == _IMPORTED)
        after = page[-1].face_id


def _take_away(
    collections: FaceCollections, name: str, gone: list[IndexedFace], keep: set[str]
) -> None:
    """Remove faces, and the users who have none left and are no longer in the gallery."""
    collections.remove(name, [face.face_id for face in gone])
    users = sorted({face.user_id for face in gone if face.user_id is not None} - keep)
    for user in collections.users(name, ids=users, limit=len(users)):
        if not user.faces:
            collections.remove_user(name, user.user_id)


def _bring(
    collections: FaceCollections, name: str, new: list[_Wanted], wanted: list[_Wanted]
) -> None:
    """Add faces and users; what an import that was stopped has done is not done again."""
    if new:
        embeddings = np.stack([one.embedding for one in new])
        collections.add(name, NewFaces(tuple(one.face for one in new), embeddings))
    faces: dict[str, list[str]] = {}
    for one in wanted:
        faces.setdefault(one.user_id, []).append(one.face.face_id)
    there = {user.user_id for user in collections.users(name, ids=list(faces), limit=len(faces))}
    for user_id, face_ids in faces.items():
        if user_id not in there:
            collections.add_user(name, user_id)
        ids = iter(face_ids)
        while some := list(islice(ids, MOST_FACES_OF_A_USER)):
            collections.associate(name, user_id, some, within=_ANY_DISTANCE)
