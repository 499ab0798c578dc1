"""Records of a service's collections: faces that a client indexed, and the users that they belong to.

The words are those of Amazon Rekognition; a person of a workspace is a user here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from facesort.core.collections.similarity import SimilarityScale
from facesort.core.records import Embeddings
from facesort.errors import MissingItemError, PackMismatchError


@dataclass(frozen=True, slots=True)
class Collection:
    """Faces that are searched together; all of one model pack.

    Parameters
    ----------
    created_at : datetime
        UTC, naive, as everywhere.
    strict, loose : float
        Thresholds in force when it was made: they fix its scale of similarity (`core.collections.similarity`).
    dim : int
        Length of an embedding.
    faces, users : int
        How many there are.
    """

    collection_id: str
    created_at: datetime
    pack_id: str
    dim: int
    strict: float
    loose: float
    faces: int = 0
    users: int = 0

    @property
    def scale(self) -> SimilarityScale:
        """Its scale of similarity."""
        return SimilarityScale(self.strict, self.loose)

    def missing_face(self, face_id: str) -> MissingItemError:
        """What to raise of a face that it does not have."""
        return MissingItemError(
            f"there is no face {face_id!r} in collection {self.collection_id!r}"
        )

    def missing_user(self, user_id: str) -> MissingItemError:
        """What to raise of a user that it does not have."""
        return MissingItemError(
            f"there is no user {user_id!r} in collection {self.collection_id!r}"
        )

    def refuse_other_packs(self, pack_ids: Iterable[str] = (), *, dim: int) -> None:
        """Refuse embeddings of other packs, or of another length.

        Raises
        ------
        PackMismatchError
        """
        if dim != self.dim or any(pack_id != self.pack_id for pack_id in pack_ids):
            raise PackMismatchError(
                f"the faces of collection {self.collection_id!r} were embedded with another model pack: start the "
                "service with that pack, or make a new collection"
            )


def missing_collection(collection_id: str) -> MissingItemError:
    """What to raise of a collection that is not there."""
    return MissingItemError(f"there is no collection {collection_id!r}")


@dataclass(frozen=True, slots=True)
class IndexedFace:
    """One face of a collection, without its embedding.

    Parameters
    ----------
    face_id, image_id : str
        UUIDs, in lower case.
    box : tuple of float
        Left, top, width and height as shares of the image's width and height; may reach outside of it.
    confidence : float
        Detection score, 0 to 100.
    user_id : str or None
        The user that it is associated with.
    """

    face_id: str
    image_id: str
    external_image_id: str | None
    box: tuple[float, float, float, float]
    confidence: float
    pack_id: str
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class NewFaces:
    """Faces to be indexed, and their embeddings in the same order; shape (n, dim)."""

    faces: tuple[IndexedFace, ...]
    embeddings: Embeddings


@dataclass(frozen=True, slots=True)
class User:
    """A user, who has one vector: the L2-normalised mean of the faces associated with them, if there are any."""

    user_id: str
    faces: int = 0


class Refusal(StrEnum):
    """Why a face could not be associated with a user, disassociated or deleted."""

    FACE_NOT_FOUND = "FACE_NOT_FOUND"
    ASSOCIATED_TO_A_DIFFERENT_USER = "ASSOCIATED_TO_A_DIFFERENT_USER"
    LOW_MATCH_CONFIDENCE = "LOW_MATCH_CONFIDENCE"


Found = TypeVar("Found", IndexedFace, User)


@dataclass(frozen=True, slots=True)
class Match(Generic[Found]):
    """A face or a user that was found, nearest first.

    Parameters
    ----------
    distance : float
        Euclidean, in [0, 2], computed once: what is compared with the client's threshold.
    """

    found: Found
    distance: float


@dataclass(frozen=True, slots=True)
class Once:
    """What makes a request that is sent twice count once (`ClientRequestToken`).

    Parameters
    ----------
    token : str
        Of the client.
    request : str
        SHA-256 (hex) of the operation and its parameters.
    """

    token: str
    request: str
