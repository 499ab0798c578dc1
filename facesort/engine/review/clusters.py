"""The people nobody seeded: who else is in many photos."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesort.core.clustering import NOISE, cluster_faces
from facesort.core.gallery import centroid
from facesort.core.matching import centroid_distances
from facesort.core.records import Embeddings
from facesort.engine.rules import rules_of
from facesort.faces.protocol import ModelPack
from facesort.store.queries import face_sets
from facesort.workspace import Workspace

# Two single faces are further apart than a face and a centroid; measured on LFW (`benchmarks/README.md`).
_EPS_PER_LOOSE = 0.9
_MIN_QUALITY = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """Faces that seem to be one person whom nobody seeded.

    Parameters
    ----------
    face_ids : ndarray of shape (n,), int64
        Most typical first.
    spread : float
        Mean distance to their centroid.
    """

    face_ids: NDArray[np.int64]
    spread: float

    def __len__(self) -> int:
        return len(self.face_ids)


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """What was found among the unknown faces.

    Parameters
    ----------
    clusters : tuple of Cluster
        Largest first.
    single : int
        Faces that are like no other.
    faces : int
        Unknown faces that were compared; poor, ignored and forgotten ones are not.
    """

    clusters: tuple[Cluster, ...]
    single: int
    faces: int


def find_clusters(workspace: Workspace, pack: ModelPack, *, min_faces: int = 2) -> Clusters:
    """Group the unknown faces of a job by who they seem to be.

    Parameters
    ----------
    min_faces : int
        Smallest cluster.

    Raises
    ------
    StoreLockedError
        While a sort is running.
    """
    eps = _EPS_PER_LOOSE * rules_of(workspace.settings, pack).thresholds.loose
    with workspace.open_store(read_only=True) as store:
        face_ids, photo_ids, _, embeddings = face_sets.unknown_faces(
            store, pack.pack_id, _MIN_QUALITY
        )
    labels = cluster_faces(embeddings, photo_ids, eps=eps)
    sizes = np.bincount(labels[labels != NOISE])
    clusters = tuple(
        _cluster(face_ids[labels == label], embeddings[labels == label])
        for label in np.flatnonzero(sizes >= min_faces)
    )
    single = len(face_ids) - sum(len(cluster) for cluster in clusters)
    return Clusters(clusters, single, len(face_ids))


def _cluster(face_ids: NDArray[np.int64], embeddings: Embeddings) -> Cluster:
    distances = centroid_distances(embeddings, centroid(embeddings)[None])[:, 0]
    return Cluster(face_ids[np.argsort(distances, kind="stable")], float(distances.mean()))
