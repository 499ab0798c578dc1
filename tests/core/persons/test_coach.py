from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from facesort.core.persons.coach import (
    Gap,
    ReferenceFacts,
    advise,
    closest_pair,
    distances_to_rest,
    pairs_within,
    person_distances,
    spread,
)
from facesort.core.persons.gallery import centroid

EVENT = date(2026, 9, 12)


def units(*seeds: int, dim: int = 16) -> np.ndarray:
    rows = [np.random.default_rng(seed).standard_normal(dim) for seed in seeds]
    return np.stack([row / np.linalg.norm(row) for row in rows]).astype(np.float32)


def reference(**facts: Any) -> ReferenceFacts:
    return ReferenceFacts(
        **{"name": "a.jpg", "yaw": 0.4, "captured_on": None, "to_rest": 0.5} | facts
    )


ONE_DAY = date(2026, 5, 1)


@pytest.mark.parametrize(
    ("references", "expected"),
    [
        ([reference(to_rest=None)], [Gap.ONE_REFERENCE]),
        ([reference(to_rest=None, yaw=0.0, captured_on=ONE_DAY)], [Gap.ONE_REFERENCE]),
        ([reference(to_rest=None, captured_on=date(2020, 1, 1))], [Gap.ONE_REFERENCE, Gap.ALL_OLD]),
        ([reference(), reference()], []),
        ([reference(to_rest=1.0), reference(to_rest=1.0)], []),
        ([reference(to_rest=1.01), reference()], [Gap.ODD_ONE_OUT]),
        ([reference(yaw=0.25), reference(yaw=0.0)], [Gap.ALL_FRONTAL]),
        ([reference(yaw=0.26), reference(yaw=0.0)], []),
        ([reference(captured_on=ONE_DAY), reference(captured_on=ONE_DAY)], [Gap.ALL_ONE_DAY]),
        ([reference(captured_on=ONE_DAY), reference(captured_on=date(2026, 5, 2))], []),
        ([reference(captured_on=ONE_DAY), reference()], []),
        ([reference(captured_on=date(2019, 1, 1)), reference(captured_on=ONE_DAY)], []),
        (
            [reference(captured_on=date(2019, 1, 1)), reference(captured_on=date(2021, 9, 1))],
            [Gap.ALL_OLD],
        ),
        ([reference(captured_on=date(2019, 1, 1)), reference()], []),
        ([reference(captured_on=date(2030, 1, 1)), reference(captured_on=ONE_DAY)], []),
    ],
)
def test_what_is_missing(references: list[ReferenceFacts], expected: list[Gap]) -> None:
    advice = advise(references, loose=1.0, event=EVENT)

    assert [a.gap for a in advice] == expected


def test_the_odd_one_out_is_named() -> None:
    references = [reference(name="me.jpg"), reference(name="cat.jpg", to_rest=1.37)]

    (advice,) = advise(references, loose=1.0, event=EVENT)

    assert "cat.jpg is 1.37 from the other references" in advice.text


@pytest.mark.parametrize("seeds", [[], [1], [1, 2], [1, 2, 3]])
def test_distances_to_the_rest_leave_the_own_one_out(seeds: list[int]) -> None:
    embeddings = units(*seeds) if seeds else np.empty((0, 16), np.float32)

    found = distances_to_rest(embeddings)

    if len(seeds) < 2:
        assert found == [None] * len(seeds)
    for own, distance in enumerate(found):
        if distance is not None:
            rest = centroid(np.delete(embeddings, own, axis=0))
            assert distance == pytest.approx(np.linalg.norm(embeddings[own] - rest), abs=1e-6)


def test_spread_is_the_mean_distance_to_the_centroid() -> None:
    embeddings = units(1, 2, 3)

    expected = np.linalg.norm(embeddings - centroid(embeddings), axis=1).mean()
    assert spread(embeddings) == pytest.approx(expected, abs=1e-6)
    assert spread(embeddings[:1]) is None


@pytest.mark.parametrize("people", [0, 1])
def test_too_few_people_have_no_closest_pair(people: int) -> None:
    assert closest_pair(person_distances(units(*range(people or 1))[:people])) is None


def test_pairs_within_a_limit_are_the_nearest_first() -> None:
    apart = np.array([[0, 0.8, 0.3], [0.8, 0, 0.81], [0.3, 0.81, 0]], np.float32)
    assert pairs_within(apart, 0.8) == [(0, 2), (0, 1)]
    assert pairs_within(apart[:1, :1], 0.8) == []


@given(st.integers(2, 12), st.integers(0, 1000))
def test_no_pair_is_closer_than_the_closest(people: int, seed: int) -> None:
    distances = person_distances(units(*range(seed, seed + people)))

    first, second = closest_pair(distances) or (0, 0)

    assert first < second
    assert distances[first, second] == distances[~np.eye(people, dtype=bool)].min()
    np.testing.assert_array_equal(distances, distances.T)
    np.testing.assert_array_equal(np.diag(distances), np.zeros(people, np.float32))
