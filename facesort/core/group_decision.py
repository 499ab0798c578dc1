"""What groups propose, in the distances that `matching.decide_photo` decides by.

A face is named by its group, or alone where it is near enough to the person itself; where the two differ, the group
wins.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facesort.core.groups import Ids, Linkage, rms_distance
from facesort.core.matching import Distances

ALONE = 0.95
"""A face alone must be nearer to the person than a group: within this share of the group's threshold.

On photos of sports and film, groups alone lost hard faces of people with many photos: FNIR 10.9 % instead of 5.3 %.
"""

_DOUBTFUL_FACES = 3  # that come to a person together
_DOUBTFUL_BAND = 0.985  # share of the threshold beyond which they are confirmed by the user


def proposals(linkage: Linkage, cosine: float) -> tuple[Ids, NDArray[np.bool_]]:
    """Which person's group each face is in, and which faces are doubtful.

    Parameters
    ----------
    linkage : Linkage
    cosine : float
        Of `group_threshold.EventThreshold`.

    Returns
    -------
    columns : ndarray of shape (n_faces,), int64
        -1 for faces in no person's group.
    doubtful : ndarray of shape (n_faces,), bool
        Three faces or more that came to a person together, only just: all of them may be a stranger's, so they are
        proposed (``columns``), not delivered.
    """
    inside = linkage.score >= np.float32(cosine)
    band = np.float32(_DOUBTFUL_BAND * rms_distance(cosine))
    doubtful = (rms_distance(linkage.score) > band) & (linkage.joined >= _DOUBTFUL_FACES)
    return np.where(inside, linkage.person, -1), inside & doubtful


def group_distances(
    distances: Distances, columns: Ids, scores: NDArray[np.float32], loose: float
) -> Distances:
    """Distances of one photo's faces to persons, after groups; ``d <= loose`` is a match.

    Parameters
    ----------
    distances : ndarray of shape (n_faces, n_persons), float32
        Of each face alone, from `matching.distances_to_persons`.
    columns : ndarray of shape (n_faces,), int64
        Whose group each face is in; -1 for a face that is judged alone, as a doubtful one.  No person twice.
    scores : ndarray of shape (n_faces,), float32
        Of the linkage.
    loose : float
        Of `group_threshold.EventThreshold`.

    Returns
    -------
    ndarray of shape (n_faces, n_persons), float32
        Of a face in a group: the group's RMS distance to its person, and more than `loose` to others.  Of a face
        alone: its distance divided by `ALONE`; more than `loose` to persons whose group has another face here.
    """
    found = np.minimum(distances / np.float32(ALONE), np.float32(2))
    faces = np.flatnonzero(columns >= 0)
    beyond = np.nextafter(np.float32(loose), np.float32(np.inf))
    found[faces] = np.maximum(found[faces], beyond)
    found[:, columns[faces]] = np.maximum(found[:, columns[faces]], beyond)
    found[faces, columns[faces]] = np.minimum(rms_distance(scores[faces]), np.float32(loose))
    return found
