"""Photos in the order in which bursts are found, one shot after the other: there may be very many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from facesort.core.delivery.routing import UNKNOWN_FOLDER
from facesort.core.moments.bursts import MAX_PAUSE, Taken
from facesort.store.queries.delivery.deliveries import WANTED_COPIES
from facesort.store.store import Store

_SHOTS = """
WITH copies AS MATERIALIZED ({copies}), taken AS (
    SELECT photo_id, source, coalesce(camera, '') AS camera, taken_at,
           coalesce(nullif(shot_id, 0), photo_id) AS shot_id, phash, list_contains(remarks, 'damaged') AS damaged, path
    FROM photo_state WHERE phash IS NOT NULL AND photo_id IN (SELECT photo_id FROM copies)
), first AS (                               -- the photo that a shot is compared by, unless it is alone at its time
    SELECT t.*, t.taken_at - lag(t.taken_at) OVER clock AS since, lead(t.taken_at) OVER clock - t.taken_at AS until
    FROM taken t
    JOIN (SELECT min(photo_id) AS photo_id, count(*) AS photos FROM taken GROUP BY shot_id) USING (photo_id)
    WINDOW clock AS (PARTITION BY t.source, t.camera ORDER BY t.taken_at, t.photo_id)
    QUALIFY photos > 1 OR t.taken_at IS NULL OR least(since, until) <= INTERVAL {pause} SECOND
), kept AS (
    SELECT t.*, row_number() OVER (
        ORDER BY f.source, f.camera, f.taken_at IS NULL, f.taken_at, f.photo_id, t.photo_id) AS place
    FROM taken t JOIN first f USING (shot_id)
), sharp AS (SELECT photo_id, avg(sharpness) AS sharpness FROM face SEMI JOIN kept USING (photo_id) GROUP BY photo_id),
folders AS (
    SELECT photo_id, list(folder ORDER BY first_face_id) AS folders FROM copies SEMI JOIN kept USING (photo_id)
    WHERE folder IS NOT NULL GROUP BY photo_id
)
SELECT k.photo_id, k.source, k.camera, k.taken_at, k.shot_id, k.phash, k.damaged, coalesce(s.sharpness, 0),
       shown_path(k.source, k.path), f.folders
FROM kept k LEFT JOIN sharp s USING (photo_id) LEFT JOIN folders f USING (photo_id) ORDER BY k.place
"""
_EVERY = "SELECT photo_id, NULL::VARCHAR AS folder, 0 AS first_face_id FROM photo_state"
_DELIVERED = (
    f"SELECT photo_id, coalesce(folder, $1) AS folder, first_face_id FROM ({WANTED_COPIES}) "  # noqa: S608
    "ANTI JOIN clip USING (photo_id)"
)


def every_shot(store: Store) -> Iterator[Sequence[Taken]]:
    """The photos of each shot, as `core.moments.bursts.bursts_of` takes them; nothing else may be asked meanwhile.

    Not those that are in no burst whatever they look like: alone within `core.moments.bursts.MAX_PAUSE` of their time.
    """
    return _shots(store, _EVERY)


def delivered_shots(store: Store, *, unknown_folder: bool) -> Iterator[Sequence[Taken]]:
    """The same of photos that belong in a folder, as `wanted_folders` says; no clips."""
    return _shots(store, _DELIVERED, UNKNOWN_FOLDER, unknown_folder)


def _shots(store: Store, copies: str, *parameters: object) -> Iterator[Sequence[Taken]]:
    sql = _SHOTS.format(copies=copies, pause=MAX_PAUSE.total_seconds())
    photos = (_taken(*row) for row in store.stream(sql, parameters))
    return (tuple(shot) for _, shot in groupby(photos, key=lambda photo: photo.shot_id))


def _taken(*row: Any) -> Taken:
    *taken, folders = row
    return Taken._make((*taken, tuple(folders or ())))
