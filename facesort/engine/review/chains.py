"""Why a face is in its group: the face nearest to it, and the chain of faces from a reference to it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from facesort.core.chains import chains
from facesort.core.groups import rms_distance
from facesort.core.records import Embeddings
from facesort.core.stored import StoredFace
from facesort.reasons import FaceReason
from facesort.store import Store
from facesort.store.queries.gallery import StoredReference, known_person, references_of
from facesort.store.queries.review import faces_of_groups
from facesort.store.queries.stored import with_crops

BY_GROUP = (FaceReason.WITHIN_GROUP.value, FaceReason.GROUP_IN_DOUBT.value)
"""Reasons of faces that alone are nobody's."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """The nearest other face of a group: the name of its photo, and the distance."""

    name: str
    distance: float


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
    persons = {person for person, _ in asked.values() if person}
    if not persons:
        return {}
    groups = _Groups.of(store, persons, pack_id)
    found = {}
    for key in set(asked.values()):
        group = groups.faces(key)
        if len(group) < 2:
            continue
        embeddings = _embeddings(group)
        for row, face in enumerate(group):
            if asked.get(face.face_id) != key:
                continue
            cosines = embeddings @ embeddings[row]
            cosines[row] = -np.inf
            nearest = int(cosines.argmax())
            distance = float(rms_distance(float(cosines[nearest])))
            found[face.face_id] = Neighbour(group[nearest].photo.shown_name, distance)
    return found


def chain_of(store: Store, face: StoredFace, pack_id: str) -> Chain | None:
    """The chain that connects a face with its person, or with the person it may be.

    Returns
    -------
    Chain or None
        None if the face is nobody's, or one of the two cannot be compared any more.
    """
    person, _ = key = _key(face)
    if person is None:
        return None
    group = _Groups.of(store, {person}, pack_id).faces(key)
    row_of = {each.face_id: row for row, each in enumerate(group)}
    references = references_of(store, known_person(store, person).person_id, pack_id)
    anchors = np.array([True] * len(references) + [each.answer == "yes" for each in group])
    if face.face_id not in row_of or not anchors.any():
        return None
    first = len(references)
    tree = chains(_embeddings([*references, *group]), anchors)
    rows = tree.to(first + row_of[face.face_id])
    start = references[rows.pop(0)] if rows[0] < first else None
    shown = with_crops(store, [group[row - first] for row in rows])
    links = (
        Link(
            each,
            float(tree.distance[row]),
            tuple(group[other - first].face_id for other in tree.beyond(row)),
        )
        for each, row in zip(shown, rows, strict=True)
    )
    return Chain(person, start, tuple(links))


_Key = tuple[str | None, float | None]
"""A person, and where a group in doubt came to them; None for faces that are theirs.

What a decision stores of a group tells groups in doubt apart.  Of a face that is somebody's it may be older than the
group: a decision that has not changed is not stored again.
"""


def _key(face: StoredFace) -> _Key:
    if face.reason == FaceReason.GROUP_IN_DOUBT.value:
        return face.nearest, face.group_distance
    return face.person, None


@dataclass(frozen=True, slots=True)
class _Groups:
    """Faces that can be compared, by group."""

    found: Mapping[_Key, Sequence[StoredFace]]

    @classmethod
    def of(cls, store: Store, persons: Collection[str], pack_id: str) -> _Groups:
        found: dict[_Key, list[StoredFace]] = {}
        for face in faces_of_groups(store, persons, pack_id):
            if face.embedding is not None:
                found.setdefault(_key(face), []).append(face)
        return cls(found)

    def faces(self, key: _Key) -> list[StoredFace]:
        """All faces of a person; those of a group in doubt with them."""
        person, distance = key
        named = self.found.get((person, None), ())
        return [*named, *(self.found.get(key, ()) if distance is not None else ())]


def _embeddings(faces: Iterable[StoredFace | StoredReference]) -> Embeddings:
    return np.stack([np.asarray(face.embedding) for face in faces])
