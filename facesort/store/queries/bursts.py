"""Photos in the order in which bursts are found, one shot after the other: there may be very many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from facesort.core.delivery.routing import UNKNOWN_FOLDER
from facesort.core.moments.bursts import Taken
from facesort.store.queries.deliveries import WANTED_FOLDERS
from facesort.store.store import Store

_SHOTS = """
WITH chosen AS ({chosen}), taken AS (
    SELECT p.photo_id, p.source, coalesce(p.camera, '') AS camera, p.taken_at,
           coalesce(nullif(p.shot_id, 0), p.photo_id) AS shot_id, p.phash,
           list_contains(p.remarks, 'damaged') AS damaged, p.path, c.folders
    FROM photo_state p JOIN chosen c USING (photo_id) WHERE p.phash IS NOT NULL
), first AS (                               -- the photo that a shot is compared by
    FROM taken SEMI JOIN (SELECT min(photo_id) AS photo_id FROM taken GROUP BY shot_id) USING (photo_id)
), sharp AS (SELECT photo_id, avg(sharpness) AS sharpness FROM face GROUP BY photo_id)
SELECT t.photo_id, t.source, t.camera, t.taken_at, t.shot_id, t.phash, t.damaged, coalesce(s.sharpness, 0),
       shown_path(t.source, t.path), t.folders
FROM taken t JOIN first f USING (shot_id) LEFT JOIN sharp s ON s.photo_id = t.photo_id
ORDER BY f.source, f.camera, f.taken_at IS NULL, f.taken_at, f.photo_id, t.photo_id
"""
_EVERY = "SELECT photo_id, NULL AS folders FROM photo_state"
_DELIVERED = f"FROM ({WANTED_FOLDERS}) ANTI JOIN clip USING (photo_id)"


def every_shot(store: Store) -> Iterator[Sequence[Taken]]:
    """The photos of each shot, as `core.bursts.bursts_of` takes them; nothing else may be asked meanwhile."""
    return _shots(store.stream(_SHOTS.format(chosen=_EVERY)))


def delivered_shots(store: Store, *, unknown_folder: bool) -> Iterator[Sequence[Taken]]:
    """The same of photos that belong in a folder, as `wanted_folders` says; no clips."""
    return _shots(store.stream(_SHOTS.format(chosen=_DELIVERED), [UNKNOWN_FOLDER, unknown_folder]))


def _shots(rows: Iterator[tuple[Any, ...]]) -> Iterator[Sequence[Taken]]:
    photos = (_taken(*row) for row in rows)
    return (tuple(shot) for _, shot in groupby(photos, key=lambda photo: photo.shot_id))


def _taken(*row: Any) -> Taken:
    *taken, folders = row
    return Taken._make((*taken, tuple(folders or ())))
