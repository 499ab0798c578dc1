"""Groups of unknown faces: people who are in the photos and not in the gallery."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesort.core.gallery import centroid
from facesort.core.matching import centroid_distances
from facesort.core.records import Embeddings
from facesort.engine.job.groups import event_groups
from facesort.engine.rules import rules_of
from facesort.faces.protocol import ModelPack
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
    spread : float
        Mean distance to their centroid.
    """

    face_ids: NDArray[np.int64]
    spread: float

    def __len__(self) -> int:
        return len(self.face_ids)


def find_clusters(workspace: Workspace, pack: ModelPack) -> tuple[list[Cluster], int]:
    """The groups of a job that have no reference: the same ones that name faces, so that naming one agrees with that.

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
    with workspace.open_store(read_only=True) as store:
        asked = face_sets.unknown_faces(store, pack.pack_id, _MIN_QUALITY)
        gallery = load_gallery(store, pack.pack_id, max_learned=0)
        groups = event_groups(store, gallery, rules_of(workspace.settings, pack), pack.pack_id)
    faces = groups.faces
    found = (group[np.isin(faces.face_ids[group], asked)] for group in groups.nobodys())
    clusters = [
        _cluster(faces.face_ids[group], faces.embeddings[group])
        for group in found
        if len(group) > 1
    ]
    return sorted(clusters, key=len, reverse=True), len(asked)


def _cluster(face_ids: NDArray[np.int64], embeddings: Embeddings) -> Cluster:
    distances = centroid_distances(embeddings, centroid(embeddings)[None])[:, 0]
    return Cluster(face_ids[np.argsort(distances, kind="stable")], float(distances.mean()))
