"""What groups propose, and the decision for the faces of one photo, or clip, that follows.

A face is named by its group, or alone where it is near enough to the person itself; where the two differ, the group
wins.  STRICT goes by the face's own distance, with or without groups.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facesort.core.groups.linkage import Linkage, rms_distance
from facesort.core.groups.threshold import EventThreshold
from facesort.core.persons.matching import Decision, Distances, Thresholds, decide_photo
from facesort.core.persons.sightings import Ids, Sightings
from facesort.reasons import FaceReason, Outcome

# Faces together are looked at together: a stranger with as many photos is worth a question.
_MANY = 3
_BAND = 0.985  # share of LOOSE beyond which a group came to its person only just


@dataclass(frozen=True, slots=True, eq=False)
class Proposals:
    """What groups say of each face; arrays of shape (n_faces,).

    Parameters
    ----------
    columns : ndarray of int64
        The person whose group the face is in; -1 for faces in no person's group.
    distances : ndarray of float32
        RMS distance at which the group came to the person; 0 for a user's *yes*.
    others : ndarray of int64
        Other faces in the person's group.
    doubtful : ndarray of bool
        Three faces or more that came to the person together, only just, and for whom no face vouches by being near
        alone: all of them may be one stranger's.  They are asked about, not delivered.
    alone : ndarray of bool
        Whether the face may be named without a group: not if it is doubtful, or one of three or more that are of one
        person, but nobody's.  The few that are near somebody are then a stranger's best shots.  With a given LOOSE,
        all may.
    """

    columns: Ids
    distances: Distances
    others: Ids
    doubtful: NDArray[np.bool_]
    alone: NDArray[np.bool_]

    def of(self, rows: Ids | list[int]) -> Proposals:
        """Those of some faces."""
        return Proposals(
            self.columns[rows],
            self.distances[rows],
            self.others[rows],
            self.doubtful[rows],
            self.alone[rows],
        )


def proposals(linkage: Linkage, threshold: EventThreshold, distances: Distances) -> Proposals:
    """What groups say of each face.

    Parameters
    ----------
    linkage : Linkage
    threshold : EventThreshold
    distances : ndarray of shape (n_faces,), float32
        Of each face alone to `linkage.person`; not looked at where there is none.
    """
    cosine = threshold.cosine
    loose = rms_distance(cosine)
    inside = (linkage.person >= 0) & (linkage.score >= np.float32(cosine))
    just = inside & (linkage.joined >= _MANY)
    just &= rms_distance(linkage.score) > np.float32(_BAND) * loose
    # Faces that came to one person at one mean cosine came together.
    came = linkage.person.astype(np.uint64) << np.uint64(32) | linkage.score.view(np.uint32)
    _, merge = np.unique(came, return_inverse=True)
    vouching = inside & (distances <= np.float32(threshold.vouches))
    near = np.bincount(merge, weights=vouching) > 0
    doubtful = just & ~near[merge] if len(merge) else just
    group = linkage.groups(cosine)
    sizes = np.bincount(group)[group]
    closed = doubtful | (group >= linkage.n_persons) & (sizes >= _MANY)
    if threshold.decided_by == "given":  # whoever answers for a LOOSE has a face alone judged by it
        closed = np.zeros_like(closed)
    columns = np.where(inside, linkage.person, -1)
    return Proposals(columns, rms_distance(linkage.score), sizes - 1, doubtful, ~closed)


def group_distances(
    distances: Distances,
    proposed: Proposals,
    thresholds: Thresholds,
    threshold: EventThreshold,
    sightings: Sightings,
) -> Distances:
    """Distances of one photo's faces to persons, after groups; ``d <= LOOSE`` is a match.

    Parameters
    ----------
    distances : ndarray of shape (n_faces, n_persons), float32
        Of each face alone, from `matching.distances_to_persons`.
    proposed : Proposals
        Of the same faces; no person twice among those that meet.
    thresholds : Thresholds
        With LOOSE of the event.
    threshold : EventThreshold
    sightings : Sightings
        Of the same faces.

    Returns
    -------
    ndarray of shape (n_faces, n_persons), float32
        Of a face in a group: the group's RMS distance to its person, and more than LOOSE to others.  Of a face
        alone: its distance, in the scale in which `threshold.alone` is LOOSE; more than LOOSE to persons whose group
        has another face that it meets, and to all if it may not be named alone and is not near enough whatever its
        group is.
    """
    loose = np.float32(thresholds.loose)
    found = as_judged(distances, thresholds.loose, threshold.alone)
    faces = np.flatnonzero((proposed.columns >= 0) & ~proposed.doubtful)
    columns = proposed.columns[faces]
    near = distances <= np.float32(threshold.whatever_group(thresholds.strict))
    closed = ~proposed.alone[:, None] & ~near
    closed[faces] = True
    for face, column in zip(faces.tolist(), columns.tolist(), strict=True):
        closed[sightings.met_by(face), column] = True
    beyond = np.nextafter(loose, np.float32(np.inf))
    found = np.where(closed, np.maximum(found, beyond), found)
    found[faces, columns] = np.minimum(proposed.distances[faces], loose)
    return np.asarray(found, np.float32)


def as_judged(distances: Distances, loose: float, alone: float) -> Distances:
    """Distances of faces alone, in the scale in which `alone` is LOOSE."""
    scale = 1.0 if alone == loose else loose / alone
    return np.asarray(np.minimum(distances * np.float32(scale), np.float32(2)), np.float32)


def decide_in_groups(
    distances: Distances,
    person_ids: NDArray[np.int64],
    thresholds: Thresholds,
    rejected: NDArray[np.bool_] | None,
    proposed: Proposals,
    threshold: EventThreshold,
    sightings: Sightings | None = None,
) -> tuple[Decision, ...]:
    """Decide who the faces of one photo, or clip, are, as `decide_photo`, with what their groups say.

    Parameters
    ----------
    distances, person_ids, thresholds, rejected, sightings
        As for `decide_photo`; LOOSE is the event's.
    proposed, threshold
        As for `group_distances`.
    """
    sightings = (
        Sightings.of_photos(np.zeros(len(distances), np.int64)) if sightings is None else sightings
    )
    judged = group_distances(distances, proposed, thresholds, threshold, sightings)
    decisions = decide_photo(distances, person_ids, thresholds, rejected, judged, sightings)
    within = np.float32(threshold.alone)
    near = distances <= within
    allowed = near if rejected is None else near & ~rejected
    given = np.array(
        [-1 if one.person_id is None else one.person_id for one in decisions], np.int64
    )
    found = []
    for face, (decision, column) in enumerate(
        zip(decisions, proposed.columns.tolist(), strict=True)
    ):
        if decision.reason is FaceReason.ABOVE_LOOSE and near[face].any():
            is_alone = bool(proposed.alone[face])
            here = np.isin(person_ids, given[sightings.met_by(face)])
            decision = replace(decision, reason=_closed(allowed[face], here, is_alone))
        if column >= 0:
            person_id, own = int(person_ids[column]), proposed.of([face])
            decision = _explained(decision, distances[face], person_id, column, own, within)
        found.append(decision)
    return tuple(found)


def _closed(allowed: NDArray[np.bool_], here: NDArray[np.bool_], is_alone: bool) -> FaceReason:
    """Why a face that is near enough alone is nobody's, by what says most: the user, the photo, its group.

    Parameters
    ----------
    allowed, here : ndarray of shape (n_persons,), bool
        Near persons without a *no*, and those who have another face that it meets.
    is_alone : bool
        Whether it may be named without a group.
    """
    if not allowed.any():
        return FaceReason.REJECTED_BY_USER
    if is_alone or here[allowed].all():
        return FaceReason.PERSON_TAKEN
    return FaceReason.UNKNOWN_GROUP


def _explained(
    decision: Decision,
    row: Distances,
    person_id: int,
    column: int,
    proposed: Proposals,
    within: np.float32,
) -> Decision:
    """The decision for a face of a person's group, with what the group has to do with it."""
    (distance,), (others,) = proposed.distances.tolist(), proposed.others.tolist()
    by_group = replace(decision, group_distance=distance, group_faces=others)
    if decision.outcome is Outcome.UNKNOWN and proposed.doubtful[0]:
        by_group = replace(by_group, reason=FaceReason.GROUP_IN_DOUBT)
        if decision.nearest_id == person_id:
            return by_group
        return replace(
            by_group,
            nearest_id=person_id,
            distance=float(row[column]),
            runner_up_id=decision.nearest_id,
            runner_up_distance=decision.distance,
        )
    if decision.person_id != person_id:
        return decision
    if others and decision.reason is FaceReason.ABOVE_STRICT and not row[column] <= within:
        return replace(by_group, reason=FaceReason.WITHIN_GROUP)
    return by_group
