"""Groups that may be one person, or somebody in the gallery: to be asked of a user, never decided.

Average linkage goes by the mean distance between members, which a few poor faces push up; centroids of groups are
nearer to each other.  Within LOOSE of a pack, two centroids were one person's every time (``benchmarks/review.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from facesort.core.persons.gallery import centroid
from facesort.core.persons.matching import centroid_distances
from facesort.core.persons.sightings import Sightings
from facesort.core.records import Embeddings

_MOST = 4096  # groups that are compared with each other: 64 MB of distances


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
    persons: Iterable[Embeddings],
    groups: Iterable[Embeddings],
    seen: tuple[Sequence[Sightings], Sequence[Sightings]],
    loose: float,
) -> list[Suggestion]:
    """All of them, the nearest first; nobody meets themselves.

    Parameters
    ----------
    persons, groups : iterable of ndarray of shape (n, dim), float32
        Embeddings of each, which are needed once: of a person, the reference and the faces of their group.
    seen : tuple of (sequence of Sightings, sequence of Sightings)
        Of the faces of each person, and of each group.
    loose : float
        Of the model pack.
    """
    centres = [centroid(each) for each in islice(groups, _MOST)]
    if not centres:
        return []
    everybody = [*map(centroid, persons), *centres]
    distances = centroid_distances(np.stack(centres), np.stack(everybody))
    n = len(everybody) - len(centres)
    found = []
    for group, other in np.argwhere(distances <= np.float32(loose)).tolist():
        if other - n >= group:  # itself, or a pair that comes again
            continue
        theirs = seen[0][other] if other < n else seen[1][other - n]
        if seen[1][group].beside(theirs).any():
            continue
        who, members = (other, (group,)) if other < n else (-1, (other - n, group))
        found.append(Suggestion(who, members, float(distances[group, other])))
    return sorted(found, key=lambda each: (each.person < 0, each.distance, each.groups))
