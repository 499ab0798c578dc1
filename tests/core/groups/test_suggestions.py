"""Groups that may be one person, or somebody in the gallery."""

from __future__ import annotations

import numpy as np

from facesort.core.groups.suggestions import suggestions
from facesort.core.persons.sightings import Sightings

DIM = 64


def group(direction: int, *, towards: int = 0, lean: float = 0.0, faces: int = 6) -> np.ndarray:
    """Faces of one person, far from each other and near to their centroid."""
    rng = np.random.default_rng(direction)
    found = rng.normal(0, 1 / np.sqrt(DIM), (faces, DIM)).astype(np.float32)
    found -= found.mean(axis=0)
    found[:, direction] += 1
    found[:, towards] += lean
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def photos(*numbers: int) -> list[Sightings]:
    return [Sightings.of_photos(np.array([number])) for number in numbers]


def test_groups_are_suggested_by_their_centroids_the_nearest_first() -> None:
    persons, others = (
        [group(1)],
        [group(2, towards=1, lean=1.0), group(3), group(4, towards=3, lean=1.5)],
    )
    found = suggestions(persons, others, (photos(1), photos(2, 3, 4)), 1.0)
    assert [(each.person, each.groups) for each in found] == [(0, (0,)), (-1, (1, 2))]
    mean_pair = np.sqrt(2 - 2 * (persons[0] @ others[0].T).mean())
    assert found[0].distance < 1.0 < mean_pair, "between the members it is more"


def test_nobody_is_twice_in_a_photo() -> None:
    persons, others = [group(1)], [group(2, towards=1, lean=1.0)]
    assert suggestions(persons, others, (photos(7), photos(7)), 1.0) == []


def test_without_groups_there_is_nothing_to_ask() -> None:
    assert suggestions([group(1)], [], (photos(1), []), 1.0) == []
