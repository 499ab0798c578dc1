"""Thresholds to start from, on drawn embeddings whose true rates are known."""

from __future__ import annotations

import numpy as np
import pytest

from facesort.core.calibration.crowd import photo_pairs
from facesort.core.calibration.starting import (
    NAMED,
    PERSONS,
    LabelledFaces,
    from_labels,
    from_pairs,
)
from facesort.core.groups.linkage import rms_distance
from facesort.errors import InsufficientTrialsError

DIM = 128


def drawn(people: int, photos: int, *, seed: int = 0, noise: float = 0.6) -> LabelledFaces:
    """Faces around random directions, which are about at right angles to each other."""
    rng = np.random.default_rng(seed)
    persons = np.repeat(np.arange(people), photos)
    centres = rng.normal(size=(people, DIM))
    faces = centres[persons] + noise * rng.normal(size=(len(persons), DIM))
    faces /= np.linalg.norm(faces, axis=1)[:, None]
    return LabelledFaces(faces.astype(np.float32), persons, np.ones(len(persons)))


def true_loose() -> float:
    """Distance within which so many of random pairs are, by ten million of them."""
    rng = np.random.default_rng(7)
    one = rng.normal(size=(5_000, DIM)).astype(np.float32)
    one /= np.linalg.norm(one, axis=1)[:, None]
    cosines = (one @ one.T)[np.triu_indices(len(one), 1)]
    wanted = round(NAMED / PERSONS * len(cosines))
    return float(rms_distance(float(np.sort(cosines)[-wanted])))


def test_loose_is_the_distance_within_which_so_many_strangers_are_named() -> None:
    found, truth = from_labels(drawn(250, 3)), true_loose()

    assert found.exact.value == pytest.approx(truth, abs=0.04)
    assert found.exact.low < found.exact.value < found.exact.high
    assert found.loose <= found.exact.value < found.loose + 0.01
    assert found.strict < found.loose
    assert found.fpir.low <= NAMED
    assert found.fpir.value <= NAMED
    assert found.fpir.value < found.fpir.high


def test_labels_tell_how_many_known_faces_are_missed() -> None:
    sharp, blurred = from_labels(drawn(160, 3)), from_labels(drawn(160, 3, noise=1.4))

    assert sharp.fnir is not None
    assert blurred.fnir is not None
    assert sharp.counted is not None
    assert sharp.gallery == PERSONS
    assert sharp.fnir.value < 0.01 < 0.5 < blurred.fnir.value
    assert blurred.fnir.low < blurred.fnir.value < blurred.fnir.high
    assert sharp.counted.low <= NAMED


def test_the_widest_loose_takes_a_hundred_people() -> None:
    many, few = from_labels(drawn(160, 3)), from_labels(drawn(60, 3))

    assert few.widest_loose is None
    assert many.widest_loose is not None
    assert many.loose < many.widest_loose <= 1.15 * many.loose


def test_pairs_in_photos_give_about_the_same_without_labels() -> None:
    faces = drawn(400, 1, seed=3).embeddings.reshape(100, 4, DIM)
    apart = np.array([[100 * i, 0, 100 * i + 50, 50] for i in range(4)], np.float32)

    pairs = photo_pairs([(apart, four) for four in faces], 0.8)
    found = from_pairs(pairs.by_photo, pairs.by_people)

    assert found.pairs == 600
    assert found.units == 100
    assert found.fnir is found.counted is found.widest_loose is None
    assert found.exact.low < true_loose() < found.exact.high
    by_labels = from_labels(drawn(250, 3)).exact
    assert found.exact.high - found.exact.low > by_labels.high - by_labels.low


def test_few_people_in_many_photos_are_no_more_evidence() -> None:
    rng = np.random.default_rng(1)
    guests = drawn(24, 1, seed=5).embeddings
    apart = np.array([[100 * i, 0, 100 * i + 50, 50] for i in range(4)], np.float32)
    photos = [(apart, guests[rng.choice(24, 4, replace=False)]) for _ in range(200)]

    pairs = photo_pairs(photos, 0.5)
    alone, both = from_pairs(pairs.by_photo), from_pairs(pairs.by_photo, pairs.by_people)

    assert both.exact.high - both.exact.low > 1.5 * (alone.exact.high - alone.exact.low)


@pytest.mark.parametrize("people", [2, 10])
def test_too_few_people_are_refused(people: int) -> None:
    with pytest.raises(InsufficientTrialsError, match="too few to find thresholds"):
        from_labels(drawn(people, 4))


def test_nobody_with_two_photos_says_nothing_about_misses() -> None:
    with pytest.raises(InsufficientTrialsError, match="at least two are needed"):
        from_labels(drawn(100, 1))
