"""Where photos were taken, as a short list of places."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from facesort.core.records import Position

RADIUS = 150.0  # metres
_EARTH = 6_371_008.8  # metres: the mean radius
_GRID = 25.0  # metres; positions so close are one


@dataclass(frozen=True, slots=True)
class Place:
    """Photos that were taken near each other.

    Parameters
    ----------
    latitude, longitude : float
        Of the middle of its photos, in degrees north and east, WGS 84.
    photos : int
    first, last : datetime or None
        When the first and the last photo were taken; None: no photo has a time.
    lowest, highest : float or None
        Metres above sea level; None: no photo has an altitude.
    """

    latitude: float
    longitude: float
    photos: int
    first: datetime | None
    last: datetime | None
    lowest: float | None
    highest: float | None


def find_places(
    photos: Sequence[tuple[Position, datetime | None]], radius: float = RADIUS
) -> list[Place]:
    """Group photos into places.

    The spot with most photos around it is the first place, with everything within `radius` of it; then the spot with
    most of the remaining photos around it, and so on.  So a place is never wider than twice `radius`, also where
    somebody took photos all along a way.  Distances are chords between points on a sphere, so that the poles and the
    date line are like any other place.

    Parameters
    ----------
    radius : float
        Metres.

    Returns
    -------
    list of Place
        Most photos first; whatever the order of `photos`, the same.
    """
    if not photos:
        return []
    photos = sorted(photos, key=_sort_key)
    points = _on_sphere([position for position, _ in photos])
    places = _places_of(points, radius)
    order = np.argsort(places, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(places[order])) + 1)
    found = [_place([photos[at] for at in group], points[group].mean(axis=0)) for group in groups]
    return sorted(
        found, key=lambda p: (-p.photos, p.first or datetime.max, p.latitude, p.longitude)
    )


def _on_sphere(positions: Sequence[Position]) -> NDArray[np.float64]:
    """Shape (n, 3), in metres from the centre of the Earth."""
    degrees = np.array([(position.latitude, position.longitude) for position in positions])
    north, east = np.radians(degrees).T
    return _EARTH * np.stack(
        [np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)], axis=1
    )


def _places_of(points: NDArray[np.float64], radius: float) -> NDArray[np.int64]:
    """The place of each point, as the number of a grid cell."""
    cells, cell_of, photos = np.unique(
        np.floor(points / _GRID).astype(np.int64), axis=0, return_inverse=True, return_counts=True
    )
    cell_of = cell_of.reshape(-1)
    centres = np.stack([np.bincount(cell_of, weights=axis) / photos for axis in points.T], axis=1)
    around = [np.array(near) for near in KDTree(centres).query_ball_point(centres, radius)]
    crowd = np.array([photos[near].sum() for near in around])
    place = np.full(len(cells), -1)
    while crowd.max() > 0:
        middle = int(crowd.argmax())
        mine = around[middle][place[around[middle]] < 0]
        place[mine] = middle
        for cell in mine:
            crowd[around[cell]] -= photos[cell]
    return place[cell_of]


def _place(
    photos: Sequence[tuple[Position, datetime | None]], middle: NDArray[np.float64]
) -> Place:
    x, y, z = middle
    times = [taken for _, taken in photos if taken is not None]
    heights = [position.altitude for position, _ in photos if position.altitude is not None]
    return Place(
        latitude=round(math.degrees(math.atan2(z, math.hypot(x, y))), 6),
        longitude=round(math.degrees(math.atan2(y, x)), 6),
        photos=len(photos),
        first=min(times, default=None),
        last=max(times, default=None),
        lowest=min(heights, default=None),
        highest=max(heights, default=None),
    )


def _sort_key(photo: tuple[Position, datetime | None]) -> tuple[float, float]:
    """Floating-point sums depend on the order."""
    return photo[0].latitude, photo[0].longitude
