"""Stored faces and photos, each in its one shape.

Crops and embeddings make up nearly all of the database: they are read only when asked for, and crops last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby, islice
from typing import Any, Literal

from facesort.core.clips import ClipInfo
from facesort.core.copies import PlannedWrite
from facesort.core.records import PhotoRef
from facesort.core.stored import StoredFace, StoredPhoto, StoredTrack
from facesort.reasons import Remark
from facesort.store.store import Store, vectors

_CHUNK = 1000  # photos whose faces are in memory at a time
_LOOKED_UP = 40  # of more faces, DuckDB 2.0 reads the column of all faces; it looks up to 50 up

_FACES = """
SELECT s.face_id, s.photo_id, s.path, s.source, shown_path(s.source, s.path), f.x_min, f.y_min, f.x_max, f.y_max,
       f.sharpness, f.yaw, f.quality, f.pack_id, s.round, s.decided_outcome, s.decided_reason, s.decided_id,
       s.outcome, s.reason, s.effective_id,
       s.person, s.distance, s.nearest, s.runner_up, s.runner_up_distance, s.answer, s.learned, s.reference,
       s.group_distance, s.group_faces, {embedding}, t.start_ms, t.end_ms, t.best_ms, t.first_ms, t.last_ms,
       s.awaits
FROM face_shown s JOIN face f USING (face_id) LEFT JOIN track t USING (face_id) {where}
"""
_COPIES = """
SELECT photo_id, person_id, target, sha256, size, at_ms FROM write w
WHERE status <> 'failed' AND {} ORDER BY photo_id, write_id
"""
_PHOTOS = """
SELECT p.photo_id, path, source, shown_path(source, path), status, reason, sha256, width, height, phash, taken_at,
       coalesce(camera, ''), shot_id, present, turn, remarks, c.duration_ms, c.codec, c.decoder, c.every_ms, c.samples,
       p.size
FROM photo_state p LEFT JOIN clip c USING (photo_id) WHERE {} ORDER BY p.photo_id
"""


@contextmanager
def places_of(store: Store, photos: str) -> Iterator[None]:
    """Look for the files of some photos alone, in all questions inside, which are about no others.

    The views look for what was read last of every file, and would do so for all of them.

    Parameters
    ----------
    photos : str
        SQL that gives ids of photos that were decided themselves.
    """
    read = (
        "s.file_id IN (SELECT file_id FROM reading JOIN photo USING (photo_id) "  # noqa: S608
        f"WHERE decided_as IN ({photos}))"
    )
    with store.materialized("reading", where=read), store.materialized("batch_file", where=read):
        yield


def stored_faces(
    store: Store, where: str, parameters: Sequence[Any] = (), *, pack_id: str | None = None
) -> list[StoredFace]:
    """Faces that a condition chooses, without their crops.

    Parameters
    ----------
    where : str
        What follows ``FROM face_shown s``: ``WHERE``, ``ORDER BY``, ``LIMIT``.  Never of a user.
    pack_id : str or None
        With embeddings of this pack; None: without embeddings, ``""``: with those of any pack.
    """
    embedding = "NULL"
    if pack_id is not None:
        chosen = "octet_length(f.embedding) > 0 AND (? = '' OR f.pack_id = ?)"
        embedding = f"if({chosen}, f.embedding, NULL)"
        parameters = [pack_id, pack_id, *parameters]
    sql = _FACES.format(embedding=embedding, where=where)
    return [_face(row) for row in store.rows(sql, parameters)]


def _face(row: tuple[Any, ...]) -> StoredFace:
    face_id, photo_id, path, source, shown, *rest = row
    embedding = None if rest[25] is None else vectors([rest[25]])[0]
    return StoredFace(
        *(
            face_id,
            PhotoRef(photo_id, path, source=source, shown=shown),
            tuple(rest[:4]),
            *rest[4:9],
            tuple(rest[9:12]),
            *rest[12:25],
            embedding,
            None if rest[26] is None else StoredTrack(*rest[26:31]),
            rest[31],
        )
    )


def with_crops(store: Store, faces: Sequence[StoredFace]) -> list[StoredFace]:
    """The same faces with their pictures, and those of the persons they are compared with."""
    names = {face.person or face.nearest for face in faces}
    references = {
        name: bytes(crop)
        for name, crop in store.rows(
            "SELECT e.name, arg_max(r.crop, (r.quality, -r.reference_id)) FROM reference r "
            "JOIN everyone e USING (person_id) WHERE list_contains(?, e.name) GROUP BY e.name",
            [[name for name in names if name is not None]],
        )
    }
    crops = dict(blobs_of_faces(store, "crop", [face.face_id for face in faces]))
    return [
        replace(
            face,
            crop=crops[face.face_id],
            reference_crop=references.get(face.person or face.nearest or "", b""),
        )
        for face in faces
    ]


def blobs_of_faces(
    store: Store, column: Literal["crop", "embedding"], face_ids: Iterable[int]
) -> Iterator[tuple[int, bytes]]:
    """Crop or embedding of some faces, in the order of the ids; only theirs are read.

    Yields
    ------
    (face_id, bytes)
    """
    ids = iter(sorted(set(face_ids)))
    while some := list(islice(ids, _LOOKED_UP)):
        rows = store.rows(
            f"SELECT face_id, {column} FROM face WHERE face_id IN (SELECT unnest(?::BIGINT[])) ORDER BY face_id",  # noqa: S608
            [some],
        )
        yield from ((face_id, bytes(blob)) for face_id, blob in rows)


def stored_photos(
    store: Store, photo_ids: Iterable[int] | None = None, *, pack_id: str | None = None
) -> Iterator[StoredPhoto]:
    """Photos with all that is known of their faces, in order; a thousand at a time.

    Parameters
    ----------
    store : Store
        May be written to between two photos.
    photo_ids : iterable of int, optional
        Ascending; asked for as they are needed.  Default: all.
    pack_id : str or None
        As in `stored_faces`.
    """
    if photo_ids is None:
        photo_ids = [row[0] for row in store.rows("SELECT photo_id FROM photo ORDER BY photo_id")]
    ids = iter(photo_ids)
    while some := list(islice(ids, _CHUNK)):
        yield from _some(store, some, pack_id)


def _some(store: Store, photo_ids: list[int], pack_id: str | None) -> Iterator[StoredPhoto]:
    # The range can be pushed down to the tables, the list cannot.
    chosen = "{0}.photo_id BETWEEN ? AND ? AND list_contains(?, {0}.photo_id)"
    which = [photo_ids[0], photo_ids[-1], photo_ids]
    where = f"WHERE {chosen.format('s')} ORDER BY s.photo_id, s.face_id"
    found = stored_faces(store, where, which, pack_id=pack_id)
    faces = {
        key: tuple(group) for key, group in groupby(found, key=lambda face: face.photo.photo_id)
    }
    written = store.rows(_COPIES.format(chosen.format("w")), which)
    copies = {
        key: tuple(PlannedWrite(*row) for row in group)
        for key, group in groupby(written, key=lambda row: row[0])
    }
    for row in store.rows(_PHOTOS.format(chosen.format("p")), which):
        yield _photo(row, faces.get(row[0], ()), copies.get(row[0], ()))


def count_photos(store: Store) -> int:
    """Number of photos that were decided themselves."""
    return int(store.value("SELECT count(*) FROM place"))


def _photo(
    row: tuple[Any, ...], faces: tuple[StoredFace, ...], copies: tuple[PlannedWrite, ...] = ()
) -> StoredPhoto:
    key, path, source, shown, status, reason, sha256, width, height, *rest = row
    phash, taken_at, camera, shot_id, present, turn, remarks, *clip, size = rest
    upright = Remark.UPRIGHT in remarks
    return StoredPhoto(
        PhotoRef(key, path, source=source, shown=shown, turn=turn, upright=upright),
        status,
        reason,
        sha256,
        None if width is None else (width, height),
        phash,
        taken_at,
        camera,
        faces,
        copies,
        shot_id,
        present,
        tuple(remarks),
        None if clip[0] is None else ClipInfo(*clip),
        size,
    )
