"""Collections of one server: rows in DuckDB, embeddings in a file beside it and in memory.

An embedding is on the disk before its row is committed, and its row is gone before it is overwritten.  So whatever a
kill leaves, one rule mends it: an embedding that no row names is overwritten when the collections are opened.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from facesort.clock import Clock, utc_now
from facesort.core.collections.nearest import Query, Vectors
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
    CollectionError,
    ItemConflictError,
    ItemExistsError,
)
from facesort.store.collections.loaded import LoadedCollection
from facesort.store.collections.once import Changes, recalled, written
from facesort.store.collections.opening import ErasedNames, collections_explained, open_database
from facesort.store.collections.vector_file import VectorFile

_FACE = (
    "face_id, image_id, external_image_id, box_left, box_top, box_width, box_height, confidence, "
    "user_id"
)
_IN = "IN (SELECT unnest($2::VARCHAR[]))"
_OF_FACES = f"WHERE collection_key = $1 AND face_id {_IN}"


class DuckDBCollections:
    """The default store of collections; see `FaceCollections`.

    Changes take turns; searches of one collection are answered together (`Combining`).

    Parameters
    ----------
    folder : Path
        Ours alone; made by the caller.
    clock : Clock
        For tokens that are remembered for some hours.
    """

    def __init__(self, folder: Path, clock: Clock = utc_now) -> None:
        self._folder = folder
        self._clock = clock
        self._lock = threading.RLock()
        self._open: dict[str, LoadedCollection] = {}
        path = folder / "collections.duckdb"
        self._names = ErasedNames(path)
        self._database = open_database(path)
        if self._names.are_left():  # what a kill left in the database's log is in its file now
            self._database.close()
            with collections_explained():
                self._names.forget()
            self._database = open_database(path)
        with collections_explained():
            self._remove_unknown_files()
            rows = self._rows("FROM collection ORDER BY collection_key")
            self._open = {name: self._load(key, Collection(name, *of)) for key, name, *of in rows}

    def _file(self, key: int, dim: int) -> VectorFile:
        return VectorFile(self._folder / f"collection-{key}.f32", dim)

    def _remove_unknown_files(self) -> None:
        """Finish what was deleted when this process was killed."""
        known = {key for (key,) in self._rows("SELECT collection_key FROM collection")}
        for path in self._folder.glob("collection-*.f32"):
            number = path.stem.removeprefix("collection-")
            if number.isdecimal() and int(number) not in known:
                VectorFile(path, 1).remove()

    def close(self) -> None:
        """Let the database go; written anew if something was erased, so that no name of it stays in the file."""
        with self._lock:
            self._open = {}
            self._database.close()
            with collections_explained():
                self._names.forget()

    # What the methods below share

    def _rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self._database.rows(sql, parameters)

    @contextmanager
    def _using(self, collection_id: str) -> Iterator[LoadedCollection]:
        """One collection, for a change or a question about its rows."""
        with self._lock, collections_explained():
            if collection_id not in self._open:
                raise missing_collection(collection_id)
            yield self._open[collection_id]

    def _load(self, key: int, record: Collection) -> LoadedCollection:
        """Read a collection, and overwrite embeddings that no row names: of requests that were not answered."""
        file = self._file(key, record.dim)
        matrix = file.read()
        rows = self._rows(f"SELECT row, {_FACE} FROM face WHERE collection_key = $1", key)  # noqa: S608
        known = {row[1]: _face(record, row[1:]) for row in rows}
        places = {row[1]: row[0] for row in rows}
        unknown = np.asarray(matrix.any(axis=1))
        rows_of = np.array(list(places.values()), np.int64)
        if (rows_of >= len(matrix)).any() or not unknown[rows_of].all():
            raise CollectionError(
                f"{file.name} lacks embeddings of faces that collection {record.collection_id!r} has: put a copy of "
                "the service's folder back"
            )
        unknown[rows_of] = False
        if unknown.any():
            file.erase(np.flatnonzero(unknown).tolist())
            matrix[unknown] = 0
        sql = "SELECT user_id FROM member WHERE collection_key = $1"
        members: dict[str, set[str]] = {user_id: set() for (user_id,) in self._rows(sql, key)}
        for face in known.values():
            if face.user_id is not None:
                members[face.user_id].add(face.face_id)
        vectors = Vectors.of(matrix, places), Vectors(record.dim)
        return LoadedCollection(key, record, file, *vectors, known, members)

    def _done(self, of: LoadedCollection, once: Once | None) -> Changes | None:
        """The answer that a request got before; None if it has to be carried out."""
        if once is None:
            return None
        self._database.execute("DELETE FROM once WHERE done_at <= $1", [self._clock() - ONCE_LASTS])
        sql = "SELECT request, answer FROM once WHERE collection_key = $1 AND token = $2"
        return recalled(self._rows(sql, of.key, once.token), once)

    def _note(self, of: LoadedCollection, once: Once | None, answer: Changes | None = None) -> None:
        if once is not None:
            row = [of.key, once.token, once.request, self._clock(), written(answer)]
            self._database.execute("INSERT INTO once VALUES ($1, $2, $3, $4, $5)", row)

    # Collections

    def create(self, collection: Collection) -> None:
        """Make an empty collection; see `FaceCollections`."""
        with self._lock, collections_explained():
            if collection.collection_id in self._open:
                raise ItemExistsError(f"there is a collection {collection.collection_id!r} already")
            key = self._database.next_id("collection", "collection_key")
            self._file(key, collection.dim).create()
            c = collection
            row = [key, c.collection_id, c.created_at, c.pack_id, c.dim, c.strict, c.loose]
            self._database.execute(
                "INSERT INTO collection VALUES ($1, $2, $3, $4, $5, $6, $7)", row
            )
            self._open[c.collection_id] = self._load(key, replace(c, faces=0, users=0))

    def delete(self, collection_id: str) -> None:
        """Erase a collection; see `FaceCollections`."""
        with self._using(collection_id) as of:
            self._names.note()
            with self._database.transaction():
                for table in ("once", "face", "member", "collection"):
                    sql = f"DELETE FROM {table} WHERE collection_key = $1"  # noqa: S608
                    self._database.execute(sql, [of.key])
            del self._open[collection_id]
            of.clear()
            of.file.remove()

    def collection(self, collection_id: str) -> Collection:
        """One collection; see `FaceCollections`."""
        with self._using(collection_id) as of:
            return of.counted()

    def collections(self, *, after: str = "", limit: int) -> list[Collection]:
        """Collections; see `FaceCollections`."""
        with self._lock:
            names = sorted(name for name in self._open if name > after)
            return [self._open[name].counted() for name in names[:limit]]

    # Faces

    def add(self, collection_id: str, new: NewFaces) -> None:
        """Index faces; see `FaceCollections`."""
        with self._using(collection_id) as of:
            packs = (face.pack_id for face in new.faces)
            of.record.refuse_other_packs(packs, dim=new.embeddings.shape[-1])
            ids = [face.face_id for face in new.faces]
            if len(set(ids)) < len(ids) or any(face_id in of.faces for face_id in ids):
                raise ItemConflictError("there is a face of this id already: none was indexed")
            rows = of.faces.free_rows(len(ids))
            try:
                of.file.write(rows, new.embeddings)
                self._insert(of, new.faces, rows)
            except BaseException:
                with suppress(OSError):  # the first error is the one to tell; the next start erases
                    of.file.erase(rows)
                raise
            of.add(new.faces, new.embeddings, rows)

    def _insert(
        self, of: LoadedCollection, faces: Sequence[IndexedFace], rows: Sequence[int]
    ) -> None:
        boxes = list(zip(*(face.box for face in faces), strict=True)) or [()] * 4
        with self._database.transaction():
            self._database.insert(
                "face",
                {
                    "collection_key": [of.key] * len(faces),
                    "face_id": [face.face_id for face in faces],
                    "row": list(rows),
                    "image_id": [face.image_id for face in faces],
                    "external_image_id": [face.external_image_id for face in faces],
                    "box_left": boxes[0],
                    "box_top": boxes[1],
                    "box_width": boxes[2],
                    "box_height": boxes[3],
                    "confidence": [face.confidence for face in faces],
                },
            )

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
            if ids is None and user_id is None:
                sql = (
                    "SELECT face_id FROM face WHERE collection_key = $1 AND face_id > $2 "
                    "ORDER BY face_id LIMIT $3"
                )
                return [of.known[face_id] for (face_id,) in self._rows(sql, of.key, after, limit)]
            theirs: Iterable[str] = of.known
            if user_id is not None:
                of.user(user_id)
                theirs = of.members[user_id]
            wanted = theirs if ids is None else {key for key in ids if key in theirs}
            return [of.known[key] for key in sorted(key for key in wanted if key > after)[:limit]]

    def remove(self, collection_id: str, face_ids: Sequence[str]) -> list[str]:
        """Erase faces; see `FaceCollections`."""
        with self._using(collection_id) as of:
            there = sorted({face_id for face_id in face_ids if face_id in of.known})
            if there:
                self._names.note()
            self._rows(f"DELETE FROM face {_OF_FACES}", of.key, there)  # noqa: S608
            of.file.erase([of.faces.row(face_id) for face_id in there])
            of.remove(there)
            return there

    def embeddings(self, collection_id: str, face_ids: Sequence[str]) -> Embeddings:
        """Embeddings; see `FaceCollections`."""
        with self._using(collection_id) as of:
            for face_id in face_ids:
                if face_id not in of.known:
                    raise of.record.missing_face(face_id)
            return of.faces.get(face_ids)

    # Users

    def add_user(self, collection_id: str, user_id: str, once: Once | None = None) -> None:
        """Make a user; see `FaceCollections`."""
        with self._using(collection_id) as of:
            if self._done(of, once) is not None:
                return
            if user_id in of.members:
                raise ItemConflictError(f"there is a user {user_id!r} already")
            with self._database.transaction():
                self._database.execute("INSERT INTO member VALUES ($1, $2)", [of.key, user_id])
                self._note(of, once)
            of.members[user_id] = set()

    def remove_user(self, collection_id: str, user_id: str, once: Once | None = None) -> None:
        """Erase a user; see `FaceCollections`."""
        with self._using(collection_id) as of:
            if self._done(of, once) is not None:
                return
            of.user(user_id)
            self._names.note()
            of_user = "WHERE collection_key = $1 AND user_id = $2"
            with self._database.transaction():
                self._rows(f"DELETE FROM member {of_user}", of.key, user_id)  # noqa: S608
                self._rows(f"UPDATE face SET user_id = NULL {of_user}", of.key, user_id)  # noqa: S608
                self._note(of, once)
            of.remove_user(user_id)

    def users(
        self, collection_id: str, *, ids: Sequence[str] | None = None, after: str = "", limit: int
    ) -> list[User]:
        """Users; see `FaceCollections`."""
        with self._using(collection_id) as of:
            wanted = of.members if ids is None else {key for key in ids if key in of.members}
            return [of.user(key) for key in sorted(key for key in wanted if key > after)[:limit]]

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
        with self._using(collection_id) as of:
            if (answer := self._done(of, once)) is not None:
                return answer
            user = of.user(user_id)
            owners = of.owners(face_ids)
            far = too_far(
                of.vector(user_id), {key: of.faces.get([key])[0] for key in owners}, within
            )
            answer = associated(user_id, face_ids, owners, too_far=far, has=user.faces)
            self._give(of, answer, user_id, user_id, once)
            return answer

    def disassociate(
        self, collection_id: str, user_id: str, face_ids: Sequence[str], *, once: Once | None = None
    ) -> Changes:
        """Take faces from a user; see `FaceCollections`."""
        with self._using(collection_id) as of:
            if (answer := self._done(of, once)) is not None:
                return answer
            of.user(user_id)
            answer = disassociated(user_id, face_ids, of.owners(face_ids))
            self._give(of, answer, None, user_id, once)
            return answer

    def _give(
        self,
        of: LoadedCollection,
        answer: Changes,
        owner: str | None,
        user_id: str,
        once: Once | None,
    ) -> None:
        given = [face_id for face_id, refusal in answer.items() if refusal is None]
        with self._database.transaction():
            sql = f"UPDATE face SET user_id = $3 {_OF_FACES}"  # noqa: S608
            self._rows(sql, of.key, given, owner)
            self._note(of, once, answer)
        of.give(given, owner, user_id)

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
        of = self._searched(collection_id, query)
        found = of.search_faces.ask(Query(query, within, limit, frozenset(leave_out)))
        with self._using(collection_id) as of:
            # What was erased meanwhile is no answer.
            return [Match(of.known[key], d) for key, d in found if key in of.known]

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
        of = self._searched(collection_id, query)
        found = of.search_users.ask(Query(query, within, limit, frozenset(leave_out)))
        with self._using(collection_id) as of:
            return [Match(of.user(key), d) for key, d in found if key in of.members]

    def _searched(self, collection_id: str, query: Embeddings) -> LoadedCollection:
        with self._using(collection_id) as of:
            of.record.refuse_other_packs(dim=query.shape[-1])
            return of

    def user_vector(self, collection_id: str, user_id: str) -> Embeddings | None:
        """A user's vector; see `FaceCollections`."""
        with self._using(collection_id) as of:
            of.user(user_id)
            return of.vector(user_id)


def _face(of: Collection, row: Sequence[Any]) -> IndexedFace:
    face_id, image_id, external, left, top, width, height, confidence, user_id = row
    box = (left, top, width, height)
    return IndexedFace(face_id, image_id, external, box, confidence, of.pack_id, user_id)
