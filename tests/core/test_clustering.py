from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sklearn.cluster import DBSCAN

from facesort.core.clustering import NOISE, cluster_faces


def people(counts: list[int], spread: float = 0.02, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Faces of some people around orthogonal directions, and whose they are."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(len(counts)), counts)
    faces = np.eye(32)[owner] + rng.normal(0, spread, (len(owner), 32))
    return (faces / np.linalg.norm(faces, axis=1, keepdims=True)).astype(np.float32), owner


@pytest.mark.parametrize(
    ("counts", "sizes"),
    [
        ([], []),
        ([1], []),
        ([1, 1, 1], []),
        ([2], [2]),
        ([3, 1, 5], [5, 3]),
        ([2, 2], [2, 2]),
        ([400, 90, 2], [400, 90, 2]),  # more than a block, more than the neighbours that are kept
    ],
)
def test_people_are_told_apart_largest_first(counts: list[int], sizes: list[int]) -> None:
    faces, owner = people(counts)
    labels = cluster_faces(faces, np.arange(len(faces)), eps=0.6)
    assert [int((labels == label).sum()) for label in range(len(sizes))] == sizes
    assert labels.max(initial=NOISE) == len(sizes) - 1
    for label in range(len(sizes)):
        assert len(set(owner[labels == label])) == 1


def test_without_two_faces_in_a_photo_it_is_dbscan() -> None:
    faces, _ = people([6, 4, 3, 1], spread=0.12)
    own = cluster_faces(faces, np.arange(len(faces)), eps=0.9)
    plain = DBSCAN(eps=0.9, min_samples=2).fit_predict(faces)
    groups = {frozenset(np.flatnonzero(own == label)) for label in set(own) - {NOISE}}
    assert groups == {frozenset(np.flatnonzero(plain == label)) for label in set(plain) - {NOISE}}
    assert groups


@given(
    photos=st.lists(st.integers(0, 12), min_size=1, max_size=60),
    spread=st.sampled_from([0.01, 0.1, 0.3]),
    seed=st.integers(0, 99),
)
def test_two_faces_of_one_photo_are_never_one_person(
    photos: list[int], spread: float, seed: int
) -> None:
    faces, _ = people([len(photos)], spread, seed)
    photo_ids = np.array(photos)
    labels = cluster_faces(faces, photo_ids, eps=0.9)
    for label in set(labels) - {NOISE}:
        inside = photo_ids[labels == label]
        assert len(set(inside)) == len(inside) >= 2


def test_two_people_chained_by_a_face_between_them_come_apart_if_they_share_a_photo() -> None:
    angles = np.array([0, 5, 30, 55, 60]) * np.pi / 180
    faces = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    apart = np.arange(5)
    assert set(cluster_faces(faces, apart, eps=0.5)) == {0}
    together = np.array([0, 1, 2, 3, 0])
    labels = cluster_faces(faces, together, eps=0.5)
    assert labels[0] == labels[1] != labels[3] == labels[4]


def test_a_mirror_costs_one_face_and_not_the_cluster() -> None:
    faces, _ = people([60], spread=0.12)
    photo_ids = np.arange(60)
    photo_ids[59] = 0  # the same person twice in the first photo
    labels = cluster_faces(faces, photo_ids, eps=1.0)
    assert sorted(set(labels)) == [NOISE, 0]
    assert (labels == NOISE).sum() == 1
    assert NOISE in (labels[0], labels[59])
