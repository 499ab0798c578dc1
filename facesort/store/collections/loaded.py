"""A collection in memory: DuckDB takes 10 ms for a question, and a search must not wait for it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from facesort.core.collections.nearest import Query, Vectors
from facesort.core.collections.records import Collection, IndexedFace, User
from facesort.core.collections.users import user_vector
from facesort.core.persons.gallery import Vector
from facesort.store.collections.combining import Combining
from facesort.store.collections.vector_file import VectorFile

Ranked = list[tuple[str, float]]
"""Keys and distances, nearest first."""


@dataclass(slots=True)
class LoadedCollection:
    """What is committed, and nothing else; changed by one thread at a time.

    Parameters
    ----------
    key : int
        In the database.
    record : Collection
        Without counts.
    faces, users : Vectors
        By face id and by user id.
    known : dict
        Faces by id.
    members : dict
        Ids of the faces of each user.
    """

    key: int
    record: Collection
    file: VectorFile
    faces: Vectors
    users: Vectors
    known: dict[str, IndexedFace]
    members: dict[str, set[str]]
    search_faces: Combining[Query, Ranked] = field(init=False)
    search_users: Combining[Query, Ranked] = field(init=False)
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held while vectors are searched or changed."""

    def __post_init__(self) -> None:
        self.search_faces = Combining(lambda queries: self._nearest(self.faces, queries))
        self.search_users = Combining(lambda queries: self._nearest(self.users, queries))
        self.refresh(user_id for user_id, theirs in self.members.items() if theirs)

    def _nearest(self, vectors: Vectors, queries: Sequence[Query]) -> list[Ranked]:
        with self.lock:
            return vectors.nearest(queries)

    def counted(self) -> Collection:
        """The collection with its counts."""
        return replace(self.record, faces=len(self.known), users=len(self.members))

    def user(self, user_id: str) -> User:
        """A user.

        Raises
        ------
        MissingItemError
            If there is none of this id.
        """
        if user_id not in self.members:
            raise self.record.missing_user(user_id)
        return User(user_id, len(self.members[user_id]))

    def vector(self, user_id: str) -> Vector | None:
        """A user's vector, shape (dim,); None if they have none."""
        return self.users.get([user_id])[0] if user_id in self.users else None

    def owners(self, face_ids: Sequence[str]) -> dict[str, str | None]:
        """Whose faces are, of those that are here."""
        return {key: self.known[key].user_id for key in face_ids if key in self.known}

    def add(
        self, faces: Sequence[IndexedFace], vectors: Iterable[Vector], rows: Sequence[int]
    ) -> None:
        """Faces of nobody, each with its vector and the row that it has in the file."""
        with self.lock:
            for face, vector, row in zip(faces, vectors, rows, strict=True):
                self.faces.put(face.face_id, vector, row)
                self.known[face.face_id] = replace(face, user_id=None)

    def remove(self, face_ids: Sequence[str]) -> None:
        """Forget faces, and overwrite their vectors."""
        owners = {self.known[face_id].user_id for face_id in face_ids}
        self._note(face_ids, None)
        with self.lock:
            for face_id in face_ids:
                self.faces.forget(face_id)
                del self.known[face_id]
        self.refresh(owner for owner in owners if owner is not None)

    def clear(self) -> None:
        """Overwrite all vectors, and forget everything."""
        with self.lock:
            self.faces.clear()
            self.users.clear()
            self.known.clear()
            self.members.clear()

    def remove_user(self, user_id: str) -> None:
        """Forget a user and their vector; the faces stay."""
        self._note(sorted(self.members[user_id]), None)
        del self.members[user_id]
        self.refresh([user_id])

    def give(self, face_ids: Sequence[str], owner: str | None, user_id: str) -> None:
        """Give faces to a user, or take them from one (`owner` None)."""
        self._note(face_ids, owner)
        self.refresh([user_id])

    def _note(self, face_ids: Sequence[str], owner: str | None) -> None:
        for face_id in face_ids:
            before = self.known[face_id].user_id
            if before is not None:
                self.members[before].discard(face_id)
            if owner is not None:
                self.members[owner].add(face_id)
            self.known[face_id] = replace(self.known[face_id], user_id=owner)

    def refresh(self, user_ids: Iterable[str]) -> None:
        """Compute the vectors of users again whose faces have changed."""
        for user_id in user_ids:
            vector = user_vector(self.faces.get(sorted(self.members.get(user_id, ()))))
            with self.lock:
                if vector is not None:
                    self.users.put(user_id, vector)
                elif user_id in self.users:
                    self.users.forget(user_id)
