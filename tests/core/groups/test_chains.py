"""The chain from a reference to a face: no other one has a shorter longest step."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from facesort.core.groups.chains import chains


def on_circle(*angles: float) -> NDArray[np.float32]:
    return np.array([[np.cos(a), np.sin(a)] for a in angles], np.float32)


def anchors(count: int, *rows: int) -> NDArray[np.bool_]:
    return np.isin(np.arange(count), rows)


def test_a_face_is_reached_from_face_to_face() -> None:
    found = chains(on_circle(0.0, 1.2, 0.4, 0.8, 2.0), anchors(5, 0))
    assert found.to(4) == [0, 2, 3, 1, 4]
    assert found.to(0) == [0]
    assert found.distance[[0, 2, 3, 1]] == pytest.approx([0, *[2 * np.sin(0.2)] * 3], abs=1e-6)


def test_what_comes_through_a_face_hangs_on_it() -> None:
    found = chains(on_circle(0.0, 0.3, 0.6, -0.4, 0.9, -0.8), anchors(6, 0))
    assert found.beyond(1) == [1, 2, 4]
    assert found.beyond(3) == [3, 5]
    assert found.beyond(4) == [4]
    assert sorted(found.beyond(0)) == [0, 1, 2, 3, 4, 5]


def test_each_face_belongs_to_the_nearest_anchor() -> None:
    found = chains(on_circle(0.0, 2.0, 1.6, 0.5, 1.2), anchors(5, 0, 1))
    assert [found.to(row)[0] for row in range(5)] == [0, 1, 1, 0, 1]
    assert found.beyond(1) == [1, 2, 4], "anchors do not hang on each other"


def test_equal_faces_are_zero_apart() -> None:
    found = chains(on_circle(0.0, 0.5, 0.5), anchors(3, 0))
    assert found.to(2) == [0, 1, 2] or found.to(2) == [0, 2]
    assert found.distance.min() == 0


@pytest.mark.parametrize("seed", range(5))
def test_no_chain_has_a_shorter_longest_step(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(40, 5)).astype(np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    is_anchor = anchors(40, 3, 7)
    found = chains(points, is_anchor)

    # Floyd and Warshall's algorithm, for longest steps.
    widest = np.sqrt(np.clip(2 - 2 * points @ points.T, 0, 4))
    for via in range(40):
        widest = np.minimum(widest, np.maximum(widest[:, via, None], widest[via]))
    for row in np.flatnonzero(~is_anchor):
        longest = max(found.distance[step] for step in found.to(int(row)))
        assert longest == pytest.approx(widest[[3, 7], row].min(), abs=1e-5)
