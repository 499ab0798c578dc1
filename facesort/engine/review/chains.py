"""Why a face is in its group: the face nearest to it, and the chain of faces from a reference to it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np

from facesort.core.groups.chains import chains
from facesort.core.groups.linkage import rms_distance
from facesort.core.records import Embeddings
from facesort.core.stored import StoredFace
from facesort.reasons import FaceReason
from facesort.store import Store
from facesort.store.queries.gallery import StoredReference, find_person, references_of
from facesort.store.queries.review import GroupFace, faces_of_groups, faces_with_crops

BY_GROUP = (FaceReason.WITHIN_GROUP.value, FaceReason.GROUP_IN_DOUBT.value)
"""Reasons of faces that alone are nobody's."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """The nearest other face of a group: the name of its photo, the distance, and how many others there are now.

    The number that is stored with a decision is of the time when that was made, and groups grow.
    """

    name: str
    distance: float
    others: int


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """A face of a chain.

    Parameters
    ----------
    face : StoredFace
        With its crop.
    distance : float
        To the one before; 0 at an anchor.
    beyond : tuple of int
        Ids of the faces that reach a reference only through this one, itself first.
    """

    face: StoredFace
    distance: float
    beyond: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """From a reference of a person to a face.

    Parameters
    ----------
    reference : StoredReference or None
        Where it begins; None: at a face that a user confirmed.
    links : tuple of Link
        The last one is the face that was asked about.
    """

    person: str
    reference: StoredReference | None
    links: tuple[Link, ...]


def neighbours(store: Store, faces: Iterable[StoredFace], pack_id: str) -> dict[int, Neighbour]:
    """The nearest other face in the group of each face that a group named, or may name; by face_id."""
    asked = {face.face_id: _key(face) for face in faces if face.reason in BY_GROUP}
    groups = _read_groups(store, set(asked.values()), pack_id)
    found = {}
    for key, group in groups.items():
        if len(group) < 2:
            continue
        embeddings = _embeddings(group)
        for row in (row for row, face in enumerate(group) if asked.get(face.face_id) == key):
            cosines = embeddings @ embeddings[row]
            cosines[row] = -np.inf
            nearest = int(cosines.argmax())
            distance = float(rms_distance(float(cosines[nearest])))
            found[group[row].face_id] = Neighbour(
                group[nearest].photo.shown_name, distance, len(group) - 1
            )
    return found


def chain_of(store: Store, face: StoredFace, pack_id: str) -> Chain | None:
    """The chain that connects a face with its person, or with the person it may be.

    Returns
    -------
    Chain or None
        None if the face is nobody's, or one of the two cannot be compared any more.
    """
    name, _ = key = _key(face)
    person = None if name is None else find_person(store, name)
    if person is None:
        return None
    group = _read_groups(store, {key}, pack_id)[key]
    ids = [each.face_id for each in group]
    references = references_of(store, person.person_id, pack_id)
    anchors = np.array([True] * len(references) + [each.confirmed for each in group])
    if face.face_id not in ids or not anchors.any():
        return None
    first = len(references)
    tree = chains(_embeddings([*references, *group]), anchors)
    rows = tree.to(first + ids.index(face.face_id))
    start = references[rows.pop(0)] if rows[0] < first else None
    links = (
        Link(
            each,
            float(tree.distance[row]),
            tuple(ids[other - first] for other in tree.beyond(row)),
        )
        for each, row in zip(
            faces_with_crops(store, [ids[row - first] for row in rows]), rows, strict=True
        )
    )
    return Chain(person.name, start, tuple(links))


_Key = tuple[str | None, float | None]
"""Whose face it is, or may be; and where a group in doubt came to them."""


def _key(face: StoredFace) -> _Key:
    if face.reason == FaceReason.GROUP_IN_DOUBT.value:
        return face.nearest, face.group_distance
    return face.person, None


def _read_groups(store: Store, keys: Collection[_Key], pack_id: str) -> dict[_Key, list[GroupFace]]:
    """All faces of a person; and with them those of a group in doubt."""
    persons = {person for person, _ in keys if person is not None}
    found: dict[_Key, list[GroupFace]] = {}
    for face in faces_of_groups(store, persons, pack_id) if persons else ():
        found.setdefault((face.person, face.came_at), []).append(face)
    return {
        (person, came_at): [
            *found.get((person, None), ()),
            *(found.get((person, came_at), ()) if came_at is not None else ()),
        ]
        for person, came_at in keys
    }


def _embeddings(faces: Iterable[GroupFace | StoredReference]) -> Embeddings:
    return np.stack([face.embedding for face in faces])
