"""Everything a fresh delivery needs, by what counts now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from facesort.core.bursts import Shot
from facesort.core.routing import UNKNOWN_FOLDER, PlannedWrite
from facesort.store.store import Store


@dataclass(frozen=True, slots=True)
class DeliveredFace:
    """A face of a photo, and who it is.

    Parameters
    ----------
    person_id : int or None
        None for an unknown one.
    box : tuple of four float
        ``x_min, y_min, x_max, y_max`` in px of the upright, full-size photo; may reach outside.
    """

    person_id: int | None
    name: str | None
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class DeliveredPhoto:
    """A photo, whether it has faces or not.

    Parameters
    ----------
    path : str
        POSIX path relative to the source root.
    reason : str or None
        Why it reached no folder.
    sha256 : str
        Of the source file.
    size : tuple of (width, height) or None
        In px, upright and full size.
    faces : tuple of DeliveredFace
        Empty for duplicates, and for photos that failed or wait.
    folders : tuple of str
        Where it belongs, by who is in it; in the order of the faces.
    left_out : str
        Why it belongs in no folder; empty if it does.
    copies : tuple of PlannedWrite
        Verified files of the output.
    """

    shot: Shot
    path: str
    status: str
    reason: str | None
    sha256: str
    size: tuple[int, int] | None
    faces: tuple[DeliveredFace, ...]
    folders: tuple[str, ...]
    left_out: str
    copies: tuple[PlannedWrite, ...]


def deliveries(store: Store, *, unknown_folder: bool = False) -> list[DeliveredPhoto]:
    """All photos, in their order.

    Parameters
    ----------
    unknown_folder : bool
        Whether photos with only unknown faces are delivered to ``_unknown``.
    """
    faces, folders = _faces(store), _folders(store, unknown_folder=unknown_folder)
    copies = _copies(store)
    sharpness = dict(
        store.rows("SELECT photo_id, avg(sharpness)::DOUBLE FROM face GROUP BY photo_id")
    )
    rows = store.rows(
        "SELECT s.photo_id, s.path, s.status, s.reason, "
        "if(t.photo_id IS NULL, coalesce(s.reason, s.status), coalesce(t.reason, 'removed_person')), "
        "s.sha256, s.width, s.height, s.phash, s.captured_at, coalesce(s.camera, '') "
        "FROM photo_state s LEFT JOIN photo_standing t USING (photo_id) ORDER BY s.photo_id"
    )
    photos = []
    for key, path, status, reason, why, sha256, width, height, phash, captured_at, camera in rows:
        shot = Shot(key, phash, captured_at, camera, sharpness.get(key, 0.0))
        size = None if width is None else (width, height)
        photos.append(
            DeliveredPhoto(
                shot,
                path,
                status,
                reason,
                sha256,
                size,
                faces.get(key, ()),
                folders.get(key, ()),
                "" if key in folders else why,
                copies.get(key, ()),
            )
        )
    return photos


def _faces(store: Store) -> dict[int, tuple[DeliveredFace, ...]]:
    rows = store.rows(
        "SELECT a.photo_id, a.person_id, p.name, f.x_min, f.y_min, f.x_max, f.y_max FROM face_state a "
        "JOIN face f USING (face_id) LEFT JOIN person p ON p.person_id = a.person_id "
        "ORDER BY a.photo_id, a.face_id"
    )
    return {
        key: tuple(DeliveredFace(row[1], row[2], (row[3], row[4], row[5], row[6])) for row in group)
        for key, group in groupby(rows, key=lambda row: row[0])
    }


def _folders(store: Store, *, unknown_folder: bool) -> dict[int, tuple[str, ...]]:
    """Where the photos with faces belong; a person who was removed has no folder any more."""
    rows = store.rows(
        "SELECT photo_id, list(coalesce(folder, ?) ORDER BY first_face_id) FROM wanted_copy "
        "WHERE NOT removed AND (? OR person_id IS NOT NULL) AND photo_id IN (SELECT photo_id FROM face) "
        "GROUP BY photo_id",
        [UNKNOWN_FOLDER, unknown_folder],
    )
    return {photo_id: tuple(folders) for photo_id, folders in rows}


def _copies(store: Store) -> dict[int, tuple[PlannedWrite, ...]]:
    rows = store.rows(
        "SELECT photo_id, person_id, target, sha256, size FROM write WHERE status = 'verified' "
        "ORDER BY photo_id, write_id"
    )
    return {
        key: tuple(PlannedWrite(*row) for row in group)
        for key, group in groupby(rows, key=lambda row: row[0])
    }


def write_results(
    store: Store, path: Path, files: Sequence[tuple[int, str]], bursts: Mapping[int, int]
) -> None:
    """Write a table of all photos: where each stands, who is in it and how near, and what was delivered of it.

    Parameters
    ----------
    store : Store
        May be open for reading only.
    path : Path
        Ends in ``.parquet`` or ``.csv``.
    files : sequence of (photo_id, file)
    bursts : mapping of photo_id to photo_id
        The sharpest photo of its burst, for photos that are in one.
    """
    sql = (
        "WITH who AS (SELECT a.photo_id, count(*) AS faces, "
        "  list(coalesce(p.name, '') ORDER BY a.face_id) AS persons, "
        "  list(a.distance ORDER BY a.face_id) AS distances, "
        "  list(a.outcome ORDER BY a.face_id) AS outcomes "
        "  FROM face_state a LEFT JOIN person p ON p.person_id = a.person_id GROUP BY a.photo_id), "
        "file AS (SELECT photo_id, list(file ORDER BY file) AS files "
        "  FROM (SELECT unnest(?::INTEGER[]) AS photo_id, unnest(?::VARCHAR[]) AS file) GROUP BY photo_id), "
        "burst AS (SELECT unnest(?::INTEGER[]) AS photo_id, unnest(?::INTEGER[]) AS best_id) "
        "SELECT s.path, s.status, s.reason, s.detail, s.sha256, s.format, s.width, s.height, s.captured_at, "
        "s.camera, coalesce(who.faces, 0) AS faces, persons, distances, outcomes, files, b.path AS best_of_burst "
        "FROM photo_state s LEFT JOIN who USING (photo_id) LEFT JOIN file USING (photo_id) "
        "LEFT JOIN burst USING (photo_id) LEFT JOIN photo b ON b.photo_id = burst.best_id ORDER BY s.photo_id"
    )
    parameters = [
        [key for key, _ in files],
        [file for _, file in files],
        list(bursts),
        list(bursts.values()),
    ]
    store.write_table(path, sql, parameters)
