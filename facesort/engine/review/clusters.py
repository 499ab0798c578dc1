"""Groups of unknown faces: people who are in the photos and not in the gallery."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesort.core.groups.suggestions import suggestions
from facesort.core.persons.gallery import Gallery, centroid
from facesort.core.persons.matching import centroid_distances
from facesort.core.records import Embeddings
from facesort.engine.job.groups import groups_of
from facesort.engine.rules import Rules, rules_of
from facesort.faces.protocol import ModelPack
from facesort.store import Store
from facesort.store.queries.face_sets import (
    ComparableFaces,
    Read,
    count_of_pack,
    read_comparable_faces,
)
from facesort.store.queries.gallery import load_gallery
from facesort.store.queries.review.answers import confirmed, rejected_pairs
from facesort.store.queries.review.unknown import (
    LeftOut,
    UnknownFaces,
    state_of_groups,
    unknown_faces,
)
from facesort.workspace import Workspace

Ids = NDArray[np.int64]
Work = Callable[[], "Kept"]

_MIN_QUALITY = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """Unknown faces that seem to be one person.

    Parameters
    ----------
    face_ids : ndarray of shape (n,), int64
        Most typical first.
    distances : ndarray of shape (n,), float32
        To the centroid of the whole group.
    """

    face_ids: Ids
    distances: NDArray[np.float32]

    @property
    def key(self) -> int:
        """Tells it from all others."""
        return int(self.face_ids.min())

    @property
    def spread(self) -> float:
        """Mean distance to the centroid."""
        return float(self.distances.mean())

    def of(self, face_ids: Ids) -> Cluster:
        """Only those of these faces, in ascending order, that are in it."""
        places = np.minimum(np.searchsorted(face_ids, self.face_ids), max(len(face_ids) - 1, 0))
        chosen = face_ids[places] == self.face_ids if len(face_ids) else np.zeros(len(self), bool)
        return Cluster(self.face_ids[chosen], self.distances[chosen])

    def __len__(self) -> int:
        return len(self.face_ids)


@dataclass(frozen=True, slots=True, eq=False)
class MayBeOne:
    """Groups that may be one person.

    Parameters
    ----------
    person_id : int or None
        Who in the gallery; None: two groups that may be each other.
    person : str
        Their name.
    clusters : tuple of Cluster
        One if there is a person.
    distance : float
        Between the centroids.
    """

    person_id: int | None
    person: str
    clusters: tuple[Cluster, ...]
    distance: float


@dataclass(frozen=True, slots=True, eq=False)
class UnknownPeople:
    """All unknown faces, each counted once.

    Parameters
    ----------
    clusters : sequence of Cluster
        Of two faces or more, the largest first.
    may_be : mapping of int to MayBeOne
        What to ask about them, by a number that stays while others are answered.
    alone : int
        Faces in no group.
    waiting : int
        Faces in the group of somebody who came since: a re-match names them.
    left_out : mapping of str to int
        As of `UnknownFaces`.
    finding : int
        Faces among which groups are being found.
    """

    clusters: Sequence[Cluster]
    may_be: Mapping[int, MayBeOne]
    alone: int
    waiting: int
    left_out: Mapping[LeftOut, int]
    finding: int = 0

    @property
    def grouped(self) -> int:
        """Faces in groups."""
        return sum(map(len, self.clusters))

    @property
    def total(self) -> int:
        """All of them."""
        parts = self.grouped, self.alone, self.waiting, self.finding
        return sum(parts) + sum(self.left_out.values())


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """Groups that were found before: finding those of 25,000 faces takes seconds.

    Parameters
    ----------
    state : tuple
        What they depend on.
    asked : ndarray of int64
        Faces that were asked about then.  As long as no other is, those that are answered are left out.
    waiting : ndarray of int64
        Faces in the group of somebody.
    may_be : tuple of MayBeOne
    """

    state: tuple[object, ...] = ()
    asked: Ids = field(default_factory=lambda: np.empty(0, np.int64))
    clusters: tuple[Cluster, ...] = ()
    waiting: Ids = field(default_factory=lambda: np.empty(0, np.int64))
    may_be: tuple[MayBeOne, ...] = ()

    def joined(self, clusters: Sequence[Cluster]) -> Kept:
        """With groups of which somebody said that they are one person."""
        ids = np.concatenate([cluster.face_ids for cluster in clusters])
        chosen = [bool(np.isin(cluster.face_ids, ids).any()) for cluster in self.clusters]
        parts = [each for each, is_part in zip(self.clusters, chosen, strict=True) if is_part]
        rest = [each for each, is_part in zip(self.clusters, chosen, strict=True) if not is_part]
        distances = np.concatenate([cluster.distances for cluster in parts])
        order = np.argsort(distances, kind="stable")
        faces = np.concatenate([cluster.face_ids for cluster in parts])
        return replace(self, clusters=(*rest, Cluster(faces[order], distances[order])))

    def without(self, number: int) -> Kept:
        """With a suggestion to which somebody said no."""
        nothing = replace(self.may_be[number], clusters=())
        may_be = (*self.may_be[:number], nothing, *self.may_be[number + 1 :])
        return replace(self, may_be=may_be)


def find_unknown(
    workspace: Workspace,
    pack: ModelPack,
    kept: Kept | None = None,
    later: Callable[[Work, int], bool] = lambda *_: False,
    *,
    finding: bool = False,
    read: Read | None = None,
    unknown: UnknownFaces | None = None,
) -> tuple[UnknownPeople, Kept]:
    """The groups of a job that have no reference: the same ones that name faces, so that naming one agrees with that.

    Parameters
    ----------
    kept : Kept, optional
        Used until a sort or a re-match has changed decisions, or a face is unknown that was not.
    later : callable of (work, faces)
        Asked whether it takes over the work of finding groups among so many faces.
    finding : bool
        Whether it has taken over such work, and is not done: then there is none.
    read : callable of query
        By which that work asks the database, for a moment each time; by default it opens the workspace's.
    unknown : UnknownFaces, optional
        As `unknown_now` gives them, if it was asked since anything changed.

    Returns
    -------
    UnknownPeople
        Without groups if they are found later.
    Kept
        To be used the next time.

    Raises
    ------
    StoreLockedError
        While a sort is running.
    """
    kept = Kept() if kept is None else kept
    rules = rules_of(workspace.settings, pack)
    with workspace.open_store(read_only=True) as store:
        unknown = unknown_now(pack, store) if unknown is None else unknown
        asked, state = unknown.asked, (rules, pack.pack_id, state_of_groups(store))
        refused = rejected_pairs(store)
        stale = kept.state != state or not np.isin(asked, kept.asked).all()
        stale = stale and len(asked) > 0
        faces = count_of_pack(store, pack.pack_id) if stale and not finding else 0
        gallery, together = load_gallery(store, pack.pack_id, max_learned=0), confirmed(store)
    if stale:
        given = _Given(rules, pack, asked, refused, state, gallery, together)
        work = partial(_find, read or _reading(workspace), given)
        if finding or later(work, faces):
            return UnknownPeople((), {}, 0, 0, unknown.left_out, len(asked)), kept
        kept = work()
    found = (cluster.of(asked) for cluster in kept.clusters)
    clusters = sorted((c for c in found if len(c) > 1), key=len, reverse=True)
    waiting = int(np.isin(asked, kept.waiting).sum())
    alone = len(asked) - waiting - sum(map(len, clusters))
    may_be = dict(_still_to_ask(kept, clusters, refused))
    return UnknownPeople(clusters, may_be, alone, waiting, unknown.left_out), kept


def unknown_now(pack: ModelPack, store: Store) -> UnknownFaces:
    """All unknown faces, and those of them that groups are made of."""
    return unknown_faces(store, pack.pack_id, _MIN_QUALITY)


def _reading(workspace: Workspace) -> Read:
    def read(query: Callable[[Store], Any]) -> Any:
        with workspace.open_store(read_only=True) as store:
            return query(store)

    return read


@dataclass(frozen=True, slots=True, eq=False)
class _Given:
    """What groups are found by, besides the faces, as it was when they were asked for."""

    rules: Rules
    pack: ModelPack
    asked: Ids
    refused: set[tuple[int, int]]
    state: tuple[object, ...]
    gallery: Gallery
    together: Mapping[int, int]


def _find(read: Read, given: _Given) -> Kept:
    """Read all faces that can be compared, and find their groups."""
    faces = read_comparable_faces(read, given.pack.pack_id)
    together = given.together.items()
    groups = groups_of(faces, given.gallery, given.rules, together, given.refused)
    good = [rows[faces.quality[rows] >= _MIN_QUALITY] for rows in groups.nobodys()]
    good = [rows for rows in good if len(rows) > 1]
    clusters = tuple(_cluster(faces.face_ids[rows], faces.embeddings[rows]) for rows in good)
    own = groups.somebodys()
    waiting = np.concatenate([np.empty(0, np.int64), *own])
    may_be = tuple(_may_be(faces, given.gallery, (own, good), clusters, given.pack.loose))
    return Kept(given.state, given.asked, clusters, faces.face_ids[waiting], may_be)


def _cluster(face_ids: Ids, embeddings: Embeddings) -> Cluster:
    distances = centroid_distances(embeddings, centroid(embeddings)[None])[:, 0]
    order = np.argsort(distances, kind="stable")
    return Cluster(face_ids[order], distances[order])


def _may_be(
    faces: ComparableFaces,
    gallery: Gallery,
    groups: tuple[Sequence[Ids], Sequence[Ids]],
    clusters: Sequence[Cluster],
    loose: float,
) -> Iterator[MayBeOne]:
    """What to ask, of the rows of each person's faces and of each group of nobody's."""
    own, rows = groups
    ids = gallery.person_ids.tolist()
    names = {person.person_id: person.name for person in gallery.persons}
    persons = (
        np.concatenate([gallery.references[person_id], faces.embeddings[found]])
        for person_id, found in zip(ids, own, strict=True)
    )
    seen = [faces.sightings.of(each) for each in own], [faces.sightings.of(each) for each in rows]
    for found in suggestions(persons, (faces.embeddings[each] for each in rows), seen, loose):
        who = None if found.person < 0 else ids[found.person]
        name = "" if who is None else names[who]
        yield MayBeOne(who, name, tuple(clusters[i] for i in found.groups), found.distance)


def _still_to_ask(
    kept: Kept, clusters: Sequence[Cluster], refused: set[tuple[int, int]]
) -> Iterator[tuple[int, MayBeOne]]:
    """Suggestions about groups as they are now: some have gone, and some have been joined."""
    of = {face_id: cluster for cluster in clusters for face_id in cluster.face_ids.tolist()}
    for number, asked in enumerate(kept.may_be):
        now = {
            c.key: c for part in asked.clusters for i in part.face_ids.tolist() if (c := of.get(i))
        }
        if len(now) < (2 if asked.person_id is None else 1):
            continue
        faces = [i for cluster in now.values() for i in cluster.face_ids.tolist()]
        if asked.person_id is None or not any((i, asked.person_id) in refused for i in faces):
            yield number, replace(asked, clusters=tuple(now.values()))
