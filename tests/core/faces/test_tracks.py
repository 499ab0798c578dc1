"""Faces that are followed through a clip: who is one track, from when to when, and what is kept of it."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from facesort.core.faces.tracks import Linker
from facesort.core.records import Face

DIM = 16


def person(number: int, seed: int = 0, noise: float = 0.05) -> np.ndarray:
    """An embedding: strangers are at right angles, so 1.41 apart."""
    rng = np.random.default_rng(seed)
    vector = np.eye(DIM)[number] + rng.normal(0, noise, DIM)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def face(number: int, left: float, *, quality: float = 0.5, seed: int = 0, name: str = "") -> Face:
    """A face of 100 px."""
    box = np.array([left, 50, left + 100, 150], np.float32)
    landmarks = np.zeros((5, 2), np.float32)
    crop = (name or f"{number}@{left:g}").encode()
    return Face(box, landmarks, 0.9, 100.0, 0.1, quality, person(number, seed), crop)


def linked(
    samples: Iterable[tuple[int, list[Face]]], end_ms: int, every_ms: int = 200
) -> tuple[Face, ...]:
    linker = Linker(every_ms)
    for ms, faces in samples:
        linker.add(ms, faces)
    return linker.close(end_ms)


def who(found: Face) -> int:
    return int(found.embedding.argmax())


def spans(found: tuple[Face, ...]) -> list[tuple[int, int, int]]:
    """Who is seen from when to when."""
    return [(who(f), f.track.start_ms, f.track.end_ms) for f in found if f.track is not None]


def test_a_face_that_stays_is_one_track_with_the_best_of_its_frames() -> None:
    samples = [
        (ms, [face(0, 10, quality=0.9 if ms == 600 else 0.4, seed=ms, name=str(ms))])
        for ms in range(0, 2000, 200)
    ]
    (found,) = linked(samples, 2000)
    track = found.track
    assert track is not None
    assert (track.start_ms, track.end_ms, track.best_ms) == (0, 2000, 600)
    assert track.times_ms.tolist() == list(range(0, 2000, 200))
    assert track.times_ms.dtype == np.int32
    assert track.boxes.shape == (10, 4)
    assert found.crop == b"600"
    assert found.quality == 0.9
    weights = np.array([0.9 if ms == 600 else 0.4 for ms, _ in samples])
    mean = weights @ np.array([faces[0].embedding for _, faces in samples])
    assert found.embedding == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)
    assert found.embedding.dtype == np.float32
    assert all(thumbnail == str(ms).encode() for ms, thumbnail in track.strip)


def test_who_comes_and_goes_is_seen_up_to_half_a_sample_before_and_after() -> None:
    samples = [(ms, [face(0, 10)] if 1000 <= ms < 2000 else []) for ms in range(0, 3000, 200)]
    assert spans(linked(samples, 3000)) == [(0, 900, 1900)]


@pytest.mark.parametrize("every_ms", [33, 200, 500])
def test_people_who_cross_keep_their_tracks(every_ms: int) -> None:
    samples = [
        (ms, [face(0, ms / 10, seed=ms), face(1, 300 - ms / 10, seed=ms)])
        for ms in range(0, 3000, every_ms)
    ]
    found = linked(samples, 3000, every_ms)
    assert spans(found) == [(0, 0, 3000), (1, 0, 3000)]


def test_after_a_cut_another_person_in_the_same_place_is_another_track() -> None:
    samples = [(ms, [face(0 if ms < 1000 else 1, 10)]) for ms in range(0, 2000, 200)]
    assert spans(linked(samples, 2000)) == [(0, 0, 900), (1, 900, 2000)]


def test_after_a_cut_the_same_person_elsewhere_goes_on() -> None:
    samples = [(ms, [face(0, 10 if ms < 1000 else 900)]) for ms in range(0, 2000, 200)]
    assert spans(linked(samples, 2000)) == [(0, 0, 2000)]


@pytest.mark.parametrize(("away_ms", "tracks"), [(800, 1), (1000, 2)])
def test_a_face_that_is_not_found_for_a_second_begins_another_track(
    away_ms: int, tracks: int
) -> None:
    away = range(1000, 1000 + away_ms)
    samples = [(ms, [] if ms in away else [face(0, 10)]) for ms in range(0, 3000, 200)]
    assert len(linked(samples, 3000)) == tracks


def test_samples_that_are_missing_are_not_bridged() -> None:
    samples = [(ms, [face(0, 10)]) for ms in (0, 200, 10_000, 10_200)]
    assert spans(linked(samples, 10_400)) == [(0, 0, 300), (0, 9900, 10_400)]


def test_key_frames_are_as_far_apart_as_they_are() -> None:
    samples = [
        (0, [face(0, 10)]),
        (4000, [face(0, 10), face(1, 300)]),
        (9000, [face(1, 300)]),
        (10_000, []),
        (12_000, [face(0, 10)]),
    ]
    found = linked(samples, 13_000, every_ms=0)
    assert spans(found) == [(0, 0, 6500), (1, 2000, 9500), (0, 11_000, 13_000)]


def test_a_frame_alone_lasts_as_long_as_the_clip() -> None:
    assert spans(linked([(0, [face(0, 10)])], 40)) == [(0, 0, 40)]
    assert linked([], 0) == ()


def test_a_strip_is_spread_over_the_time_of_its_track_however_long() -> None:
    for seconds in (1, 3, 60, 601):
        samples = [(ms, [face(0, 10, name=str(ms))]) for ms in range(0, seconds * 1000, 200)]
        (found,) = linked(samples, seconds * 1000)
        assert found.track is not None
        times = [ms for ms, _ in found.track.strip]
        assert len(times) == min(8, len(samples))
        steps = np.diff(times)
        assert steps.min() > 0
        assert steps.max() <= 2 * seconds * 1000 / 8


def test_a_sample_out_of_order_is_refused() -> None:
    linker = Linker(200)
    linker.add(200, [])
    with pytest.raises(ValueError, match="a sample at 200 ms cannot follow one at 200 ms"):
        linker.add(200, [])


@st.composite
def clips(draw: st.DrawFn) -> list[tuple[int, list[Face]]]:
    """People, some alike, who jump about, overlap, come and go."""
    times = draw(st.lists(st.integers(0, 30), unique=True, max_size=12).map(sorted))
    samples = []
    for number in times:
        places = draw(st.lists(st.integers(0, 4), max_size=4))
        faces = [
            face(
                draw(st.integers(0, 2)),
                60 * place,
                quality=draw(st.sampled_from([0.0, 0.3, 0.8])),
                seed=10 * number + order,
                name=f"{number}-{order}",
            )
            for order, place in enumerate(places)
        ]
        samples.append((200 * number, faces))
    return samples


@settings(max_examples=60, deadline=None)
@given(clips(), st.sampled_from([0, 200]), st.randoms(use_true_random=False))
def test_no_detection_is_lost_or_doubled_or_depends_on_the_order_of_a_frame(
    samples: list[tuple[int, list[Face]]], every_ms: int, random: Random
) -> None:
    end_ms = samples[-1][0] + 100 if samples else 0
    found = linked(samples, end_ms, every_ms)
    seen = sorted(
        (int(ms), *box.tolist())
        for f in found
        if f.track is not None
        for ms, box in zip(f.track.times_ms, f.track.boxes, strict=True)
    )
    assert seen == sorted((ms, *f.box.tolist()) for ms, faces in samples for f in faces)
    for f in found:
        track = f.track
        assert track is not None
        assert (np.diff(track.times_ms) > 0).all()  # never two faces of one frame
        assert 0 <= track.start_ms <= track.times_ms[0] <= track.times_ms[-1] <= track.end_ms
        assert track.end_ms <= end_ms
        assert track.best_ms in track.times_ms
        assert np.linalg.norm(f.embedding) == pytest.approx(1, abs=1e-5)
    starts = [f.track.times_ms[0] for f in found if f.track is not None]
    assert starts == sorted(starts)
    mixed = [(ms, random.sample(faces, len(faces))) for ms, faces in samples]
    again = linked(mixed, end_ms, every_ms)
    assert [contents(f) for f in again] == [contents(f) for f in found]


def contents(f: Face) -> tuple[object, ...]:
    track = f.track
    assert track is not None
    arrays = (track.times_ms.tolist(), track.boxes.tolist(), f.embedding.tolist(), track.strip)
    return (f.crop, f.quality, track.start_ms, track.end_ms, track.best_ms, *arrays)
