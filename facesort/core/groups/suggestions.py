"""Groups that may be one person, or somebody in the gallery: to be asked of a user, never decided.

Average linkage goes by the mean distance between members, which a few poor faces push up; centroids of groups are
nearer to each other.  Within LOOSE of a pack, two centroids were one person's every time (``benchmarks/review.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesort.core.gallery import centroid
from facesort.core.matching import centroid_distances
from facesort.core.records import Embeddings

_MOST = 4096  # groups that are compared with each other: 64 MB of distances

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Suggestion:
    """A group that may be a person in the gallery, or two groups that may be one person.

    Parameters
    ----------
    person : int
        Column of the reference; -1: two groups.
    groups : tuple of int
        Their indices; one if there is a person.
    distance : float
        Between the centroids.
    """

    person: int
    groups: tuple[int, ...]
    distance: float


def suggestions(
    persons: Sequence[Embeddings],
    groups: Sequence[Embeddings],
    photos: tuple[Sequence[Rows], Sequence[Rows]],
    loose: float,
) -> list[Suggestion]:
    """All of them, the nearest first; nobody is twice in a photo.

    Parameters
    ----------
    persons, groups : sequence of ndarray of shape (n, dim), float32
        Embeddings of each: of a person, the reference and the faces of their group.
    photos : tuple of (sequence of ndarray, sequence of ndarray)
        Photos that each person, and each group, is in.
    loose : float
        Of the model pack.
    """
    groups = groups[:_MOST]
    if not groups:
        return []
    centres = np.stack([centroid(each) for each in groups])
    everybody = np.concatenate([*(centroid(each)[None] for each in persons), centres])
    distances = centroid_distances(centres, everybody)
    n = len(persons)
    found = []
    for group, other in np.argwhere(distances <= np.float32(loose)).tolist():
        if other - n >= group:  # itself, or a pair that comes again
            continue
        theirs = photos[0][other] if other < n else photos[1][other - n]
        if np.isin(photos[1][group], theirs).any():
            continue
        who, members = (other, (group,)) if other < n else (-1, (other - n, group))
        found.append(Suggestion(who, members, float(distances[group, other])))
    return sorted(found, key=lambda each: (each.person < 0, each.distance, each.groups))
