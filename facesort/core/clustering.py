"""Clustering of unknown faces.

DBSCAN on a nearest-neighbour graph, with one constraint added: two faces in one photo are two people.  A cluster with
two faces of one photo had too large an eps, so it is clustered again with smaller ones.  If it falls apart before the
two separate (a mirror or a poster in the photo), only the more typical of the two is kept.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.cluster import DBSCAN
from sklearn.neighbors import sort_graph_by_row_values

from facesort.core.gallery import centroid
from facesort.core.records import Embeddings

NOISE = -1
Labels = NDArray[np.int64]

_BLOCK = 256  # faces compared with all others at a time: 100 MB of cosines for 100,000 faces
_NEIGHBOURS = 64  # kept per face: bounds the memory if one person has thousands of faces
_EPS_STEP = 0.92  # factor on eps while a cluster has two faces of one photo
_MIN_KEPT = 0.7  # share of a cluster's faces that must stay clustered, else it fell apart


def cluster_faces(
    embeddings: Embeddings, photo_ids: NDArray[np.int64], *, eps: float, min_faces: int = 2
) -> Labels:
    """Group faces by person.

    Parameters
    ----------
    embeddings : ndarray of shape (n, dim), float32
        L2-normalised.
    photo_ids : ndarray of shape (n,), int64
        The photo of each face; no cluster has two faces of one photo.
    eps : float
        Distance up to which two faces are neighbours (DBSCAN's eps).
    min_faces : int
        Minimum size of a cluster, and DBSCAN's min_samples.

    Returns
    -------
    ndarray of shape (n,), int64
        0 is the largest cluster, ties in the order of their first face; `NOISE` for faces in none.

    Notes
    -----
    M. Ester et al., *A density-based algorithm for discovering clusters*, KDD 1996.  Only the 64 nearest neighbours of
    a face are kept, so memory is O(n); time is O(n^2), in matrix products.
    """
    labels = np.full(len(embeddings), NOISE, dtype=np.int64)
    if not len(embeddings):
        return labels
    graph = _neighbours(embeddings, photo_ids, eps)
    found: list[NDArray[np.int64]] = []
    for group in _density_groups(graph, np.arange(len(embeddings)), eps, min_faces):
        if _shares_a_photo(photo_ids[group]):
            parts = _separate(graph, group, photo_ids, eps, min_faces)
            found += parts or [_one_per_photo(embeddings, photo_ids, group)]
        else:
            found.append(group)
    found = [group for group in found if len(group) >= min_faces]
    for label, group in enumerate(sorted(found, key=lambda g: (-len(g), int(g.min())))):
        labels[group] = label
    return labels


def _neighbours(embeddings: Embeddings, photo_ids: NDArray[np.int64], eps: float) -> csr_array:
    """Distances of every face to its nearest neighbours within eps and in other photos; symmetric."""
    rows, columns, values = [], [], []
    for start in range(0, len(embeddings), _BLOCK):
        block = slice(start, start + _BLOCK)
        cosine = embeddings[block] @ embeddings.T
        cosine[photo_ids[block, None] == photo_ids[None, :]] = -1.0
        near = cosine >= 1.0 - eps * eps / 2.0  # |a - b|^2 = 2 - 2 a.b
        if cosine.shape[1] > _NEIGHBOURS:
            crowded = np.flatnonzero(near.sum(axis=1) > _NEIGHBOURS)
            best = np.argpartition(cosine[crowded], -_NEIGHBOURS, axis=1)[:, -_NEIGHBOURS:]
            near[crowded] = False
            near[crowded[:, None], best] = True
        row, column = np.nonzero(near)
        rows.append(row + start)
        columns.append(column)
        squared = np.maximum(2.0 - 2.0 * cosine[row, column], 1e-12)  # a 0 would not be an edge
        values.append(np.sqrt(squared).astype(np.float32))
    places = np.concatenate(rows), np.concatenate(columns)
    shape = (len(embeddings), len(embeddings))
    graph = csr_array((np.concatenate(values), places), shape=shape)
    return graph.maximum(graph.T).tocsr()


def _density_groups(
    graph: csr_array, members: NDArray[np.int64], eps: float, min_faces: int
) -> list[NDArray[np.int64]]:
    """DBSCAN among some of the faces."""
    part = graph if len(members) == graph.shape[0] else graph[members][:, members]
    if not part.nnz:
        return []  # scikit-learn fails on a graph without edges
    part = sort_graph_by_row_values(part, copy=True, warn_when_not_sorted=False)
    model = DBSCAN(eps=eps, min_samples=min_faces, metric="precomputed")
    labels = model.fit_predict(part)
    order = np.argsort(labels, kind="stable")
    cuts = np.flatnonzero(np.diff(labels[order])) + 1
    groups = np.split(order, cuts)
    return [members[group] for group in groups if labels[group[0]] != NOISE]


def _separate(
    graph: csr_array,
    group: NDArray[np.int64],
    photo_ids: NDArray[np.int64],
    eps: float,
    min_faces: int,
) -> list[NDArray[np.int64]]:
    """Cluster again with the largest eps that separates faces of one photo; empty if the cluster falls apart."""
    while True:
        eps *= _EPS_STEP
        parts = _density_groups(graph, group, eps, min_faces)
        if sum(map(len, parts)) < _MIN_KEPT * len(group):
            return []
        if not any(_shares_a_photo(photo_ids[part]) for part in parts):
            return parts


def _shares_a_photo(photo_ids: NDArray[np.int64]) -> bool:
    return len(np.unique(photo_ids)) < len(photo_ids)


def _one_per_photo(
    embeddings: Embeddings, photo_ids: NDArray[np.int64], group: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The most typical face of each photo."""
    nearest_first = group[np.argsort(-(embeddings[group] @ centroid(embeddings[group])))]
    _, first = np.unique(photo_ids[nearest_first], return_index=True)
    return np.sort(nearest_first[first])
