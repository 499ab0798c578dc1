"""Who is whom in a clip: the best there is, with nobody twice at one time."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from facesort.core.persons.assignment import assign
from facesort.core.persons.matching import Thresholds, decide_photo
from facesort.core.persons.sightings import Sightings
from facesort.reasons import FaceReason, Outcome

LOOSE = 1.0
IDS = np.array([10, 20, 30], np.int64)


@st.composite
def clips(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, Sightings]:
    """Distances of the tracks of a clip, which pairs are allowed, and when they are seen."""
    n, persons = draw(st.integers(0, 5)), draw(st.integers(1, 3))
    values = st.sampled_from([0.0, 0.25, 0.5, 0.75, 0.9, 1.0, 1.2]) | st.floats(0, 1.25, width=32)
    size = n * persons
    distances = np.array(draw(st.lists(values, min_size=size, max_size=size)), np.float32)
    allowed = np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size)), bool)
    first = np.array(draw(st.lists(st.integers(0, 5), min_size=n, max_size=n)), np.int64)
    longs = np.array(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)), np.int64)
    seen = Sightings(np.zeros(n, np.int64), first * 200, (first + longs) * 200)
    return distances.reshape(n, persons), allowed.reshape(n, persons), seen


def gain(distances: np.ndarray, pairs: dict[int, int]) -> float:
    return sum(LOOSE - float(distances[pair]) for pair in pairs.items())


def is_right(pairs: dict[int, int], seen: Sightings) -> bool:
    return not any(
        pairs[a] == pairs[b] and seen.met_by(a)[b] for a, b in itertools.combinations(pairs, 2)
    )


@given(clips())
@settings(max_examples=150, deadline=None)
def test_it_is_the_best_of_all(clip: tuple[np.ndarray, np.ndarray, Sightings]) -> None:
    distances, allowed, seen = clip
    accepted = allowed & (distances <= np.float32(LOOSE))
    choices = [[-1, *np.flatnonzero(row)] for row in accepted]
    every = ({f: p for f, p in enumerate(who) if p >= 0} for who in itertools.product(*choices))
    best = max(gain(distances, pairs) for pairs in every if is_right(pairs, seen))

    found = assign(distances, allowed, LOOSE, seen)
    assert is_right(found, seen)
    assert all(accepted[pair] for pair in found.items())
    assert gain(distances, found) == pytest.approx(best, abs=1e-5)


@given(clips())
def test_tracks_that_all_meet_are_decided_as_the_faces_of_a_photo(
    clip: tuple[np.ndarray, np.ndarray, Sightings],
) -> None:
    distances, allowed, _ = clip
    ids, thresholds = IDS[: distances.shape[1]], Thresholds(0.8, LOOSE, 0.05)
    n = len(distances)
    at_once = Sightings(np.zeros(n, np.int64), np.arange(n) * 200, np.full(n, 2000))
    of_photo = decide_photo(distances, ids, thresholds, ~allowed)
    assert decide_photo(distances, ids, thresholds, ~allowed, sightings=at_once) == of_photo


def test_a_pair_exactly_at_loose_is_better_than_none() -> None:
    distances = np.array([[1.0], [1.0]], np.float32)
    apart = Sightings(np.zeros(2, np.int64), np.array([0, 800]), np.array([600, 900]))
    assert assign(distances, distances <= 1, LOOSE, apart) == {0: 0, 1: 0}


def test_a_person_who_comes_back_is_the_same_and_a_face_beside_them_is_not() -> None:
    """A stranger who looks like her stands beside her at first; then she comes back alone."""
    distances = np.array([[0.5, 1.2], [0.6, 1.2], [0.7, 1.2]], np.float32)
    seen = Sightings(np.zeros(3, np.int64), np.array([0, 200, 4000]), np.array([2000, 900, 5000]))
    her, stranger, again = decide_photo(
        distances, IDS[:2], Thresholds(0.8, LOOSE, 0.05), sightings=seen
    )
    assert (her.outcome, her.person_id) == (Outcome.STRICT, 10)
    assert (stranger.outcome, stranger.reason) == (Outcome.UNKNOWN, FaceReason.PERSON_TAKEN)
    assert (again.outcome, again.person_id) == (Outcome.STRICT, 10), "nobody nearer is beside her"


def test_a_face_is_strict_only_if_nobody_beside_it_is_nearer() -> None:
    """The second face is nearer to both; the best sum gives it the other person."""
    distances = np.array([[0.6, 1.2], [0.55, 0.2], [0.1, 1.2]], np.float32)
    seen = Sightings(np.zeros(3, np.int64), np.array([0, 200, 4000]), np.array([2000, 900, 5000]))
    first, second, _ = decide_photo(
        distances, IDS[:2], Thresholds(0.8, LOOSE, 0.05), sightings=seen
    )
    assert (first.reason, first.person_id) == (FaceReason.NOT_NEAREST_FACE, 10)
    assert (second.reason, second.person_id) == (FaceReason.WITHIN_STRICT, 20)
