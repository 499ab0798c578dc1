from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesort.core.matching import Thresholds, decide_photo
from facesort.core.what_if import NOBODY, StoredDistances, replay


def stored_from(photos: list[np.ndarray], persons: np.ndarray) -> StoredDistances:
    """What the sort keeps of full rows of distances: the two nearest persons."""
    rows = np.concatenate([np.empty((0, len(persons)), np.float32), *photos])
    photo_ids = np.repeat(np.arange(len(photos)), [len(p) for p in photos])
    order = np.argsort(rows, axis=1, kind="stable")[:, :2]
    ids = np.full((len(rows), 2), NOBODY, np.int64)
    distances = np.full((len(rows), 2), np.inf, np.float32)
    ids[:, : order.shape[1]] = persons[order]
    distances[:, : order.shape[1]] = np.take_along_axis(rows, order, axis=1)
    nobody = np.full(len(rows), NOBODY, np.int64)
    return StoredDistances(np.arange(len(rows)), photo_ids, ids, distances, nobody)


def decided(photos: list[np.ndarray], persons: np.ndarray, loose: float) -> list[int]:
    thresholds = Thresholds(loose / 2, loose, 0.05)
    return [d.person_id or NOBODY for p in photos for d in decide_photo(p, persons, thresholds)]


def test_no_faces() -> None:
    stored = stored_from([], np.array([1, 2]))
    assert replay(stored, Thresholds(0.5, 1.0, 0.05)).tolist() == []


@pytest.mark.parametrize("persons", [0, 1, 2])
@given(data=st.data())
def test_with_two_persons_it_is_what_the_sort_decides(persons: int, data: st.DataObject) -> None:
    ids = np.array([4, 7][:persons], dtype=np.int64)
    sizes = data.draw(st.lists(st.integers(1, 4), max_size=4))
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    photos = [rng.uniform(0, 2, (n, persons)).astype(np.float32) for n in sizes]
    loose = data.draw(st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0]))
    thresholds = Thresholds(loose / 2, loose, 0.05)
    assert replay(stored_from(photos, ids), thresholds).tolist() == decided(photos, ids, loose)


def test_with_many_persons_it_differs_only_where_three_compete() -> None:
    rng = np.random.default_rng(3)
    persons = np.arange(1, 31)
    photos = [
        rng.uniform(0.6, 1.6, (rng.integers(1, 5), 30)).astype(np.float32) for _ in range(400)
    ]
    got = replay(stored_from(photos, persons), Thresholds(0.5, 0.8, 0.05))
    want = np.array(decided(photos, persons, 0.8))
    assert (want != NOBODY).mean() > 0.9
    assert (got == want).mean() > 0.98


def test_what_a_user_said_stays_and_takes_the_person_from_the_others() -> None:
    stored = StoredDistances(
        face_ids=np.array([1, 2, 3]),
        photo_ids=np.array([1, 1, 2]),
        person_ids=np.array([[5, 6], [5, 6], [NOBODY, 6]]),
        distances=np.array([[0.2, 0.9], [0.3, 0.7], [np.inf, 0.9]], np.float32),
        answers=np.array([NOBODY, 5, NOBODY]),
    )
    assert replay(stored, Thresholds(0.5, 1.0, 0.05)).tolist() == [6, 5, 6]
    assert replay(stored, Thresholds(0.5, 0.8, 0.05)).tolist() == [NOBODY, 5, NOBODY]
