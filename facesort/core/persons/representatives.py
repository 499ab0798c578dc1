"""A few faces that represent a person."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facesort.core.persons.gallery import centroid
from facesort.core.persons.matching import centroid_distances
from facesort.core.records import Embeddings

_CORE = (
    0.75  # share of the faces, nearest to the centroid, that are eligible: leaves out wrong ones
)
_APART = (
    0.5  # minimum distance, of the median distance to the centroid: pictures of a burst are nearer
)


def representatives(
    embeddings: Embeddings, qualities: NDArray[np.float32], at_most: int
) -> NDArray[np.int64]:
    """Choose good faces that differ from each other.

    Parameters
    ----------
    embeddings : ndarray of shape (n, dim), float32
        L2-normalised, of one person.
    qualities : ndarray of shape (n,), float32

    Returns
    -------
    ndarray of shape (m,), int64
        Rows, the best face first; at least one if there is any.  Outliers and near duplicates of a better face are
        never chosen.
    """
    if not len(embeddings) or at_most < 1:
        return np.empty(0, dtype=np.int64)
    to_centre = centroid_distances(embeddings, centroid(embeddings)[None])[:, 0]
    typical = to_centre <= np.quantile(to_centre, _CORE, method="higher")
    apart = _APART * float(np.median(to_centre))
    chosen: list[int] = []
    best_first = np.argsort(-qualities, kind="stable")
    for row in best_first[typical[best_first]]:
        near = centroid_distances(embeddings[row][None], embeddings[chosen]) <= apart
        if len(chosen) == at_most:
            break
        if not near.any():
            chosen.append(int(row))
    return np.array(chosen, dtype=np.int64)
