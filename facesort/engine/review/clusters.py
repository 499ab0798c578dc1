"""Groups of unknown faces: people who are in the photos and not in the gallery."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from facesort.core.gallery import centroid
from facesort.core.matching import centroid_distances
from facesort.core.records import Embeddings
from facesort.engine.job.groups import event_groups
from facesort.engine.job.rematch import fingerprint
from facesort.engine.rules import Rules, rules_of
from facesort.faces.protocol import ModelPack
from facesort.store import Store
from facesort.store.queries import face_sets
from facesort.store.queries.gallery import load_gallery
from facesort.workspace import Workspace

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

    face_ids: NDArray[np.int64]
    distances: NDArray[np.float32]

    @property
    def spread(self) -> float:
        """Mean distance to the centroid."""
        return float(self.distances.mean())

    def of(self, face_ids: NDArray[np.int64]) -> Cluster:
        """Only those of these faces that are in it."""
        chosen = np.isin(self.face_ids, face_ids)
        return Cluster(self.face_ids[chosen], self.distances[chosen])

    def __len__(self) -> int:
        return len(self.face_ids)


@dataclass(slots=True)
class Kept:
    """Groups that were found before, and what they depend on: finding those of 25,000 faces takes seconds.

    Parameters
    ----------
    seconds : float
        What finding them took.
    """

    state: str = ""
    seconds: float = 0.0
    clusters: list[Cluster] = field(default_factory=list)


def find_clusters(
    workspace: Workspace, pack: ModelPack, kept: Kept | None = None
) -> tuple[list[Cluster], int]:
    """The groups of a job that have no reference: the same ones that name faces, so that naming one agrees with that.

    Parameters
    ----------
    kept : Kept, optional
        Filled, and used as long as nothing has changed.

    Returns
    -------
    clusters : list of Cluster
        Of two faces or more, the largest first.
    compared : int
        Number of unknown faces; erased, ignored and poor ones do not count.

    Raises
    ------
    StoreLockedError
        While a sort is running.
    """
    kept = Kept() if kept is None else kept
    rules = rules_of(workspace.settings, pack)
    with workspace.open_store(read_only=True) as store:
        asked = face_sets.unknown_faces(store, pack.pack_id, _MIN_QUALITY)
        state = fingerprint(store, rules, pack.pack_id, workspace.settings.matching.max_learned)
        if len(asked) and kept.state != state:
            started = time.perf_counter()
            kept.state, kept.clusters = state, _nobodys(store, rules, pack.pack_id)
            kept.seconds = time.perf_counter() - started
    found = (cluster.of(asked) for cluster in kept.clusters)
    clusters = [cluster for cluster in found if len(cluster) > 1]
    return sorted(clusters, key=len, reverse=True), len(asked)


def _nobodys(store: Store, rules: Rules, pack_id: str) -> list[Cluster]:
    groups = event_groups(store, load_gallery(store, pack_id, max_learned=0), rules, pack_id)
    faces = groups.faces
    good = (group[faces.quality[group] >= _MIN_QUALITY] for group in groups.nobodys())
    return [
        _cluster(faces.face_ids[group], faces.embeddings[group]) for group in good if len(group) > 1
    ]


def _cluster(face_ids: NDArray[np.int64], embeddings: Embeddings) -> Cluster:
    distances = centroid_distances(embeddings, centroid(embeddings)[None])[:, 0]
    order = np.argsort(distances, kind="stable")
    return Cluster(face_ids[order], distances[order])
