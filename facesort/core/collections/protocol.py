"""What a store of collections does; one contract suite holds for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Protocol

from facesort.core.collections.records import (
    Collection,
    IndexedFace,
    Match,
    NewFaces,
    Once,
    Refusal,
    User,
)
from facesort.core.records import Embeddings

MOST_FACES_OF_A_USER = 100
ONCE_LASTS = timedelta(hours=8)
"""How long a client's token is remembered; then it may be used for another request."""


class FaceCollections(Protocol):
    """Collections, their faces and users.  Thread-safe.

    Every change is one transaction: durable when the method returns, wholly undone if it raises.  All lists are in the
    order of the id (of its characters' code points), from the first one after `after`.  Distances are those of
    `matching.centroid_distances`, users' vectors those of `users.user_vector`, whatever the store.  How many faces a
    collection takes is a matter of memory and disk: 2 kB each, at 512 dimensions.

    Raises
    ------
    MissingItemError
        If there is no such collection (all methods but `create` and `collections`), user or face.
    CollectionError
        If the store cannot be used.
    OnceError
        If a method that takes `once` did another request with its token, in this collection, in the last `ONCE_LASTS`.
        The same request changes nothing again and gives the same answer; one that failed left no token.
    """

    def create(self, collection: Collection) -> None:
        """Make an empty collection.  `ItemExistsError` if there is one."""
        ...

    def delete(self, collection_id: str) -> None:
        """Erase a collection with all that is in it."""
        ...

    def collection(self, collection_id: str) -> Collection:
        """One collection, with its counts."""
        ...

    def collections(self, *, after: str = "", limit: int) -> list[Collection]:
        """Collections, with their counts."""
        ...

    def add(self, collection_id: str, new: NewFaces) -> None:
        """Index faces, which belong to nobody yet: all of them, or none.

        `PackMismatchError` if they are of another pack or dimension, `ItemConflictError` if there is one of an id.
        """
        ...

    def faces(
        self,
        collection_id: str,
        *,
        ids: Sequence[str] | None = None,
        user_id: str | None = None,
        after: str = "",
        limit: int,
    ) -> list[IndexedFace]:
        """Faces, those of the ids only, or of a user; ids that are not there are left out, a user must be there."""
        ...

    def remove(self, collection_id: str, face_ids: Sequence[str]) -> list[str]:
        """Erase faces; no byte of their embeddings stays.  Returns the ids that were there."""
        ...

    def embeddings(self, collection_id: str, face_ids: Sequence[str]) -> Embeddings:
        """Embeddings of faces, in the order asked for.  `MissingItemError` if one is not there."""
        ...

    def add_user(self, collection_id: str, user_id: str, once: Once | None = None) -> None:
        """Make a user without faces.  `ItemConflictError` if there is one; nothing if `once` was done already."""
        ...

    def remove_user(self, collection_id: str, user_id: str, once: Once | None = None) -> None:
        """Erase a user and their vector; the faces stay, and belong to nobody."""
        ...

    def users(
        self, collection_id: str, *, ids: Sequence[str] | None = None, after: str = "", limit: int
    ) -> list[User]:
        """Users, those of the ids only; ids that are not there are left out."""
        ...

    def associate(
        self,
        collection_id: str,
        user_id: str,
        face_ids: Sequence[str],
        *,
        within: float,
        once: Once | None = None,
    ) -> Mapping[str, Refusal | None]:
        """Give faces to a user, who has at most `MOST_FACES_OF_A_USER` (`QuotaError`).

        A face farther than `within` from the user's vector, as it was before, is refused, if they have one.  Returns
        what became of each face; None: it is theirs now.  What was theirs already is left out; see `users.associated`.
        """
        ...

    def disassociate(
        self, collection_id: str, user_id: str, face_ids: Sequence[str], *, once: Once | None = None
    ) -> Mapping[str, Refusal | None]:
        """Take faces from a user; they stay in the collection.  What belongs to nobody is left out of the answer."""
        ...

    def nearest_faces(
        self,
        collection_id: str,
        query: Embeddings,
        *,
        within: float,
        limit: int,
        leave_out: Sequence[str] = (),
    ) -> list[Match[IndexedFace]]:
        """Faces at most `within` from one embedding of shape (dim,), nearest first; exact, ties by id.

        `PackMismatchError` if it is of another dimension.
        """
        ...

    def nearest_users(
        self,
        collection_id: str,
        query: Embeddings,
        *,
        within: float,
        limit: int,
        leave_out: Sequence[str] = (),
    ) -> list[Match[User]]:
        """Users whose vector is at most `within` from one embedding, nearest first."""
        ...

    def user_vector(self, collection_id: str, user_id: str) -> Embeddings | None:
        """A user's vector, shape (dim,); None without faces, or if they cancel out."""
        ...

    def close(self) -> None:
        """Finish, and let the store go."""
        ...
