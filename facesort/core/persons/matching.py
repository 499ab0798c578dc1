"""Distances between faces and persons, and the decision who is in a photo.

Distances are computed once, in float64, and rounded to float32.  The rounded value is compared, stored and shown, so
that a stored distance always explains its decision.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesort.core.persons.assignment import assign
from facesort.core.persons.gallery import Centroids
from facesort.core.persons.sightings import Sightings
from facesort.core.records import Embeddings
from facesort.reasons import FaceReason, Outcome

LEARNED_GAIN = 0.01
"""Largest share by which learned embeddings may reduce the distance of a face to a person.

Chosen on splits 1 to 10 of LFW's people and tested on 11 to 30, with three packs (``worth`` in `benchmarks/README.md`):
without a bound, learning increased wrong names, and FPIR beyond what LOOSE was calibrated for.  A share, since the
scale of distances differs between packs.  A face matched thanks to learning is within LOOSE / (1 - `LEARNED_GAIN`) of
the person's references.
"""

Distances = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Operating point of the matching.

    Parameters
    ----------
    strict, loose : float
        ``d <= strict`` is matched and learned, ``d <= loose`` matched only; ``strict <= loose``.
    margin : float
        A STRICT face must be nearer to its person than to the runner-up by this much.
    """

    strict: float
    loose: float
    margin: float

    def __post_init__(self) -> None:
        if not 0 <= self.strict <= self.loose <= 2:
            raise ValueError(
                f"thresholds must satisfy 0 <= strict <= loose <= 2, got {self.strict} and {self.loose}"
            )


@dataclass(frozen=True, slots=True)
class Decision:
    """Decision for one face, with the distances behind it.

    Parameters
    ----------
    person_id : int or None
        The matched person; None for UNKNOWN.
    distance : float or None
        To that person; for UNKNOWN, to the nearest one; None for an empty gallery.
    nearest_id : int or None
        The nearest person, matched or not.
    runner_up_id, runner_up_distance : int or None, float or None
        The nearest person other than `person_id` (for UNKNOWN: the second nearest).
    group_distance : float or None
        RMS distance between the face's group and the person, where the group proposed that person.
    group_faces : int or None
        Other faces of that group, in other photos.
    """

    outcome: Outcome
    reason: FaceReason
    person_id: int | None = None
    distance: float | None = None
    nearest_id: int | None = None
    runner_up_id: int | None = None
    runner_up_distance: float | None = None
    group_distance: float | None = None
    group_faces: int | None = None


def centroid_distances(embeddings: Embeddings, centroids: Embeddings) -> Distances:
    """Euclidean distances between the rows of two arrays: of faces, or of faces and centroids.

    Parameters
    ----------
    embeddings : ndarray of shape (n_faces, dim), float32
        L2-normalised.
    centroids : ndarray of shape (n_persons, dim), float32
        L2-normalised.

    Returns
    -------
    ndarray of shape (n_faces, n_persons), float32
        In [0, 2]; smaller is more alike.

    Notes
    -----
    From squared differences: ``sqrt(2 - 2 cos)`` loses half of its digits near 0.  One face at a time, so that results
    do not depend on the other faces that are asked about with it.
    """
    return _rounded(_euclidean(embeddings, centroids))


def distances_to_persons(embeddings: Embeddings, centroids: Centroids) -> Distances:
    """Distances of faces to persons: the score that all decisions use.

    ``max(distance to the centroid of everything, (1 - LEARNED_GAIN) * distance to the centroid of the references)``:
    learned embeddings may increase a distance without limit, but reduce it by a share of `LEARNED_GAIN` at most.

    Parameters
    ----------
    embeddings : ndarray of shape (n_faces, dim), float32
        L2-normalised.

    Returns
    -------
    ndarray of shape (n_faces, n_persons), float32
        In [0, 2]; smaller is more alike.
    """
    references = _euclidean(embeddings, centroids.references)
    everything = _euclidean(embeddings, centroids.everything)
    return _rounded(np.maximum(everything, references * (1 - LEARNED_GAIN)))


def _euclidean(embeddings: Embeddings, centroids: Embeddings) -> NDArray[np.float64]:
    if not len(embeddings) or not len(centroids):
        return np.empty((len(embeddings), len(centroids)))
    target = centroids.astype(np.float64)
    rows = [np.sqrt(((target - row) ** 2).sum(axis=1)) for row in embeddings.astype(np.float64)]
    return np.stack(rows)


def _rounded(distances: NDArray[np.float64]) -> Distances:
    return np.asarray(np.clip(distances, 0.0, 2.0), dtype=np.float32)


def decide_photo(
    distances: Distances,
    person_ids: NDArray[np.int64],
    thresholds: Thresholds,
    rejected: NDArray[np.bool_] | None = None,
    judged: Distances | None = None,
    sightings: Sightings | None = None,
) -> tuple[Decision, ...]:
    """Decide who the faces of one photo, or clip, are.

    Parameters
    ----------
    distances : ndarray of shape (n_faces, n_persons), float32
        From `distances_to_persons`.
    person_ids : ndarray of shape (n_persons,), int64
        Person of each column.
    rejected : ndarray of shape (n_faces, n_persons), bool, optional
        Pairs that are ruled out, as by a user's *no*.
    judged : ndarray of shape (n_faces, n_persons), float32, optional
        What is compared with LOOSE instead of `distances`, as by `groups.decision`; STRICT never goes by it.
    sightings : Sightings, optional
        Of the faces of a clip.  Default: all meet, as in a photo.

    Returns
    -------
    tuple of Decision
        One per face, in order; a person occurs at most once among faces that meet.
    """
    n_faces, n_persons = len(distances), len(person_ids)
    if n_persons == 0:
        return (Decision(Outcome.UNKNOWN, FaceReason.EMPTY_GALLERY),) * n_faces
    allowed = np.ones_like(distances, dtype=bool) if rejected is None else ~rejected
    judged = distances if judged is None else judged
    sightings = Sightings.of_photos(np.zeros(n_faces, np.int64)) if sightings is None else sightings
    assigned = assign(judged, allowed, thresholds.loose, sightings)

    def is_nearest(face: int, person: int) -> bool:
        rivals = sightings.met_by(face) & allowed[:, person]
        return bool(distances[face, person] <= distances[rivals, person].min())

    return tuple(
        _decide_face(
            _Row(
                distances[face],
                judged[face],
                allowed[face],
                face in assigned and is_nearest(face, assigned[face]),
            ),
            assigned.get(face),
            person_ids,
            thresholds,
        )
        for face in range(n_faces)
    )


@dataclass(frozen=True, slots=True)
class _Row:
    """One face against all persons; arrays of shape (n_persons,).

    Parameters
    ----------
    distances, judged : ndarray of float32
    allowed : ndarray of bool
        False where the pair is ruled out.
    is_nearest : bool
        Whether no other face that it meets is nearer to the person that it was assigned to.
    """

    distances: Distances
    judged: Distances
    allowed: NDArray[np.bool_]
    is_nearest: bool


def _decide_face(
    face: _Row,
    assigned: int | None,
    person_ids: NDArray[np.int64],
    thresholds: Thresholds,
) -> Decision:
    """Decision for one face, given its assignment."""
    row = face.distances
    order = np.argsort(row, kind="stable")
    nearest = int(order[0])
    column = nearest if assigned is None else assigned
    others = order[order != column]
    runner_up = int(others[0]) if len(others) else None
    runner_up_distance = None if runner_up is None else float(row[runner_up])
    outcome, reason = _grade(face, assigned, runner_up, thresholds)
    return Decision(
        outcome=outcome,
        reason=reason,
        person_id=None if assigned is None else int(person_ids[assigned]),
        distance=float(row[column]),
        nearest_id=int(person_ids[nearest]),
        runner_up_id=None if runner_up is None else int(person_ids[runner_up]),
        runner_up_distance=runner_up_distance,
    )


def _grade(
    face: _Row,
    assigned: int | None,
    runner_up: int | None,
    thresholds: Thresholds,
) -> tuple[Outcome, FaceReason]:
    """STRICT, LOOSE or UNKNOWN, with the reason."""
    row, loose = face.distances, np.float32(thresholds.loose)
    if assigned is None:
        near = face.judged <= loose
        if not near.any():
            return Outcome.UNKNOWN, FaceReason.ABOVE_LOOSE
        if not (near & face.allowed).any():
            return Outcome.UNKNOWN, FaceReason.REJECTED_BY_USER
        return Outcome.UNKNOWN, FaceReason.PERSON_TAKEN
    if not row[assigned] <= np.float32(thresholds.strict):
        return Outcome.LOOSE, FaceReason.ABOVE_STRICT
    if runner_up is not None and not row[runner_up] - row[assigned] >= np.float32(
        thresholds.margin
    ):
        return Outcome.LOOSE, FaceReason.WITHIN_MARGIN
    if not face.is_nearest:
        return Outcome.LOOSE, FaceReason.NOT_NEAREST_FACE
    return Outcome.STRICT, FaceReason.WITHIN_STRICT
