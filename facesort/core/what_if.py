"""What other thresholds would have decided: the stored distances, replayed.

For every face the two nearest persons are stored.  That is enough wherever no two faces of a photo compete for the
same person; the few photos in which they do are decided by `decide_photo` itself, as if every third person were
out of reach.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesort.core.matching import Thresholds, decide_photo

NOBODY = 0

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class StoredDistances:
    """What is stored of n faces, in the order of their photos.

    Parameters
    ----------
    face_ids, photo_ids : ndarray of shape (n,), int64
        Faces of one photo are neighbours.
    person_ids : ndarray of shape (n, 2), int64
        The two nearest persons, `NOBODY` where there is none or a user has rejected the pair.
    distances : ndarray of shape (n, 2), float32
        To them, infinite where there is none.
    answers : ndarray of shape (n,), int64
        The person that a user gave the face to, or `NOBODY`; these faces do not move.
    """

    face_ids: Ids
    photo_ids: Ids
    person_ids: Ids
    distances: NDArray[np.float32]
    answers: Ids


def replay(stored: StoredDistances, thresholds: Thresholds) -> Ids:
    """Whom each face would be given to.

    Parameters
    ----------
    thresholds : Thresholds
        STRICT and the margin do not move a face between persons; they count for learning only.

    Returns
    -------
    ndarray of shape (n,), int64
        A person, or `NOBODY`.
    """
    within = stored.distances <= np.float32(thresholds.loose)
    within[stored.answers != NOBODY] = False
    nearest = np.argmin(np.where(within, stored.distances, np.inf), axis=1)
    rows = np.arange(len(nearest))
    given = np.where(within.any(axis=1), stored.person_ids[rows, nearest], NOBODY)
    given = np.where(stored.answers != NOBODY, stored.answers, given)
    for first, last in _contested(stored.photo_ids, given):
        given[first:last] = _decide(stored, slice(first, last), within[first:last], thresholds)
    return given


def _contested(photo_ids: Ids, given: Ids) -> list[tuple[int, int]]:
    """Rows of the photos in which somebody was given two faces."""
    named = np.flatnonzero(given != NOBODY)
    pairs = np.stack([photo_ids[named], given[named]], axis=1)
    _, inverse, count = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
    photos = np.unique(photo_ids[named[count[inverse.ravel()] > 1]])
    starts = np.searchsorted(photo_ids, photos, side="left")
    ends = np.searchsorted(photo_ids, photos, side="right")
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def _decide(
    stored: StoredDistances, rows: slice, within: NDArray[np.bool_], thresholds: Thresholds
) -> Ids:
    """Decide one photo as the sort does, from what is stored of it."""
    answers = stored.answers[rows]
    persons = np.setdiff1d(stored.person_ids[rows][within], answers)
    distances = np.full((len(answers), len(persons)), 2.0, dtype=np.float32)
    known = np.zeros(distances.shape, dtype=bool)
    for face, candidate in zip(*np.nonzero(within), strict=True):
        person = stored.person_ids[rows][face, candidate]
        column = np.searchsorted(persons, person)
        if column < len(persons) and persons[column] == person:
            distances[face, column] = stored.distances[rows][face, candidate]
            known[face, column] = True
    decisions = decide_photo(distances, persons, thresholds, rejected=~known)
    decided = [NOBODY if d.person_id is None else d.person_id for d in decisions]
    return np.where(answers != NOBODY, answers, np.array(decided, dtype=np.int64))
