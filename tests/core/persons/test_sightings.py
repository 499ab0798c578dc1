"""Who was seen together with whom."""

from __future__ import annotations

import numpy as np
from hypothesis import given, strategies as st

from facesort.core.persons.sightings import Sightings

SEEN = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 6), st.integers(0, 3)), max_size=8)


def sightings(rows: list[tuple[int, int, int]]) -> Sightings:
    photo, first, lasts = np.array(rows, np.int64).reshape(-1, 3).T
    return Sightings(photo, first, first + lasts)


def test_in_a_photo_all_meet_and_in_a_clip_those_of_one_time() -> None:
    seen = Sightings(
        np.array([1, 1, 2, 2, 2]), np.array([0, 0, 0, 400, 600]), np.array([0, 0, 400, 400, 900])
    )
    one, other = np.array([0, 2, 3, 1]), np.array([1, 3, 4, 2])
    assert seen.meet(one, other).tolist() == [True, True, False, False]


@given(SEEN, SEEN)
def test_beside_others_is_whoever_meets_one_of_them(
    mine: list[tuple[int, int, int]], theirs: list[tuple[int, int, int]]
) -> None:
    expected = [any(p == q and a <= b + m and b <= a + n for q, b, m in theirs) for p, a, n in mine]
    assert sightings(mine).beside(sightings(theirs)).tolist() == expected
