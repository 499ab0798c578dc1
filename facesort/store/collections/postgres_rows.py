"""A collection in a transaction of PostgreSQL: what is asked of its rows, and what is done to its vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import numpy as np
from psycopg import Cursor
from psycopg.sql import SQL, Identifier

from facesort.core.collections.nearest import SLACK, Query
from facesort.core.collections.records import Collection, IndexedFace, NewFaces, User
from facesort.core.collections.users import user_vector
from facesort.core.persons.matching import centroid_distances
from facesort.core.records import Embeddings

_FACES: LiteralString = """
SELECT face_id, image_id, external_image_id, box_left, box_top, box_width, box_height, confidence, user_id
FROM face WHERE collection_key = %(key)s AND face_id > %(after)s
AND (%(ids)s::TEXT[] IS NULL OR face_id = ANY(%(ids)s)) AND (%(user)s::TEXT IS NULL OR user_id = %(user)s)
ORDER BY face_id LIMIT %(limit)s
"""
_USERS: LiteralString = """
SELECT user_id, (SELECT count(*) FROM face f WHERE f.collection_key = m.collection_key AND f.user_id = m.user_id)
FROM member m WHERE collection_key = %(key)s AND user_id > %(after)s
AND (%(ids)s::TEXT[] IS NULL OR user_id = ANY(%(ids)s)) ORDER BY user_id LIMIT %(limit)s
"""
# Candidates only, by distances that may be wrong in their last digits: the vectors of no more than are needed leave
# the table.
_NEAREST: LiteralString = """
WITH near AS MATERIALIZED (
    SELECT id, vector <-> %(query)s AS distance FROM {vectors}
    WHERE of_user = %(of_user)s AND vector <-> %(query)s <= %(within)s AND id <> ALL(%(leave_out)s)
), last AS (
    SELECT max(distance) AS distance FROM (SELECT distance FROM near ORDER BY distance LIMIT %(limit)s) AS first
)
SELECT id, v.vector FROM near JOIN {vectors} v USING (id)
WHERE v.of_user = %(of_user)s AND near.distance <= (SELECT distance FROM last) + %(slack)s
"""
_TABLE: LiteralString = """
CREATE TABLE {vectors} (
    of_user BOOLEAN NOT NULL, id TEXT COLLATE "C" NOT NULL, vector vector({dim}) STORAGE PLAIN NOT NULL,
    PRIMARY KEY (of_user, id)
)
"""
# The planner's samples of a column are copies of values, which erasing a row would not erase.
_NO_SAMPLES: LiteralString = "ALTER TABLE {vectors} ALTER COLUMN vector SET STATISTICS 0"
_MANY = 1000  # rows, after which the planner has to hear of them at once


@dataclass(frozen=True, slots=True)
class CollectionRows:
    """One collection, until the end of the transaction.

    Parameters
    ----------
    key : int
        In the database.
    record : Collection
        Without counts.
    """

    cursor: Cursor
    key: int
    record: Collection

    def rows(self, sql: LiteralString, *parameters: Any, **named: Any) -> list[tuple[Any, ...]]:
        """All rows of a query; ``{vectors}`` is the table of the collection's vectors."""
        text = SQL(sql).format(vectors=self._table()) if "{vectors}" in sql else SQL(sql)
        self.cursor.execute(text, named or parameters)
        return self.cursor.fetchall() if self.cursor.description else []

    def faces(
        self, ids: Sequence[str] | None, user: str | None = None, after: str = "", *, limit: int
    ) -> list[IndexedFace]:
        """Faces, as `FaceCollections.faces`."""
        wanted = None if ids is None else list(ids)
        rows = self.rows(_FACES, key=self.key, ids=wanted, user=user, after=after, limit=limit)
        pack = self.record.pack_id
        return [
            IndexedFace(
                face_id, image_id, external, (left, top, width, height), confidence, pack, owner
            )
            for face_id, image_id, external, left, top, width, height, confidence, owner in rows
        ]

    def users(self, ids: Sequence[str] | None, after: str = "", *, limit: int) -> list[User]:
        """Users, as `FaceCollections.users`."""
        wanted = None if ids is None else list(ids)
        rows = self.rows(_USERS, key=self.key, ids=wanted, after=after, limit=limit)
        return [User(*row) for row in rows]

    def user(self, user_id: str) -> User:
        """A user.

        Raises
        ------
        MissingItemError
            If there is none of this id.
        """
        found = self.users([user_id], limit=1)
        if not found:
            raise self.record.missing_user(user_id)
        return found[0]

    def owners(self, face_ids: Sequence[str]) -> dict[str, str | None]:
        """Whose faces are, of those that are here."""
        sql: LiteralString = (
            "SELECT face_id, user_id FROM face WHERE collection_key = %s AND face_id = ANY(%s)"
        )
        return dict(self.rows(sql, self.key, list(face_ids)))

    def vectors(self, ids: Sequence[str], *, of_user: bool = False) -> dict[str, Embeddings]:
        """Embeddings of faces, or vectors of users, of those that have one."""
        sql: LiteralString = "SELECT id, vector FROM {vectors} WHERE of_user = %s AND id = ANY(%s)"
        return dict(self.rows(sql, of_user, list(ids)))

    def nearest(self, query: Query, *, of_user: bool) -> dict[str, float]:
        """Ids and distances, nearest first."""
        rows = self.rows(
            _NEAREST,
            query=query.vector,
            of_user=of_user,
            within=query.within + SLACK,
            limit=query.limit,
            leave_out=list(query.leave_out),
            slack=SLACK,
        )
        if not rows:
            return {}
        ids, vectors = zip(*rows, strict=True)
        distances = centroid_distances(query.vector[None], np.stack(vectors))[0].tolist()
        pairs = zip(distances, ids, strict=True)
        near = sorted(pair for pair in pairs if pair[0] <= query.within)
        return {key: distance for distance, key in near[: query.limit]}

    def insert(self, new: NewFaces) -> None:
        """Add faces and their embeddings."""
        with self.cursor.copy(
            "COPY face (collection_key, face_id, image_id, external_image_id, box_left, box_top, box_width, "
            "box_height, confidence) FROM STDIN"
        ) as copy:
            for f in new.faces:
                row = (self.key, f.face_id, f.image_id, f.external_image_id, *f.box, f.confidence)
                copy.write_row(row)
        sql = SQL("COPY {} FROM STDIN (FORMAT BINARY)").format(self._table())
        with self.cursor.copy(sql) as copy:
            copy.set_types(["bool", "text", "vector"])
            for f, embedding in zip(new.faces, new.embeddings, strict=True):
                copy.write_row((False, f.face_id, embedding))
        if len(new.faces) >= _MANY:
            self._tell_planner()

    def refresh(self, user_id: str) -> None:
        """Compute the vector of a user again whose faces have changed."""
        sql: LiteralString = (
            "SELECT v.vector FROM face f JOIN {vectors} v ON NOT v.of_user AND v.id = f.face_id "
            "WHERE f.collection_key = %s AND f.user_id = %s ORDER BY f.face_id"
        )
        rows = [vector for (vector,) in self.rows(sql, self.key, user_id)]
        vector = user_vector(np.array(rows, np.float32).reshape(len(rows), self.record.dim))
        self.rows("DELETE FROM {vectors} WHERE of_user AND id = %s", user_id)
        if vector is not None:
            self.rows("INSERT INTO {vectors} VALUES (true, %s, %s)", user_id, vector)

    def write_anew(self) -> None:
        """Copy the vectors into a new table: PostgreSQL leaves the bytes of deleted rows in the old one.

        The old table's file is cut to nothing when the transaction ends.  `VACUUM FULL` would copy a deleted row that
        some transaction may still see.
        """
        tables = {"old": self._table(), "new": self._table("_new")}
        self.make_table("_new")
        self.cursor.execute(SQL("INSERT INTO {new} SELECT * FROM {old}").format(**tables))
        self.cursor.execute(SQL("DROP TABLE {old}").format(**tables))
        name = Identifier(f"vectors_{self.key}")
        self.cursor.execute(SQL("ALTER TABLE {new} RENAME TO {name}").format(**tables, name=name))
        self._tell_planner()

    def _table(self, suffix: str = "") -> Identifier:
        return Identifier("facesort", f"vectors_{self.key}{suffix}")

    def make_table(self, suffix: str = "") -> None:
        """Make the table of the vectors, or another one beside it."""
        for sql in (_TABLE, _NO_SAMPLES):
            text = SQL(sql).format(vectors=self._table(suffix), dim=self.record.dim)
            self.cursor.execute(text)

    def _tell_planner(self) -> None:
        """Else it goes through a large new table by its index, which takes five times as long."""
        self.cursor.execute(SQL("ANALYZE {}").format(self._table()))
