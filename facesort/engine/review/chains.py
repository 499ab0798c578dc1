"""Why a face is in its group: the face nearest to it, and the chain of faces from a reference to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from facesort.core.groups.chains import chains
from facesort.core.groups.linkage import rms_distance
from facesort.core.records import Embeddings
from facesort.core.stored import StoredFace
from facesort.reasons import FaceReason
from facesort.store import Store
from facesort.store.queries.gallery import StoredReference, find_person, references_of
from facesort.store.queries.review.shown import GroupFace, faces_of_groups, faces_with_crops

BY_GROUP = (FaceReason.WITHIN_GROUP.value, FaceReason.GROUP_IN_DOUBT.value)
"""Reasons of faces that alone are nobody's."""

_AT_ONCE = 2_000  # faces whose embeddings are in memory
_MOST = 4_000  # faces of a group that a chain is looked for among: time is O(n^2)

_Key = tuple[str | None, float | None]
"""Whose face it is, or may be; and where a group in doubt came to them."""


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
    keys = {face.face_id: _key(face) for face in faces if face.reason in BY_GROUP}
    persons = {person for person, _ in keys.values() if person is not None}
    if not persons:
        return {}
    asked = [
        _Asked(face, keys[face.face_id])
        for face in faces_of_groups(store, persons, pack_id, keys)
        if _is_in(face, keys[face.face_id])
    ]
    every = faces_of_groups(store, persons, pack_id) if asked else iter(())
    while some := list(islice(every, _AT_ONCE)):
        some.sort(key=_rank)
        cosines = _embeddings(each.face for each in asked) @ _embeddings(some).T
        for each, row in zip(asked, cosines, strict=True):
            each.compare(some, row)
    return {
        each.face.face_id: Neighbour(
            each.nearest.photo.shown_name, float(rms_distance(each.cosine)), each.others
        )
        for each in asked
        if each.nearest is not None
    }


@dataclass(slots=True, eq=False)
class _Asked:
    """A face whose nearest is looked for."""

    face: GroupFace
    key: _Key
    nearest: GroupFace | None = None
    cosine: float = -np.inf
    others: int = 0

    def compare(self, some: Sequence[GroupFace], cosines: NDArray[np.float32]) -> None:
        """Compare with some other faces, the first of equally near ones first."""
        fit = [
            place
            for place, other in enumerate(some)
            if _is_in(other, self.key) and other.face_id != self.face.face_id
        ]
        self.others += len(fit)
        if not fit:
            return
        place = fit[int(cosines[fit].argmax())]
        found, other = float(cosines[place]), some[place]
        if self.nearest is None or (-found, _rank(other)) < (-self.cosine, _rank(self.nearest)):
            self.nearest, self.cosine = other, found


def _is_in(face: GroupFace, key: _Key) -> bool:
    person, came_at = key
    return face.person == person and face.came_at in (None, came_at)


def _rank(face: GroupFace) -> tuple[bool, int]:
    return face.came_at is not None, face.face_id


def chain_of(store: Store, face: StoredFace, pack_id: str) -> Chain | None:
    """The chain that connects a face with its person, or with the person it may be.

    Of a group of more than 4,000 faces only the 4,000 nearest to this one count, and the nearest confirmed one.

    Returns
    -------
    Chain or None
        None if the face is nobody's, or one of the two cannot be compared any more.
    """
    name, _ = key = _key(face)
    person = None if name is None else find_person(store, name)
    if name is None or person is None:
        return None
    asked = list(faces_of_groups(store, {name}, pack_id, [face.face_id]))
    if not asked:
        return None
    every = faces_of_groups(store, {name}, pack_id)
    group = sorted(_nearest(asked[0], (each for each in every if _is_in(each, key))), key=_rank)
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


def _nearest(asked: GroupFace, group: Iterator[GroupFace]) -> list[GroupFace]:
    """The `_MOST` faces nearest to one of them, itself included, and the nearest that a user confirmed."""
    kept: list[GroupFace] = []
    while some := list(islice(group, _AT_ONCE)):
        kept += some
        if len(kept) <= _MOST:
            continue
        cosines = _embeddings(kept) @ asked.embedding
        order = sorted(range(len(kept)), key=lambda row: (-cosines[row], _rank(kept[row])))
        beyond = next((row for row in order[_MOST:] if kept[row].confirmed), None)
        rows = order[:_MOST] if beyond is None else [*order[:_MOST], beyond]
        kept = [kept[row] for row in rows]
    return kept


def _key(face: StoredFace) -> _Key:
    if face.reason == FaceReason.GROUP_IN_DOUBT.value:
        return face.nearest, face.group_distance
    return face.person, None


def _embeddings(faces: Iterable[GroupFace | StoredReference]) -> Embeddings:
    return np.stack([face.embedding for face in faces])
