"""What cameras recorded: who was seen when by which clock, and where."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from store_rows import MATCHED, add, add_people, photo, record, result

from facesort.core.records import PhotoInfo, Position
from facesort.store import Store
from facesort.store.job import sources
from facesort.store.job.photos import PhotoResult
from facesort.store.queries.audit import cameras, dropped
from facesort.store.queries.audit.cameras import CameraClock
from facesort.store.queries.stored import stored_photos

NOON = datetime(2026, 5, 2, 12, 30)
ZUGSPITZE = Position(47.4211, 10.9863, 2962.0)
HERE = Position(-33.9, 18.4)


def taken(
    photo_id: int,
    seconds: float | None,
    camera: str,
    persons: tuple[int, ...] = (1,),
    position: Position | None = None,
) -> PhotoResult:
    at = None if seconds is None else NOON + timedelta(seconds=seconds)
    found = result(photo_id, *MATCHED, persons=persons)
    info = PhotoInfo("JPEG", 600, 400, at, camera, position=position)
    return replace(found, analysis=replace(found.analysis, info=info))


@pytest.fixture
def event(store: Store) -> Store:
    """Two cards, on one of them two cameras; the last photo is gone."""
    add_people(store)
    add(store, [photo(n, source="a" if n < 5 else "b") for n in range(1, 9)])
    results = [
        taken(1, 0, "Canon", (1, 2), ZUGSPITZE),
        taken(2, 10.25, "Canon", (2,), HERE),
        taken(3, None, "Canon"),
        taken(4, 3, "", position=Position(0.5, 0.5)),
        taken(5, 3600, "Canon"),
        taken(6, 3700, "Nikon"),
        taken(7, None, "Nikon"),
        taken(8, 3800, "Nikon", position=HERE),
    ]
    record(store, 1, results[:4])
    record(store, 2, results[4:])
    with store.transaction():
        sources.set_clock(store, "b", "", -3600)
        sources.set_clock(store, "b", "Nikon", 63)
        store.execute("UPDATE file SET state = 'gone' WHERE file_id = 8")
    return store


def test_every_camera_of_a_source_has_its_clock(event: Store) -> None:
    assert cameras.camera_clocks(event) == [
        CameraClock("a", "", 1, 0, 0),
        CameraClock("a", "Canon", 3, 1, 0),
        CameraClock("b", "Canon", 1, 0, -3600),
        CameraClock("b", "Nikon", 2, 1, 63),
    ]


def test_who_was_seen_is_told_by_the_time_that_the_camera_wrote(event: Store) -> None:
    found = cameras.sightings(event)

    noon = (NOON - datetime(1970, 1, 1)).total_seconds()
    shown = {key: (list(c.seconds - noon), list(c.persons)) for key, c in found.items()}
    assert shown == {
        ("a", ""): ([3], [{1}]),
        ("a", "Canon"): ([0, 10.25], [{1, 2}, {2}]),
        ("b", "Canon"): ([3600], [{1}]),
        ("b", "Nikon"): ([3700], [{1}]),
    }


def test_positions_are_those_of_photos_that_are_there(event: Store) -> None:
    assert cameras.positions(event) == [
        (ZUGSPITZE, NOON),
        (HERE, NOON + timedelta(seconds=10.25)),
        (Position(0.5, 0.5), NOON + timedelta(seconds=3)),
    ]


def test_nothing_was_sorted_yet(store: Store) -> None:
    add(store, [photo(1)])

    assert (cameras.camera_clocks(store), cameras.sightings(store), cameras.positions(store)) == (
        [], {}, [],
    )  # fmt: skip


def test_an_offset_counts_in_every_count_by_time(event: Store) -> None:
    with event.transaction():
        sources.set_clock(event, "a", "", -45 * 60)

    hours = dict.fromkeys(hour for _, hour, _ in dropped.coverage(event, 0.5).by_hour)
    assert [hour and hour.hour for hour in hours] == [11, 12, 13, None]
    assert sorted(row[0] for row in dropped.drops(event, "hour", 9)) == [
        "2026-05-02 11:00",
        "2026-05-02 12:00",
        "2026-05-02 13:00",
        "not recorded",
    ]
    assert [row[:2] for row in dropped.drops(event, "day", 9)] == [("2026-05-02", 5), ("not recorded", 2)]  # fmt: skip
    times = {p.photo.photo_id: p.taken_at for p in stored_photos(event)}
    assert times[1] == NOON - timedelta(minutes=45)
    assert times[6] == NOON + timedelta(seconds=3763)
