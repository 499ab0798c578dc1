"""A few good faces, unlike each other, and none that slipped in."""

from __future__ import annotations

import numpy as np
import pytest

from facesort.core.persons.representatives import representatives


def turned(*angles: float) -> np.ndarray:
    return np.array([[np.cos(a), np.sin(a), 0] for a in angles], dtype=np.float32)


@pytest.mark.parametrize(
    ("angles", "qualities", "at_most", "expected"),
    [
        ([], [], 5, []),
        ([0.0], [0.5], 5, [0]),
        ([0.0], [0.5], 0, []),
        ([0.0, 0.4], [0.5, 0.6], 5, [1, 0]),
        ([0.0, 0.4], [0.5, 0.6], 1, [1]),
        ([0.3, 0.3, 0.3], [0.5, 0.6, 0.7], 5, [2]),  # the same picture three times
        ([0.0, 0.01, 0.4, 0.41], [0.9, 0.8, 0.7, 0.6], 5, [0, 2]),  # two bursts
        (
            [0.0, 0.1, 0.2, 0.3, 1.5],
            [0.5, 0.5, 0.5, 0.5, 0.9],
            1,
            [0],
        ),  # the best one is no such face
    ],
)
def test_which_faces_stand_for_the_others(
    angles: list[float], qualities: list[float], at_most: int, expected: list[int]
) -> None:
    embeddings = turned(*angles).reshape(-1, 3)
    chosen = representatives(embeddings, np.array(qualities, dtype=np.float32), at_most)
    assert chosen.tolist() == expected
    assert chosen.dtype == np.int64
