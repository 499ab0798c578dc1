"""Checks of reference photos: one good face, not a duplicate, and of the right person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facesort.core.persons.gallery import Gallery, Person
from facesort.core.persons.matching import centroid_distances, distances_to_persons
from facesort.core.records import Analysis, Face
from facesort.errors import RefusedReferenceError
from facesort.reasons import Reason
from facesort.settings import SeedSettings
from facesort.store.queries.gallery import StoredReference

# Share of the pack's recommended STRICT within which two pictures count as one.  Measured on LFW (40 people): a photo
# saved again at JPEG quality 85 or 60, or at half its size, moves its embedding by 0.06 to 0.24 (95th percentiles;
# mbf128, STRICT 0.80, and buffalo_sc_int8, STRICT 0.90), while of 240 pairs of different photos of one person 1 % are
# within 0.41 and 0.48: at 0.24 and 0.27 the copies are found, and what differs at all is kept.
_NEAR_IDENTICAL = 0.3


@dataclass(frozen=True, slots=True)
class Likeness:
    """How far a face is from the person it is offered for, and from the nearest other one.

    Parameters
    ----------
    own : float or None
        Distance to its person; None for a new person.
    other : Person or None
        The nearest person who is somebody else; None where there is nobody else.
    other_distance : float or None
        To `other`.
    """

    own: float | None
    other: Person | None
    other_distance: float | None


def from_left(analysis: Analysis) -> list[Face]:
    """The faces of a photo in the order in which people number them: from left to right."""
    return sorted(analysis.faces, key=lambda face: float(face.box[0] + face.box[2]))


def check_reference(analysis: Analysis, limits: SeedSettings, number: int | None = None) -> Face:
    """Accept the one good face of a reference photo, or the one that was chosen.

    Parameters
    ----------
    number : int or None
        Of the chosen face, from left to right, beginning with 1; None: the photo must have one face.

    Raises
    ------
    RefusedReferenceError
        With the reason: unreadable, no face (of that number), several, too small, blurred, extreme pose.
    """
    if analysis.failure is not None:
        raise RefusedReferenceError(analysis.failure, analysis.detail)
    if not analysis.faces:
        raise RefusedReferenceError(
            Reason.NO_FACE, "no face was found; use a photo with a larger or more frontal face"
        )
    faces = from_left(analysis)
    if number is None and len(faces) > 1:
        raise RefusedReferenceError(
            Reason.SEVERAL_FACES,
            f"{len(faces)} faces were found; choose one by its number from the left (in the photo, or with --face), or "
            "crop the photo",
        )
    if number is not None and not 1 <= number <= len(faces):
        raise RefusedReferenceError(
            Reason.NO_FACE,
            f"there is no face {number}: counted from the left, the photo has {len(faces)}",
        )
    face = faces[(number or 1) - 1]
    _check_quality(face, limits)
    return face


def _check_quality(face: Face, limits: SeedSettings) -> None:
    side = float(min(face.box[2] - face.box[0], face.box[3] - face.box[1]))
    if side < limits.min_face_px:
        raise RefusedReferenceError(
            Reason.TOO_SMALL,
            f"the face is {side:.0f} px wide, at least {limits.min_face_px:g} are needed",
        )
    if face.sharpness < limits.min_sharpness:
        raise RefusedReferenceError(
            Reason.BLURRED,
            f"its sharpness is {face.sharpness:.0f}, at least {limits.min_sharpness:g} is needed",
        )
    if face.yaw > limits.max_yaw:
        raise RefusedReferenceError(
            Reason.EXTREME_POSE,
            f"the head is turned by {face.yaw:.2f}, at most {limits.max_yaw:g} is usable",
        )


def check_new(face: Face, known: Sequence[StoredReference], pack_strict: float) -> None:
    """Refuse a near-duplicate of a reference: it would only count double in the centroid.

    Parameters
    ----------
    known : sequence of StoredReference
        The person's own.
    pack_strict : float
        STRICT as the pack recommends it, which gives the scale of its distances.

    Raises
    ------
    RefusedReferenceError
        If it is nearly the same picture as a reference: saved again, resized, or the next of a burst.
    """
    if not known:
        return
    distances = centroid_distances(face.embedding[None], np.stack([r.embedding for r in known]))[0]
    nearest = int(np.argmin(distances))
    if distances[nearest] < _NEAR_IDENTICAL * pack_strict:
        raise RefusedReferenceError(
            Reason.NEAR_IDENTICAL,
            f"nearly the same picture as {known[nearest].file_name} (distance {distances[nearest]:.2f}); "
            "use a photo from another moment",
        )


def likeness(face: Face, person: Person | None, gallery: Gallery) -> Likeness:
    """Compare a face with the person it is offered for, and with everybody else.

    Parameters
    ----------
    person : Person or None
        None for a new one.
    """
    own_id = None if person is None else person.person_id
    distances = distances_to_persons(face.embedding[None], gallery.centroids())[0]
    by_id = dict(zip(gallery.person_ids.tolist(), distances.tolist(), strict=True))
    own = by_id.pop(own_id, None)
    if not by_id:
        return Likeness(own, None, None)
    other_id = min(by_id, key=lambda key: by_id[key])
    other = next(p for p in gallery.persons if p.person_id == other_id)
    return Likeness(own, other, by_id[other_id])


def check_identity(found: Likeness, name: str, strict: float) -> None:
    """Refuse a face that is closer to another person than to the one it is offered for.

    Parameters
    ----------
    name : str
        Of the person it is offered for.
    strict : float
        STRICT of the workspace: a face this near to a person is matched and learned, so a new person who looks
        that much like a known one is most likely the same person under two names.

    Raises
    ------
    RefusedReferenceError
        ``closer_to_other`` for a person with references, ``looks_like_other`` for a new one.
    """
    if found.other is None or found.other_distance is None:
        return
    if found.own is not None and found.other_distance < found.own:
        raise RefusedReferenceError(
            Reason.CLOSER_TO_OTHER,
            f"it is closer to {found.other.name} ({found.other_distance:.2f}) than to {name} ({found.own:.2f}); "
            "use --force (or Add anyway) only if you are sure",
        )
    if found.own is None and np.float32(found.other_distance) <= np.float32(strict):
        raise RefusedReferenceError(
            Reason.LOOKS_LIKE_OTHER,
            f"it looks like {found.other.name} (distance {found.other_distance:.2f}, within STRICT {strict:.2f}); "
            "use --force (or Add anyway) only if they are two people",
        )
