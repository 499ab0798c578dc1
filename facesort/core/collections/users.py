"""Whose a face becomes, and a user's vector; the same in every store."""

from __future__ import annotations

from collections.abc import Collection as Container, Iterable, Mapping

import numpy as np

from facesort.core.collections.protocol import MOST_FACES_OF_A_USER
from facesort.core.collections.records import Refusal
from facesort.core.persons.gallery import Vector, centroid
from facesort.core.persons.matching import centroid_distances
from facesort.core.records import Embeddings
from facesort.errors import QuotaError


def user_vector(embeddings: Embeddings) -> Vector | None:
    """Mean direction of a user's faces, in the order of their ids; None if there are none, or they cancel out."""
    try:
        return centroid(embeddings)
    except ValueError:
        return None


def too_far(vector: Vector | None, faces: Mapping[str, Vector], within: float) -> list[str]:
    """Faces that are farther than `within` from a user's vector; none if they have no vector yet."""
    if vector is None or not faces:
        return []
    distances = centroid_distances(vector[None], np.stack(list(faces.values())))[0]
    return [key for key, d in zip(faces, distances.tolist(), strict=True) if d > within]


def associated(
    user_id: str,
    face_ids: Iterable[str],
    owners: Mapping[str, str | None],
    *,
    too_far: Container[str],
    has: int,
) -> dict[str, Refusal | None]:
    """What becomes of faces that are given to a user; None: it is theirs now.

    Parameters
    ----------
    owners : mapping of face to user
        Of those that are in the collection.  What belongs to the user already is left out of the answer.
    too_far : collection of str
        Faces that are too far from the user's vector.
    has : int
        How many faces they have.

    Raises
    ------
    QuotaError
        If they would have more than `MOST_FACES_OF_A_USER`.
    """
    found: dict[str, Refusal | None] = {}
    for face_id in dict.fromkeys(face_ids):
        if face_id not in owners:
            found[face_id] = Refusal.FACE_NOT_FOUND
        elif owners[face_id] not in (None, user_id):
            found[face_id] = Refusal.ASSOCIATED_TO_A_DIFFERENT_USER
        elif owners[face_id] is None:
            found[face_id] = Refusal.LOW_MATCH_CONFIDENCE if face_id in too_far else None
    wanted = has + sum(refusal is None for refusal in found.values())
    if wanted > MOST_FACES_OF_A_USER:
        raise QuotaError(
            f"user {user_id!r} would have {wanted} faces, and may have {MOST_FACES_OF_A_USER}: none was associated. "
            "Disassociate some first, or give fewer"
        )
    return found


def disassociated(
    user_id: str, face_ids: Iterable[str], owners: Mapping[str, str | None]
) -> dict[str, Refusal | None]:
    """What becomes of faces that are taken from a user; what belongs to nobody is left out."""
    found: dict[str, Refusal | None] = {}
    for face_id in dict.fromkeys(face_ids):
        if face_id not in owners:
            found[face_id] = Refusal.FACE_NOT_FOUND
        elif owners[face_id] == user_id:
            found[face_id] = None
        elif owners[face_id] is not None:
            found[face_id] = Refusal.ASSOCIATED_TO_A_DIFFERENT_USER
    return found
