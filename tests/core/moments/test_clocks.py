"""Offsets that a user types, and offsets that the photos of several cameras suggest."""

from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest
from event_of_cameras import DAY, Event, programme, round_of_tables
from hypothesis import given, strategies as st
from scipy.sparse import csr_array

from facesort.core.moments import clocks
from facesort.core.moments.clocks import (
    MIN_EVIDENCE,
    CameraPhotos,
    clock_offset,
    suggest_offsets,
)
from facesort.core.moments.correlogram import Correlogram, Near, Profiles
from facesort.core.moments.offsets import MAX_OFFSET, offset_text, parse_offset
from facesort.errors import SettingsError

HOUR = 3600.0
AN_HOUR_AND_THREE = 63 * 60.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("+1h3m", 3780),
        ("1h3m", 3780),
        ("+1h 3min", 3780),
        (" + 1H 3M ", 3780),
        ("-45s", -45),
        ("\N{MINUS SIGN}45s", -45),
        ("1:03:00", 3780),
        ("-1:03:00", -3780),
        ("+2d", 172_800),
        ("2d 1:00:01", 176_401),
        ("-1d2h3m4s", -93_784),
        ("90m", 5400),
        ("0", 0),
        ("+0", 0),
        ("0s", 0),
    ],
)
def test_an_offset_is_read_as_people_write_it(text: str, seconds: int) -> None:
    assert parse_offset(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "+", "-", "45", "1:03", "1h3", "3m1h", "1.5h", "+-1h", "1h1h", "h", "1:3:0", "1:60:00", "1:00:60",
     "\N{ARABIC-INDIC DIGIT ONE}h", "1h\n2x", "9" * 99 + "d"],
)  # fmt: skip
def test_what_could_mean_two_things_is_refused_with_examples(text: str) -> None:
    with pytest.raises(
        SettingsError, match=r"is not a clock offset: write it as \+1h3m, -45s"
    ) as e:
        parse_offset(text)
    assert len(str(e.value)) < 200


def test_a_hundred_years_are_enough() -> None:
    assert parse_offset("+36525d") == MAX_OFFSET
    with pytest.raises(SettingsError, match="'36525d1s' is more than a hundred years"):
        parse_offset("36525d1s")


@given(st.integers(-MAX_OFFSET, MAX_OFFSET))
def test_what_is_printed_can_be_typed(seconds: int) -> None:
    assert parse_offset(offset_text(seconds)) == seconds


def test_an_offset_is_printed_in_the_largest_units() -> None:
    assert [offset_text(seconds) for seconds in (0, 3780, -45, 90_061)] == [
        "0",
        "+1h3m",
        "-45s",
        "+1d1h1m1s",
    ]


@pytest.mark.parametrize("ahead", [AN_HOUR_AND_THREE, 1.0, HOUR, 25 * HOUR, -9.5 * HOUR - 7])
def test_clocks_that_differ_are_found_to_the_second(ahead: float) -> None:
    reference, other = Event(shared=0.2).take(1, ahead)

    found = clock_offset(reference, other)

    assert found is not None
    assert abs(found.seconds + ahead) <= 5
    assert found.spread < 3
    assert found.moments > 30
    assert found.pairs > 5 * found.expected
    assert found.evidence > 5 * MIN_EVIDENCE


def test_other_zones_are_told_to_the_minute() -> None:
    offsets = [clock_offset(*Event(shared=0.1).take(seed, -2 * HOUR)) for seed in range(5)]

    assert [found and found.seconds for found in offsets] == [7200] * 5


def share(event: Event, trials: int, within: float = 5.0) -> tuple[float, int]:
    """How often the offset is found, and how often another one is."""
    errors = [
        abs(found.seconds + AN_HOUR_AND_THREE)
        for seed in range(trials)
        if (found := clock_offset(*event.take(seed, AN_HOUR_AND_THREE)))
    ]
    return sum(error <= within for error in errors) / trials, sum(error > 60 for error in errors)


@pytest.mark.parametrize(
    ("event", "found"),
    [
        (Event(shared=0.05), 0.4),
        (Event(shared=0.1), 0.9),
        (Event(shared=0.3), 1.0),
        (Event(shared=0.1, families=False), 0.9),
        (Event(shared=0.2, everywhere=0.9), 0.9),
        (Event(shared=0.1, seen=0.4), 0.8),
        (Event(shared=0.3, moments=60, days=1), 0.7),
        (Event(shared=0.3, persons=12), 0.7),
    ],
)
def test_a_few_common_moments_are_enough(event: Event, found: float) -> None:
    right, wrong = share(event, 10)

    assert right >= found
    assert wrong == 0


@pytest.mark.parametrize(
    "event",
    [
        Event(shared=0),
        Event(shared=0, families=False),
        Event(shared=0, persons=12),
        Event(shared=0, everywhere=0.9),
        Event(shared=0, moments=40, shots=(20, 60), persons=20),
        Event(shared=0, moments=40, persons=9, days=1),
        Event(shared=0, moments=100, seconds=(200, 900), shots=(10, 40)),
    ],
)
def test_independent_cameras_suggest_nothing(event: Event) -> None:
    assert [clock_offset(*event.take(seed, 0.0)) for seed in range(6)] == [None] * 6


def test_the_same_people_in_the_same_order_an_hour_or_a_day_later_are_no_common_moment() -> None:
    days = [clock_offset(programme(i, 0), programme(i + 99, 1)) for i in range(10)]
    rounds = [clock_offset(round_of_tables(i, 0), round_of_tables(i + 99, 1)) for i in range(20)]

    assert days == [None] * 10
    assert (
        rounds.count(None) >= 19
    )  # three rounds of forty tables at the same pace: 4 of 300 mislead


def test_two_photographers_with_other_people_at_the_same_time() -> None:
    reference, other = Event(shared=0.5).take(3, 0.0)
    strangers = [frozenset(person + 1000 for person in persons) for persons in other.persons]

    assert clock_offset(reference, CameraPhotos(other.seconds, strangers)) is None


def test_one_person_in_all_photos() -> None:
    alone = [
        CameraPhotos(photos.seconds, [frozenset({7})] * len(photos.seconds))
        for photos in Event(shared=0.5).take(3, 0.0)
    ]

    assert clock_offset(*alone) is None


@pytest.mark.parametrize("photos", [0, 1, 7])
def test_too_few_photos(photos: int) -> None:
    reference, other = Event(shared=0.5).take(3, 0.0)
    few = CameraPhotos(other.seconds[:photos], other.persons[:photos])

    assert clock_offset(reference, few) is None
    assert clock_offset(few, reference) is None


def test_photos_without_time_or_persons_or_of_other_years_change_nothing() -> None:
    reference, other = Event(shared=0.2).take(4, AN_HOUR_AND_THREE)
    noise = [np.nan, np.nan, -8e8, 9e8, 40_000.0, 50_000.0]
    noisy = CameraPhotos(
        np.concatenate([noise, other.seconds]),
        [*[frozenset({1, 2})] * 4, *[frozenset[int]()] * 2, *other.persons],
    )

    assert clock_offset(reference, noisy) == clock_offset(reference, other)


def test_the_order_of_the_photos_does_not_matter() -> None:
    reference, other = Event(shared=0.2).take(4, AN_HOUR_AND_THREE)
    order = np.random.default_rng(1).permutation(len(other.seconds))
    mixed = CameraPhotos(other.seconds[order], [other.persons[at] for at in order])

    one, two = clock_offset(reference, mixed), clock_offset(reference, other)

    assert one and two and one.seconds == two.seconds and one.pairs == two.pairs


def test_a_camera_set_to_the_year_2000() -> None:
    years = 26 * 365.25 * DAY
    found = clock_offset(*Event(shared=0.2).take(5, -years - 17))

    assert found and abs(found.seconds - years - 17) <= 5


def test_three_cameras_are_told_relative_to_the_one_with_most_photos() -> None:
    photos = Event(shared=0.15, cameras=3).take(6, AN_HOUR_AND_THREE, -25 * HOUR)
    ahead = dict(zip("abc", (0, AN_HOUR_AND_THREE, -25 * HOUR), strict=True))
    cameras = dict(zip("abc", photos, strict=True))
    reference = max(cameras, key=lambda key: len(cameras[key].seconds))

    suggested = suggest_offsets(cameras)

    assert set(suggested) == set(cameras) - {reference}
    for key, suggestion in suggested.items():
        assert suggestion.reference == reference
        assert abs(suggestion.offset.seconds - ahead[reference] + ahead[key]) <= 5


def test_a_camera_is_reached_through_another_one() -> None:
    one, bridge = Event(shared=0.2).take(7, AN_HOUR_AND_THREE)
    two, other = Event(shared=0.2).take(8, 0.0)
    away = [frozenset(person + 1000 for person in persons) for persons in other.persons]
    far = [frozenset(person + 1000 for person in persons) for persons in two.persons]
    later = 60 * DAY  # the second half of what the middle camera saw is of other people
    middle = CameraPhotos(
        np.concatenate([bridge.seconds, other.seconds + 3 * DAY]), [*bridge.persons, *away]
    )
    last = CameraPhotos(two.seconds + 3 * DAY - 100, far)
    lonely = Event(shared=0).take(9, 0.0)[0]

    suggested = suggest_offsets(
        {"one": one, "middle": middle, "last": last, "lonely": CameraPhotos(lonely.seconds + later, lonely.persons)}
    )  # fmt: skip

    assert set(suggested) == {"one", "last"}
    assert {s.reference for s in suggested.values()} == {"middle"}
    assert abs(suggested["one"].offset.seconds - AN_HOUR_AND_THREE) <= 5
    assert abs(suggested["last"].offset.seconds - 100) <= 5


def test_cameras_apart_from_the_largest_one_have_a_reference_of_their_own() -> None:
    large = Event(shared=0, moments=600).take(10, 0.0)[0]
    strangers = [
        CameraPhotos(photos.seconds, [{person + 1000 for person in who} for who in photos.persons])
        for photos in Event(shared=0.3, moments=150).take(11, 90.0)
    ]

    suggested = suggest_offsets({"large": large, "one": strangers[0], "two": strangers[1]})

    assert len(suggested) == 1
    (key, suggestion), = suggested.items()  # fmt: skip
    assert {key, suggestion.reference} == {"one", "two"}
    assert abs(abs(suggestion.offset.seconds) - 90) <= 5


@pytest.mark.parametrize(
    "event",
    [
        Event(shared=0.1, moments=4400, persons=200),
        Event(shared=0.1, moments=4400, persons=40, everywhere=0.9),
    ],
)
def test_sixteen_thousand_photos_of_each_camera_take_seconds(event: Event) -> None:
    reference, other = event.take(1, AN_HOUR_AND_THREE)
    before = time.process_time()

    found = clock_offset(reference, other)

    assert min(len(reference.seconds), len(other.seconds)) > 13_000
    assert found and abs(found.seconds + AN_HOUR_AND_THREE) <= 5
    assert time.process_time() - before < 20


def test_a_clock_that_stands_still_is_neither_slow_nor_a_moment() -> None:
    reference, other = Event(shared=0.3, moments=1500).take(2, 0.0)
    still = CameraPhotos(np.full(len(other.seconds), 1e5), other.persons)

    assert clock_offset(reference, still) is None
    assert clock_offset(still, still) is None


def test_of_very_many_photos_every_few_moments_tell_the_offset(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[int] = []
    of = Correlogram.of

    def counted(reference: Profiles, other: Profiles) -> Correlogram:
        compared.append(len(reference.seconds) * len(other.seconds))
        return of(reference, other)

    monkeypatch.setattr(Correlogram, "of", counted)
    photos = Event(shared=0.3, days=20, moments=2000).take(1, AN_HOUR_AND_THREE)
    of_all = clock_offset(*photos)
    most = compared[0] // 7
    monkeypatch.setattr(clocks, "_MOST_PAIRS", most)
    of_some = clock_offset(*photos)
    assert of_all is not None
    assert of_some is not None
    assert abs(of_some.seconds - of_all.seconds) <= 5
    assert of_some.moments < of_all.moments / 4
    assert compared[1] < 1.3 * most, "moments differ in their photos"


def test_pairs_of_many_moments_are_looked_at_once() -> None:
    moments, each = 2_000, 20
    times = np.repeat(600.0 * np.arange(moments), each) + np.tile(np.arange(each), moments)
    one = csr_array(np.ones((len(times), 1), np.float32))
    photos = Profiles(times, one)
    near = Near.of(photos, photos, 0.0, 1.0)
    tracemalloc.start()
    middles, weights = near.by_moment()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (middles == 0).all()
    assert (weights == 3 * each - 2).all()
    assert len(weights) == moments
    assert peak < 10 * near.difference.nbytes
