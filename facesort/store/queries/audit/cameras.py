"""What cameras recorded beside pictures: the times and places of photos."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from facesort.core.moments.clocks import CameraPhotos
from facesort.core.records import Position
from facesort.store.store import Store

Camera = tuple[str, str]
"""Name of the source, and make and model; the latter is empty if it is not recorded."""


@dataclass(frozen=True, slots=True)
class CameraClock:
    """A camera in a source.

    Parameters
    ----------
    photos : int
        That are in the sources; one of each shot.
    without_time : int
        Of these.
    seconds : int
        What is added to its times now.
    """

    source: str
    camera: str
    photos: int
    without_time: int
    seconds: int


def camera_clocks(store: Store) -> list[CameraClock]:
    """Cameras of all sources, with the offset that counts for each."""
    rows = store.rows(
        "SELECT source, coalesce(camera, '') AS camera, count(*), count(*) - count(captured_at), "
        "coalesce(any_value(epoch(taken_at) - epoch(captured_at)), 0)::BIGINT "
        "FROM photo_state WHERE present AND batch_id IS NOT NULL GROUP BY ALL ORDER BY source, camera"
    )
    return [CameraClock(*row) for row in rows]


def sightings(store: Store) -> dict[Camera, CameraPhotos]:
    """Who was in front of which camera when, by the camera's own clock; seconds since 1970."""
    rows = store.rows(
        "SELECT p.source, coalesce(p.camera, ''), list(epoch(p.captured_at) ORDER BY p.photo_id), "
        "list(f.persons ORDER BY p.photo_id) FROM photo_state p JOIN ("
        " SELECT photo_id, list(DISTINCT person_id) AS persons FROM face_state WHERE person_id IS NOT NULL GROUP BY ALL"
        ") f USING (photo_id) WHERE p.present AND p.captured_at IS NOT NULL GROUP BY ALL ORDER BY ALL"
    )
    return {
        (source, camera): CameraPhotos(np.array(seconds), [frozenset(who) for who in persons])
        for source, camera, seconds, persons in rows
    }


def positions(store: Store) -> list[tuple[Position, datetime | None]]:
    """Where and when photos were taken that are in the sources and have a position."""
    rows = store.rows(
        "SELECT latitude, longitude, altitude, taken_at FROM photo_state "
        "WHERE present AND latitude IS NOT NULL AND longitude IS NOT NULL ORDER BY photo_id"
    )
    return [(Position(*row[:3]), row[3]) for row in rows]
