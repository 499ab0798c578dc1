"""A store of collections in memory, as plain as can be: what every real one must do."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from facesort.clock import Clock, utc_now
from facesort.core.collections.protocol import ONCE_LASTS
from facesort.core.collections.records import (
    Collection,
    IndexedFace,
    Match,
    NewFaces,
    Once,
    Refusal,
    User,
)
from facesort.core.collections.users import associated, disassociated, user_vector
from facesort.core.persons.matching import centroid_distances
from facesort.core.records import Embeddings
from facesort.errors import (
    ItemConflictError,
    ItemExistsError,
    MissingItemError,
    OnceError,
    PackMismatchError,
)


@dataclass
class _Kept:
    collection: Collection
    faces: dict[str, IndexedFace] = field(default_factory=dict)
    embeddings: dict[str, Embeddings] = field(default_factory=dict)
    users: set[str] = field(default_factory=set)
    done: dict[str, tuple] = field(default_factory=dict)


class ModelCollections:
    """Not thread-safe; forgets everything at its end."""

    def __init__(self, clock: Clock = utc_now) -> None:
        self._kept: dict[str, _Kept] = {}
        self._clock = clock

    def _of(self, collection_id: str) -> _Kept:
        try:
            return self._kept[collection_id]
        except KeyError:
            raise MissingItemError(f"there is no collection {collection_id!r}") from None

    def create(self, collection: Collection) -> None:
        if collection.collection_id in self._kept:
            raise ItemExistsError("exists")
        self._kept[collection.collection_id] = _Kept(collection)

    def delete(self, collection_id: str) -> None:
        self._of(collection_id)
        del self._kept[collection_id]

    def collection(self, collection_id: str) -> Collection:
        kept = self._of(collection_id)
        return replace(kept.collection, faces=len(kept.faces), users=len(kept.users))

    def collections(self, *, after: str = "", limit: int) -> list[Collection]:
        return [self.collection(key) for key in sorted(self._kept) if key > after][:limit]

    def add(self, collection_id: str, new: NewFaces) -> None:
        kept = self._of(collection_id)
        shape = (len(new.faces), kept.collection.dim)
        if new.embeddings.shape != shape or any(
            face.pack_id != kept.collection.pack_id for face in new.faces
        ):
            raise PackMismatchError("another pack")
        ids = [face.face_id for face in new.faces]
        if len(set(ids)) < len(ids) or kept.faces.keys() & set(ids):
            raise ItemConflictError("there is such a face already")
        kept.faces |= {face.face_id: replace(face, user_id=None) for face in new.faces}
        kept.embeddings |= dict(zip(ids, copy.deepcopy(new.embeddings), strict=True))

    def faces(
        self,
        collection_id: str,
        *,
        ids: Sequence[str] | None = None,
        user_id: str | None = None,
        after: str = "",
        limit: int,
    ) -> list[IndexedFace]:
        kept = self._of(collection_id)
        self._known(kept, user_id)
        return [
            face
            for key, face in sorted(kept.faces.items())
            if key > after and (ids is None or key in ids) and user_id in (None, face.user_id)
        ][:limit]

    def _known(self, kept: _Kept, user_id: str | None) -> None:
        if user_id is not None and user_id not in kept.users:
            raise MissingItemError(f"there is no user {user_id!r}")

    def remove(self, collection_id: str, face_ids: Sequence[str]) -> list[str]:
        kept = self._of(collection_id)
        gone = sorted(kept.faces.keys() & set(face_ids))
        for face_id in gone:
            del kept.faces[face_id], kept.embeddings[face_id]
        return gone

    def embeddings(self, collection_id: str, face_ids: Sequence[str]) -> Embeddings:
        kept = self._of(collection_id)
        if not kept.faces.keys() >= set(face_ids):
            raise MissingItemError("there is no such face")
        rows = [kept.embeddings[face_id] for face_id in face_ids]
        return np.array(rows, np.float32).reshape(len(rows), kept.collection.dim)

    def _done(self, kept: _Kept, once: Once | None) -> tuple | None:
        if once is None or once.token not in kept.done:
            return None
        request, at, answer = kept.done[once.token]
        if at + ONCE_LASTS <= self._clock():
            return None
        if request != once.request:
            raise OnceError("the token was used for another request")
        return (answer,)

    def _note(self, kept: _Kept, once: Once | None, answer: object = None) -> None:
        if once is not None:
            kept.done[once.token] = (once.request, self._clock(), answer)

    def add_user(self, collection_id: str, user_id: str, once: Once | None = None) -> None:
        kept = self._of(collection_id)
        if self._done(kept, once):
            return
        if user_id in kept.users:
            raise ItemConflictError(f"there is a user {user_id!r} already")
        kept.users.add(user_id)
        self._note(kept, once)

    def remove_user(self, collection_id: str, user_id: str, once: Once | None = None) -> None:
        kept = self._of(collection_id)
        if self._done(kept, once):
            return
        self._known(kept, user_id)
        kept.users.remove(user_id)
        self._give([f for f in kept.faces if kept.faces[f].user_id == user_id], None, kept)
        self._note(kept, once)

    def _give(self, face_ids: Sequence[str], user_id: str | None, kept: _Kept) -> None:
        kept.faces |= {f: replace(kept.faces[f], user_id=user_id) for f in face_ids}

    def users(
        self, collection_id: str, *, ids: Sequence[str] | None = None, after: str = "", limit: int
    ) -> list[User]:
        kept = self._of(collection_id)
        return [
            User(key, sum(face.user_id == key for face in kept.faces.values()))
            for key in sorted(kept.users)
            if key > after and (ids is None or key in ids)
        ][:limit]

    def associate(
        self,
        collection_id: str,
        user_id: str,
        face_ids: Sequence[str],
        *,
        within: float,
        once: Once | None = None,
    ) -> Mapping[str, Refusal | None]:
        kept = self._of(collection_id)
        if done := self._done(kept, once):
            return done[0]
        self._known(kept, user_id)
        vector = self.user_vector(collection_id, user_id)
        far = (
            []
            if vector is None
            else [
                f
                for f in face_ids
                if f in kept.faces and _distance(kept.embeddings[f], vector) > within
            ]
        )
        owners = {f: face.user_id for f, face in kept.faces.items()}
        has = sum(owner == user_id for owner in owners.values())
        answer = associated(user_id, face_ids, owners, too_far=far, has=has)
        self._give([f for f, refusal in answer.items() if refusal is None], user_id, kept)
        self._note(kept, once, answer)
        return answer

    def disassociate(
        self, collection_id: str, user_id: str, face_ids: Sequence[str], *, once: Once | None = None
    ) -> Mapping[str, Refusal | None]:
        kept = self._of(collection_id)
        if done := self._done(kept, once):
            return done[0]
        self._known(kept, user_id)
        answer = disassociated(
            user_id, face_ids, {f: face.user_id for f, face in kept.faces.items()}
        )
        self._give([f for f, refusal in answer.items() if refusal is None], None, kept)
        self._note(kept, once, answer)
        return answer

    def nearest_faces(
        self,
        collection_id: str,
        query: Embeddings,
        *,
        within: float,
        limit: int,
        leave_out: Sequence[str] = (),
    ) -> list[Match]:
        kept = self._of(collection_id)
        return _nearest(kept, kept.embeddings, kept.faces, query, within, limit, leave_out)

    def nearest_users(
        self,
        collection_id: str,
        query: Embeddings,
        *,
        within: float,
        limit: int,
        leave_out: Sequence[str] = (),
    ) -> list[Match]:
        kept = self._of(collection_id)
        users = {user.user_id: user for user in self.users(collection_id, limit=10**9)}
        vectors = {key: self.user_vector(collection_id, key) for key in users}
        vectors = {key: vector for key, vector in vectors.items() if vector is not None}
        return _nearest(kept, vectors, users, query, within, limit, leave_out)

    def user_vector(self, collection_id: str, user_id: str) -> Embeddings | None:
        kept = self._of(collection_id)
        self._known(kept, user_id)
        theirs = sorted(key for key, face in kept.faces.items() if face.user_id == user_id)
        return user_vector(self.embeddings(collection_id, theirs))

    def close(self) -> None:
        pass


def _distance(a: Embeddings, b: Embeddings) -> float:
    return float(centroid_distances(a[None], b[None])[0, 0])


def _nearest(
    kept: _Kept,
    vectors: Mapping[str, Embeddings],
    found: Mapping[str, IndexedFace] | Mapping[str, User],
    query: Embeddings,
    within: float,
    limit: int,
    leave_out: Sequence[str],
) -> list[Match]:
    if query.shape != (kept.collection.dim,):
        raise PackMismatchError("another pack")
    distances = {key: _distance(query, v) for key, v in vectors.items() if key not in leave_out}
    near = sorted((d, key) for key, d in distances.items() if d <= within)
    return [Match(found[key], d) for d, key in near[:limit]]
