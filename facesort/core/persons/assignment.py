"""Which face is which person: one at most, and nobody twice among faces that meet."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facesort.core.persons.sightings import Sightings

_TIE_BREAK = 1e-6  # a pair exactly at LOOSE is better than none
_SCALE = 1 / _TIE_BREAK  # the solver takes for equal what differs by less than 1e-6

Accepted = NDArray[np.bool_]
Cells = tuple[NDArray[np.int64], NDArray[np.int64]]


def assign(
    distances: NDArray[np.float32], allowed: Accepted, loose: float, sightings: Sightings
) -> dict[int, int]:
    """Assign faces of one photo, or clip, to persons, minimising the sum of distances.

    Only pairs within LOOSE are allowed, and an unknown face costs as much as a pair exactly at LOOSE, so that a good
    pair is not split into two bad ones.  It may be split into two fair ones, which is why STRICT also requires that no
    other face that it meets is nearer to the person (`matching.decide_photo`).

    Parameters
    ----------
    distances, allowed : ndarray of shape (n_faces, n_persons)
    sightings : Sightings
        Of the same faces.
    """
    accepted = allowed & (distances <= np.float32(loose))
    if (accepted.sum(axis=0) <= 1).all() and (accepted.sum(axis=1) <= 1).all():
        return _pairs(*np.nonzero(accepted))  # there is nothing to choose, as in most photos
    gain = np.where(accepted, loose + _TIE_BREAK - distances.astype(np.float64), 0.0)
    if not sightings.all_meet:
        return _assign_tracks(gain, accepted, sightings)
    from scipy.optimize import linear_sum_assignment  # takes a tenth of the start of every command

    faces, persons = linear_sum_assignment(-gain)
    good = accepted[faces, persons]
    return _pairs(faces[good], persons[good])


def _pairs(faces: NDArray[np.int64], persons: NDArray[np.int64]) -> dict[int, int]:
    return dict(zip(faces.tolist(), persons.tolist(), strict=True))


def _assign_tracks(
    gain: NDArray[np.float64], accepted: Accepted, sightings: Sightings
) -> dict[int, int]:
    """Nobody is twice at one time; as an integer program, which almost always is solved without branching."""
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import coo_array, vstack

    faces, persons = np.nonzero(accepted)
    if not len(faces):
        return {}
    rules = (faces, np.arange(len(faces))), _at_each_start(faces, persons, sightings)
    once = vstack([coo_array((np.ones(len(rows)), (rows, pairs))) for rows, pairs in rules])
    found = milp(
        -_SCALE * gain[faces, persons],
        integrality=np.ones(len(faces)),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(once, -np.inf, 1),
        options={"mip_rel_gap": 0},
    )
    if found.x is None:
        raise RuntimeError(f"no assignment of {len(gain)} tracks: {found.message}")
    chosen = found.x > 0.5
    return _pairs(faces[chosen], persons[chosen])


def _at_each_start(
    faces: NDArray[np.int64], persons: NDArray[np.int64], sightings: Sightings
) -> Cells:
    """A row for each pair, and in it the pairs of its person when its track begins.

    Whoever meets is together when the later one begins.
    """
    rows, columns = [], []
    for person in np.unique(persons):
        own = np.flatnonzero(persons == person)
        first, last = sightings.first_ms[faces[own]], sightings.last_ms[faces[own]]
        row, column = np.nonzero((first <= first[:, None]) & (first[:, None] <= last))
        rows.append(own[row])
        columns.append(own[column])
    return np.concatenate(rows), np.concatenate(columns)
