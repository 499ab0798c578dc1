"""Collections that several servers share: PostgreSQL with pgvector, scanned exactly.

Every change locks the row of its collection first, so changes of one collection take turns, whichever server they come
from; searches wait for nobody.  There is no index of vectors: an approximate one, filtered, silently returns too few.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import LiteralString

import numpy as np
from psycopg import errors

from facesort.clock import Clock, utc_now
from facesort.core.collections.nearest import Query
from facesort.core.collections.protocol import ONCE_LASTS
from facesort.core.collections.records import (
    Collection,
    IndexedFace,
    Match,
    NewFaces,
    Once,
    User,
    missing_collection,
)
from facesort.core.collections.users import associated, disassociated, too_far
from facesort.core.records import Embeddings
from facesort.errors import (
    ItemConflictError,
    ItemExistsError,
)
from facesort.store.collections.once import Changes, recalled, written
from facesort.store.collections.postgres import Postgres
from facesort.store.collections.postgres_rows import CollectionRows

_COLLECTIONS: LiteralString = """
SELECT collection_key, collection_id, created_at, pack_id, dim, strict, loose,
    (SELECT count(*) FROM face f WHERE f.collection_key = c.collection_key),
    (SELECT count(*) FROM member m WHERE m.collection_key = c.collection_key)
FROM collection c
"""
_ONE: LiteralString = """
SELECT collection_key, collection_id, created_at, pack_id, dim, strict, loose FROM collection
WHERE collection_id = %s
"""


class PostgresCollections:
    """Collections in PostgreSQL; see `FaceCollections`.

    Parameters
    ----------
    url : str
        As libpq takes it.
    clock : Clock
        For tokens that are remembered for some hours.
    """

    def __init__(self, url: str, clock: Clock = utc_now) -> None:
        self._database = Postgres(url)
        self._clock = clock

    def close(self) -> None:
        """Let the database go."""
        self._database.close()

    # What the methods below share

    @contextmanager
    def _using(self, collection_id: str, *, change: bool = False) -> Iterator[CollectionRows]:
        """One collection, in one transaction; `change`: until its end nobody else changes the collection."""
        with self._database.transaction() as cursor:
            cursor.execute(_ONE + (" FOR UPDATE" if change else ""), [collection_id])
            row = cursor.fetchone()
            if row is None:
                raise missing_collection(collection_id)
            try:
                yield CollectionRows(cursor, row[0], Collection(*row[1:]))
            except errors.UndefinedTable:  # deleted since
                raise missing_collection(collection_id) from None

    def _done(self, of: CollectionRows, once: Once | None) -> Changes | None:
        """The answer that a request got before; None if it has to be carried out."""
        if once is None:
            return None
        old = self._clock() - ONCE_LASTS
        of.rows("DELETE FROM once WHERE collection_key = %s AND done_at <= %s", of.key, old)
        sql: LiteralString = (
            "SELECT request, answer FROM once WHERE collection_key = %s AND token = %s"
        )
        return recalled(of.rows(sql, of.key, once.token), once)

    def _note(self, of: CollectionRows, once: Once | None, answer: Changes | None = None) -> None:
        if once is not None:
            row = (of.key, once.token, once.request, self._clock(), written(answer))
            of.rows("INSERT INTO once VALUES (%s, %s, %s, %s, %s)", *row)

    # Collections

    def create(self, collection: Collection) -> None:
        """Make an empty collection; see `FaceCollections`."""
        c = collection
        with self._database.transaction() as cursor:
            cursor.execute(
                "INSERT INTO collection (collection_id, created_at, pack_id, dim, strict, loose) "
                "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING collection_key",
                [c.collection_id, c.created_at, c.pack_id, c.dim, c.strict, c.loose],
            )
            row = cursor.fetchone()
            if row is None:
                raise ItemExistsError(f"there is a collection {c.collection_id!r} already")
            CollectionRows(cursor, row[0], c).make_table()

    def delete(self, collection_id: str) -> None:
        """Erase a collection; see `FaceCollections`."""
        with self._using(collection_id, change=True) as of:
            of.rows("DROP TABLE {vectors}")
            of.rows("DELETE FROM once WHERE collection_key = %s", of.key)
            of.rows("DELETE FROM face WHERE collection_key = %s", of.key)
            of.rows("DELETE FROM member WHERE collection_key = %s", of.key)
            of.rows("DELETE FROM collection WHERE collection_key = %s", of.key)

    def collection(self, collection_id: str) -> Collection:
        """One collection; see `FaceCollections`."""
        with self._using(collection_id) as of:
            ((_, *values),) = of.rows(_COLLECTIONS + "WHERE collection_key = %s", of.key)
            return Collection(*values)

    def collections(self, *, after: str = "", limit: int) -> list[Collection]:
        """Collections; see `FaceCollections`."""
        with self._database.transaction() as cursor:
            rest: LiteralString = "WHERE collection_id > %s ORDER BY collection_id LIMIT %s"
            cursor.execute(_COLLECTIONS + rest, [after, limit])
            return [Collection(*values) for _, *values in cursor.fetchall()]

    # Faces

    def add(self, collection_id: str, new: NewFaces) -> None:
        """Index faces; see `FaceCollections`."""
        with self._using(collection_id, change=True) as of:
            packs = (face.pack_id for face in new.faces)
            of.record.refuse_other_packs(packs, dim=new.embeddings.shape[-1])
            try:
                of.insert(new)
            except errors.UniqueViolation as error:
                raise ItemConflictError(
                    "there is a face of this id already: none was indexed"
                ) from error

    def faces(
        self,
        collection_id: str,
        *,
        ids: Sequence[str] | None = None,
        user_id: str | None = None,
        after: str = "",
        limit: int,
    ) -> list[IndexedFace]:
        """Faces; see `FaceCollections`."""
        with self._using(collection_id) as of:
            if user_id is not None:
                of.user(user_id)
            return of.faces(ids, user_id, after, limit=limit)

    def remove(self, collection_id: str, face_ids: Sequence[str]) -> list[str]:
        """Erase faces; see `FaceCollections`."""
        with self._using(collection_id, change=True) as of:
            sql: LiteralString = (
                "DELETE FROM face WHERE collection_key = %s AND face_id = ANY(%s) "
                "RETURNING face_id, user_id"
            )
            gone = of.rows(sql, of.key, list(face_ids))
            ids = sorted(face_id for face_id, _ in gone)
            of.rows("DELETE FROM {vectors} WHERE NOT of_user AND id = ANY(%s)", ids)
            for user_id in sorted({user_id for _, user_id in gone if user_id is not None}):
                of.refresh(user_id)
            if gone:
                of.write_anew()
            return ids

    def embeddings(self, collection_id: str, face_ids: Sequence[str]) -> Embeddings:
        """Embeddings of faces; see `FaceCollections`."""
        with self._using(collection_id) as of:
            found = of.vectors(face_ids)
            missing = [face_id for face_id in face_ids if face_id not in found]
            if missing:
                raise of.record.missing_face(missing[0])
            rows = [found[face_id] for face_id in face_ids]
            return np.array(rows, np.float32).reshape(len(rows), of.record.dim)

    # Users

    def add_user(self, collection_id: str, user_id: str, once: Once | None = None) -> None:
        """Make a user; see `FaceCollections`."""
        with self._using(collection_id, change=True) as of:
            if self._done(of, once) is not None:
                return
            sql: LiteralString = (
                "INSERT INTO member VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING 1"
            )
            if not of.rows(sql, of.key, user_id):
                raise ItemConflictError(f"there is a user {user_id!r} already")
            self._note(of, once)

    def remove_user(self, collection_id: str, user_id: str, once: Once | None = None) -> None:
        """Erase a user; see `FaceCollections`."""
        with self._using(collection_id, change=True) as of:
            if self._done(of, once) is not None:
                return
            of.user(user_id)
            row = (of.key, user_id)
            of.rows("DELETE FROM member WHERE collection_key = %s AND user_id = %s", *row)
            sql: LiteralString = (
                "UPDATE face SET user_id = NULL WHERE collection_key = %s AND user_id = %s"
            )
            of.rows(sql, *row)
            of.rows("DELETE FROM {vectors} WHERE of_user AND id = %s", user_id)
            self._note(of, once)
            of.write_anew()  # also what is left of vectors that the user had before

    def users(
        self, collection_id: str, *, ids: Sequence[str] | None = None, after: str = "", limit: int
    ) -> list[User]:
        """Users; see `FaceCollections`."""
        with self._using(collection_id) as of:
            return of.users(ids, after, limit=limit)

    def associate(
        self,
        collection_id: str,
        user_id: str,
        face_ids: Sequence[str],
        *,
        within: float,
        once: Once | None = None,
    ) -> Changes:
        """Give faces to a user; see `FaceCollections`."""
        with self._using(collection_id, change=True) as of:
            if (answer := self._done(of, once)) is not None:
                return answer
            user, owners = of.user(user_id), of.owners(face_ids)
            vector = of.vectors([user_id], of_user=True).get(user_id)
            far = too_far(vector, of.vectors(list(owners)), within)
            answer = associated(user_id, face_ids, owners, too_far=far, has=user.faces)
            self._give(of, answer, user_id, user_id, once)
            return answer

    def disassociate(
        self, collection_id: str, user_id: str, face_ids: Sequence[str], *, once: Once | None = None
    ) -> Changes:
        """Take faces from a user; see `FaceCollections`."""
        with self._using(collection_id, change=True) as of:
            if (answer := self._done(of, once)) is not None:
                return answer
            of.user(user_id)
            answer = disassociated(user_id, face_ids, of.owners(face_ids))
            self._give(of, answer, None, user_id, once)
            return answer

    def _give(
        self,
        of: CollectionRows,
        answer: Changes,
        owner: str | None,
        user_id: str,
        once: Once | None,
    ) -> None:
        given = [face_id for face_id, refusal in answer.items() if refusal is None]
        sql: LiteralString = (
            "UPDATE face SET user_id = %s WHERE collection_key = %s AND face_id = ANY(%s)"
        )
        of.rows(sql, owner, of.key, given)
        self._note(of, once, answer)
        if given:
            of.refresh(user_id)

    # Search

    def nearest_faces(
        self,
        collection_id: str,
        query: Embeddings,
        *,
        within: float,
        limit: int,
        leave_out: Sequence[str] = (),
    ) -> list[Match[IndexedFace]]:
        """Nearest faces; see `FaceCollections`."""
        with self._using(collection_id) as of:
            of.record.refuse_other_packs(dim=query.shape[-1])
            near = of.nearest(Query(query, within, limit, leave_out), of_user=False)
            faces = {f.face_id: f for f in of.faces(list(near), limit=len(near))}
            # What was erased meanwhile is no answer.
            return [Match(faces[key], d) for key, d in near.items() if key in faces]

    def nearest_users(
        self,
        collection_id: str,
        query: Embeddings,
        *,
        within: float,
        limit: int,
        leave_out: Sequence[str] = (),
    ) -> list[Match[User]]:
        """Nearest users; see `FaceCollections`."""
        with self._using(collection_id) as of:
            of.record.refuse_other_packs(dim=query.shape[-1])
            near = of.nearest(Query(query, within, limit, leave_out), of_user=True)
            users = {u.user_id: u for u in of.users(list(near), limit=len(near))}
            return [Match(users[key], d) for key, d in near.items() if key in users]

    def user_vector(self, collection_id: str, user_id: str) -> Embeddings | None:
        """A user's vector; see `FaceCollections`."""
        with self._using(collection_id) as of:
            of.user(user_id)
            return of.vectors([user_id], of_user=True).get(user_id)
