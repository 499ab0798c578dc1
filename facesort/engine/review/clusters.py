"""Groups of unknown faces: people who are in the photos and not in the gallery."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from facesort.core.gallery import centroid
from facesort.core.matching import centroid_distances
from facesort.core.records import Embeddings
from facesort.engine.job.groups import event_groups
from facesort.engine.rules import Rules, rules_of
from facesort.faces.protocol import ModelPack
from facesort.store import Store
from facesort.store.queries.gallery import load_gallery
from facesort.store.queries.review_unknown import LeftOut, state_of_groups, unknown_faces
from facesort.workspace import Workspace

Ids = NDArray[np.int64]

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
    def spread(self) -> float:
        """Mean distance to the centroid."""
        return float(self.distances.mean())

    def of(self, face_ids: Ids) -> Cluster:
        """Only those of these faces that are in it."""
        chosen = np.isin(self.face_ids, face_ids)
        return Cluster(self.face_ids[chosen], self.distances[chosen])

    def __len__(self) -> int:
        return len(self.face_ids)


@dataclass(frozen=True, slots=True, eq=False)
class UnknownPeople:
    """All unknown faces, each counted once.

    Parameters
    ----------
    clusters : sequence of Cluster
        Of two faces or more, the largest first.
    alone : int
        Faces in no group.
    waiting : int
        Faces in the group of somebody who came since: a re-match names them.
    left_out : mapping of str to int
        As of `UnknownFaces`.
    """

    clusters: Sequence[Cluster]
    alone: int
    waiting: int
    left_out: Mapping[LeftOut, int]

    @property
    def grouped(self) -> int:
        """Faces in groups."""
        return sum(map(len, self.clusters))

    @property
    def total(self) -> int:
        """All of them."""
        return self.grouped + self.alone + self.waiting + sum(self.left_out.values())


@dataclass(slots=True)
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
    seconds : float
        What finding them took.
    """

    state: tuple[object, ...] = ()
    asked: Ids = field(default_factory=lambda: np.empty(0, np.int64))
    clusters: list[Cluster] = field(default_factory=list)
    waiting: Ids = field(default_factory=lambda: np.empty(0, np.int64))
    seconds: float = 0.0


def find_unknown(workspace: Workspace, pack: ModelPack, kept: Kept | None = None) -> UnknownPeople:
    """The groups of a job that have no reference: the same ones that name faces, so that naming one agrees with that.

    Parameters
    ----------
    kept : Kept, optional
        Filled, and used until a sort or a re-match has changed decisions, or a face is unknown that was not.

    Raises
    ------
    StoreLockedError
        While a sort is running.
    """
    kept = Kept() if kept is None else kept
    rules = rules_of(workspace.settings, pack)
    with workspace.open_store(read_only=True) as store:
        unknown = unknown_faces(store, pack.pack_id, _MIN_QUALITY)
        state = (rules, pack.pack_id, state_of_groups(store))
        asked = unknown.asked
        if kept.state != state or not np.isin(asked, kept.asked).all():
            started = time.perf_counter()
            _find(kept, store, rules, pack.pack_id, asked)
            kept.state, kept.asked, kept.seconds = state, asked, time.perf_counter() - started
    found = (cluster.of(asked) for cluster in kept.clusters)
    clusters = sorted((c for c in found if len(c) > 1), key=len, reverse=True)
    waiting = int(np.isin(asked, kept.waiting).sum())
    alone = len(asked) - waiting - sum(map(len, clusters))
    return UnknownPeople(clusters, alone, waiting, unknown.left_out)


def _find(kept: Kept, store: Store, rules: Rules, pack_id: str, asked: Ids) -> None:
    kept.clusters, kept.waiting = [], np.empty(0, np.int64)
    if not len(asked):
        return
    groups = event_groups(store, load_gallery(store, pack_id, max_learned=0), rules, pack_id)
    faces = groups.faces
    good = (group[faces.quality[group] >= _MIN_QUALITY] for group in groups.nobodys())
    kept.clusters = [
        _cluster(faces.face_ids[group], faces.embeddings[group]) for group in good if len(group) > 1
    ]
    kept.waiting = faces.face_ids[groups.somebodys()]


def _cluster(face_ids: Ids, embeddings: Embeddings) -> Cluster:
    distances = centroid_distances(embeddings, centroid(embeddings)[None])[:, 0]
    order = np.argsort(distances, kind="stable")
    return Cluster(face_ids[order], distances[order])
