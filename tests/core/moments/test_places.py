"""Positions as a short list of places."""

from __future__ import annotations

import math
import time
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, strategies as st

from facesort.core.moments.places import RADIUS, Place, find_places
from facesort.core.records import Position

NOON = datetime(2026, 5, 4, 12)
METRE = 1 / 111_195  # degrees north


def at(north: float, east: float = 0.0, altitude: float | None = None, minutes: int | None = None):
    """A photo so many metres from a spot in Munich."""
    latitude = 48.137 + north * METRE
    longitude = 11.575 + east * METRE / math.cos(math.radians(48.137))
    taken = None if minutes is None else NOON + timedelta(minutes=minutes)
    return Position(latitude, longitude, altitude), taken


def test_no_positions() -> None:
    assert find_places([]) == []


def test_photos_of_one_place_are_one_line() -> None:
    places = find_places([at(0, 0, 519, 5), at(60, 0, None, 0), at(-60, 0, 530.5), at(0, 0)])

    assert places == [
        Place(48.137, 11.575, 4, NOON, NOON + timedelta(minutes=5), lowest=519, highest=530.5)
    ]


def test_what_is_not_known_is_none() -> None:
    (place,) = find_places([at(0)])

    assert (place.first, place.last, place.lowest, place.highest) == (None, None, None, None)


def test_places_with_most_photos_come_first() -> None:
    places = find_places([at(0), *[at(1000)] * 3, *[at(0, 2000)] * 2])

    assert [place.photos for place in places] == [3, 2, 1]


def test_a_long_way_is_several_places() -> None:
    places = find_places([at(north) for north in range(0, 3000, 10)])

    assert 8 <= len(places) <= 20
    assert sum(place.photos for place in places) == 300


@pytest.mark.parametrize(
    "around",
    [
        [(0.0, 179.9999), (0.0, -179.9999), (0.0, 180.0), (0.0, -180.0)],
        [(89.9999, 0.0), (89.9999, 90.0), (89.9999, -135.0), (90.0, 17.0)],
        [(-89.9999, 0.0), (-89.9999, 180.0), (-90.0, 0.0)],
    ],
)
def test_the_poles_and_the_date_line_are_like_any_other_place(around: list[tuple[float, float]]) -> None:  # fmt: skip
    (place,) = find_places([(Position(*where), None) for where in around])

    assert place.photos == len(around)
    assert abs(place.latitude - around[0][0]) < 0.001
    assert abs(place.latitude) > 89.99 or abs(place.longitude) > 179.99


@given(
    st.lists(st.tuples(st.floats(-90, 90), st.floats(-180, 180)), max_size=20),
    st.randoms(use_true_random=False),
)
def test_the_order_does_not_matter_and_no_photo_is_lost(where: list[tuple[float, float]], random) -> None:  # fmt: skip
    photos = [(Position(*spot), NOON) for spot in where]
    mixed = random.sample(photos, len(photos))

    assert find_places(photos) == find_places(mixed)
    assert sum(place.photos for place in find_places(photos)) == len(photos)


def test_nobody_is_farther_from_the_middle_of_a_place_than_its_width() -> None:
    rng = np.random.default_rng(1)
    photos = [at(*rng.normal(0, 400, 2)) for _ in range(500)]

    places = find_places(photos)

    for position, _ in photos:
        north = [(position.latitude - p.latitude) / METRE for p in places]
        east = [(position.longitude - p.longitude) / METRE * math.cos(math.radians(48.1)) for p in places]  # fmt: skip
        assert min(map(math.hypot, north, east)) < 2 * RADIUS


@pytest.mark.parametrize("metres", [0.0, 300.0, 1e6])
def test_sixteen_thousand_photos_take_seconds(metres: float) -> None:
    rng = np.random.default_rng(2)
    photos = [at(*rng.normal(0, metres, 2)) for _ in range(16_000)]
    before = time.process_time()

    places = find_places(photos)

    assert sum(place.photos for place in places) == 16_000
    assert time.process_time() - before < 20
