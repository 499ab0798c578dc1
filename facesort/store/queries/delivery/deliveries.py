"""Where photos belong, and the table of an export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from facesort.core.delivery.routing import UNKNOWN_FOLDER
from facesort.store.store import Store

WANTED_COPIES = (
    "FROM wanted_copy WHERE NOT removed AND NOT doubled AND ($2 OR person_id IS NOT NULL) "
    "AND photo_id IN (SELECT photo_id FROM face)"
)
"""Copies of photos with faces; $2 is whether unknown faces are delivered to a folder of their own."""


def wanted_folders(store: Store, *, unknown_folder: bool) -> dict[int, tuple[str, ...]]:
    """Where the photos with faces belong, in the order of the faces.

    Parameters
    ----------
    unknown_folder : bool
        Whether photos with only unknown faces are delivered to ``_unknown``.

    Returns
    -------
    dict of photo_id to tuple of folder
        A person who was removed has no folder any more; the movie of a Live Photo goes to nobody who gets its picture.
    """
    rows = store.rows(
        f"SELECT photo_id, list(coalesce(folder, $1) ORDER BY first_face_id) {WANTED_COPIES} GROUP BY photo_id",
        [UNKNOWN_FOLDER, unknown_folder],
    )
    return {photo_id: tuple(folders) for photo_id, folders in rows}


def left_out_files(store: Store) -> list[tuple[str, str, str, int | None]]:
    """Why each file would be in no folder, if its photo is in none, in order.

    Returns
    -------
    list of (source, path, why, photo_id or None)
        The photo that stands for the file.  Photos of which no file is there any more come last.
    """
    # In one question the joins need more than the database's cache, also for a few thousand photos.
    with store.materialized("face_state"), store.materialized("photo_state"):
        return store.rows(
            "SELECT f.source, f.path, if(f.status IN ('pending', 'failed', 'duplicate') OR t.photo_id IS NULL, "
            "coalesce(f.reason, f.status), coalesce(t.reason, if(f.decided_as IN (SELECT photo_id FROM wanted_copy "
            "WHERE doubled), 'live_photo', 'removed_person'))), "
            "if(f.status IN ('pending', 'duplicate'), NULL, f.decided_as) "
            "FROM file_state f LEFT JOIN photo_standing t ON t.photo_id = f.decided_as "
            "UNION ALL SELECT s.source, s.path, if(x.photo_id IS NOT NULL, 'superseded', 'gone'), s.photo_id "
            "FROM photo_state s LEFT JOIN superseded x USING (photo_id) WHERE NOT s.present "
        )


def write_results(
    store: Store,
    path: Path,
    files: Sequence[tuple[int, str]],
    bursts: Mapping[int, int],
    *,
    positions: bool,
) -> None:
    """Write a table of all files: where each stands, who is in it and how near, and what was delivered of it.

    Parameters
    ----------
    store : Store
        May be open for reading only.
    path : Path
        Ends in ``.parquet`` or ``.csv``.
    files : sequence of (photo_id, file)
    bursts : mapping of photo_id to photo_id
        The best photo of its burst, for photos that are in one.
    positions : bool
        Whether where a photo was taken goes into the table.
    """
    sql = (
        "WITH who AS (SELECT a.photo_id, count(*) AS faces, "
        "  list(coalesce(p.name, '') ORDER BY a.face_id) AS persons, "
        "  list(a.distance ORDER BY a.face_id) AS distances, "
        "  list(a.outcome ORDER BY a.face_id) AS outcomes "
        "  FROM face_state a LEFT JOIN person p ON p.person_id = a.person_id GROUP BY a.photo_id), "
        "file AS (SELECT photo_id, list(file ORDER BY file) AS files "
        "  FROM (SELECT unnest(?::INTEGER[]) AS photo_id, unnest(?::VARCHAR[]) AS file) GROUP BY photo_id), "
        "decided AS (SELECT photo_id FROM photo WHERE decided_as = photo_id), "
        "burst AS (SELECT unnest(?::INTEGER[]) AS photo_id, unnest(?::INTEGER[]) AS best_id) "
        "SELECT s.source, s.path, s.status, s.reason, s.detail, s.sha256, s.format, s.width, s.height, s.captured_at, "
        "s.taken_at, s.camera, latitude, longitude, altitude, "
        "coalesce(who.faces, 0) AS faces, persons, distances, outcomes, files, "
        "b.path AS best_of_burst, s.remarks, c.duration_ms FROM file_state s "
        "LEFT JOIN (SELECT photo_id, latitude, longitude, altitude FROM photo) g ON g.photo_id = s.photo_id "
        "LEFT JOIN decided d ON d.photo_id = s.decided_as AND s.status <> 'duplicate' "
        "LEFT JOIN who ON who.photo_id = d.photo_id LEFT JOIN file ON file.photo_id = d.photo_id "
        "LEFT JOIN clip c ON c.photo_id = s.photo_id "
        "LEFT JOIN burst ON burst.photo_id = d.photo_id LEFT JOIN place b ON b.photo_id = burst.best_id "
        "ORDER BY s.file_id"
    )
    if not positions:
        sql = sql.replace("latitude, longitude, altitude, ", "", 1)
    parameters = [
        [key for key, _ in files],
        [file for _, file in files],
        list(bursts),
        list(bursts.values()),
    ]
    store.write_table(path, sql, parameters)
