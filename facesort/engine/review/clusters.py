"""Groups of unknown faces: people who are in the photos and not in the gallery."""

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

# DBSCAN compares single faces, LOOSE a face and a centroid; measured on LFW (`benchmarks/README.md`).
_EPS_PER_LOOSE = 0.9
_MIN_QUALITY = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """Unknown faces that seem to be one person.

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


def find_clusters(workspace: Workspace, pack: ModelPack) -> tuple[list[Cluster], int]:
    """Group the unknown faces of a job by person.

    Returns
    -------
    clusters : list of Cluster
        Of two faces or more, the largest first.
    compared : int
        Number of faces that were compared; erased, ignored and poor ones are not.

    Raises
    ------
    StoreLockedError
        While a sort is running.
    """
    eps = _EPS_PER_LOOSE * rules_of(workspace.settings, pack).thresholds.loose
    with workspace.open_store(read_only=True) as store:
        face_ids, photo_ids, embeddings = face_sets.unknown_faces(store, pack.pack_id, _MIN_QUALITY)
    labels = cluster_faces(embeddings, photo_ids, eps=eps)
    clusters = [
        _cluster(face_ids[labels == label], embeddings[labels == label])
        for label in range(labels.max(initial=NOISE) + 1)
    ]
    return clusters, len(face_ids)


def _cluster(face_ids: NDArray[np.int64], embeddings: Embeddings) -> Cluster:
    distances = centroid_distances(embeddings, centroid(embeddings)[None])[:, 0]
    return Cluster(face_ids[np.argsort(distances, kind="stable")], float(distances.mean()))
