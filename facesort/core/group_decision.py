"""What groups propose, in the distances that `matching.decide_photo` decides by.

A face is named by its group, or alone where it is near enough to the person itself; where the two differ, the group
wins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesort.core.groups import Linkage, rms_distance
from facesort.core.matching import Distances
from facesort.core.merging import Ids

ALONE = 0.95
"""A face alone must be nearer to the person than a group: within this share of the group's threshold.

On photos of sports and film, groups alone lost hard faces of people with many photos: FNIR 10.9 % instead of 5.3 %.
"""

_MANY = (
    3  # faces together are looked at together: a stranger with as many photos is worth a question
)
_BAND = 0.985  # share of the threshold beyond which a group came to its person only just


@dataclass(frozen=True, slots=True, eq=False)
class Proposals:
    """What groups say of each face; arrays of shape (n_faces,).

    Parameters
    ----------
    columns : ndarray of int64
        The person whose group the face is in; -1 for faces in no person's group.
    doubtful : ndarray of bool
        Three faces or more that came to the person together, only just, and none of which is near enough alone: all of
        them may be one stranger's.  They are asked about, not delivered.
    alone : ndarray of bool
        Whether the face may be named without a group: not if it is doubtful, or one of three or more that are of one
        person, but nobody's.  The few that are near somebody are then a stranger's best shots.
    """

    columns: Ids
    doubtful: NDArray[np.bool_]
    alone: NDArray[np.bool_]


def proposals(linkage: Linkage, cosine: float, distances: NDArray[np.float32]) -> Proposals:
    """What groups say of each face.

    Parameters
    ----------
    linkage : Linkage
    cosine : float
        Of `group_threshold.EventThreshold`.
    distances : ndarray of shape (n_faces,), float32
        Of each face alone to `linkage.person`; not looked at where there is none.
    """
    loose = rms_distance(cosine)
    inside = linkage.score >= np.float32(cosine)
    just = inside & (linkage.joined >= _MANY)
    just &= rms_distance(linkage.score) > np.float32(_BAND) * loose
    # Faces that came to one person at one mean cosine came together.
    came = linkage.person.astype(np.uint64) << np.uint64(32) | linkage.score.view(np.uint32)
    _, merge = np.unique(came, return_inverse=True)
    near = np.bincount(merge, weights=inside & (distances <= np.float32(ALONE) * loose)) > 0
    doubtful = just & ~near[merge] if len(merge) else just
    group = linkage.groups(cosine)
    nobodys = (group >= linkage.n_persons) & (np.bincount(group)[group] >= _MANY)
    return Proposals(np.where(inside, linkage.person, -1), doubtful, ~doubtful & ~nobodys)


def group_distances(
    distances: Distances, proposed: Proposals, scores: NDArray[np.float32], loose: float
) -> Distances:
    """Distances of one photo's faces to persons, after groups; ``d <= loose`` is a match.

    Parameters
    ----------
    distances : ndarray of shape (n_faces, n_persons), float32
        Of each face alone, from `matching.distances_to_persons`.
    proposed : Proposals
        Of these faces; no person twice.
    scores : ndarray of shape (n_faces,), float32
        Of the linkage.
    loose : float
        Of `group_threshold.EventThreshold`.

    Returns
    -------
    ndarray of shape (n_faces, n_persons), float32
        Of a face in a group: the group's RMS distance to its person, and more than `loose` to others.  Of a face
        alone: its distance divided by `ALONE`; more than `loose` to persons whose group has another face here, and to
        all if it may not be named alone.
    """
    found = np.minimum(distances / np.float32(ALONE), np.float32(2))
    faces = np.flatnonzero((proposed.columns >= 0) & ~proposed.doubtful)
    columns = proposed.columns[faces]
    closed = np.zeros(found.shape, bool)
    closed[faces] = closed[~proposed.alone] = True
    closed[:, columns] = True
    beyond = np.nextafter(np.float32(loose), np.float32(np.inf))
    found = np.where(closed, np.maximum(found, beyond), found)
    found[faces, columns] = np.minimum(rms_distance(scores[faces]), np.float32(loose))
    return np.asarray(found, np.float32)
