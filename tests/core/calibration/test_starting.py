"""Thresholds to start from, on drawn embeddings whose true rates are known."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from facesort.core.calibration.crowd import photo_pairs
from facesort.core.calibration.rates import Rate
from facesort.core.calibration.starting import (
    NAMED,
    PERSONS,
    LabelledFaces,
    from_labels,
    from_pairs,
    from_photos,
    refuse_unsure,
)
from facesort.core.calibration.tail import Estimate
from facesort.core.groups.linkage import mean_cosine, rms_distance
from facesort.core.records import Embeddings
from facesort.errors import GalleryError, InsufficientTrialsError

DIM = 128


def drawn(people: int, photos: int, *, seed: int = 0, noise: float = 0.6) -> LabelledFaces:
    """Faces around random directions, which are about at right angles to each other."""
    rng = np.random.default_rng(seed)
    persons = np.repeat(np.arange(people), photos)
    centres = rng.normal(size=(people, DIM))
    faces = centres[persons] + noise * rng.normal(size=(len(persons), DIM))
    faces /= np.linalg.norm(faces, axis=1)[:, None]
    photos = tuple(f"{person}/{number}.jpg" for number, person in enumerate(persons))
    return LabelledFaces(faces.astype(np.float32), persons, np.ones(len(persons)), photos)


@cache
def cosines() -> NDArray[np.float32]:
    """Of ten million random pairs, in order."""
    rng = np.random.default_rng(7)
    one = rng.normal(size=(5_000, DIM)).astype(np.float32)
    one /= np.linalg.norm(one, axis=1)[:, None]
    return np.sort((one @ one.T)[np.triu_indices(len(one), 1)])


def true_loose() -> float:
    """Distance within which so many of random pairs are."""
    wanted = round(NAMED / PERSONS * len(cosines()))
    return float(rms_distance(float(cosines()[-wanted])))


def true_fpir(loose: float) -> float:
    """Share of strangers that are named, by the union bound."""
    return float(PERSONS * (cosines() >= mean_cosine(loose)).mean())


def test_loose_is_the_distance_within_which_so_many_strangers_are_named() -> None:
    found, truth = from_labels(drawn(250, 3)), true_loose()

    assert found.exact.value == pytest.approx(truth, abs=0.04)
    assert found.exact.low < found.exact.value < found.exact.high
    assert found.loose == int(100 * found.exact.value) / 100
    assert found.strict < found.loose
    named = true_fpir(found.loose)
    assert named < found.fpir.value < 3 * named  # the tail overestimates rather
    assert found.fpir.low < named < found.fpir.high


def test_labels_tell_how_many_known_faces_are_missed() -> None:
    sharp, blurred = from_labels(drawn(160, 3)), from_labels(drawn(160, 3, noise=1.4))

    assert sharp.fnir is not None
    assert blurred.fnir is not None
    assert sharp.counted is not None
    assert sharp.gallery == PERSONS
    assert sharp.fnir.value < 0.01 < 0.5 < blurred.fnir.value
    assert blurred.fnir.low < blurred.fnir.value < blurred.fnir.high
    assert sharp.counted.low <= true_fpir(sharp.loose) <= sharp.counted.high


def test_people_who_are_in_two_folders_are_not_measured() -> None:
    """Then a person is a stranger to the own other half, and nearer than any stranger is."""
    once = drawn(250, 4)
    twice = np.where(
        (once.persons < 40) & (np.arange(1000) % 4 > 1), once.persons + 250, once.persons
    )

    with pytest.raises(GalleryError, match="see whether a person is in two folders"):
        refuse_unsure(from_labels(replace(once, persons=twice)))


def test_what_was_counted_is_believed_before_the_tail() -> None:
    found = from_labels(drawn(160, 3))
    counted = Rate(0.05, 50, 1000, 160, 160.0, 0.02, 0.1)

    with pytest.raises(GalleryError, match=r"5 % of strangers' faces were named, and 0\.1 %"):
        refuse_unsure(replace(found, counted=counted))


def test_a_picture_of_two_people_is_named() -> None:
    faces = drawn(100, 3)
    faces.embeddings[7] = faces.embeddings[200]

    with pytest.raises(GalleryError) as refused:
        from_labels(faces)
    assert "'2/7.jpg'" in str(refused.value)
    assert "'66/200.jpg'" in str(refused.value)


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


def in_photos(
    photos: int, seed: int = 3, dim: int = DIM
) -> list[tuple[NDArray[np.float32], Embeddings]]:
    rng = np.random.default_rng(seed)
    faces = rng.normal(size=(photos, 4, dim))
    faces /= np.linalg.norm(faces, axis=2)[:, :, None]
    apart = np.array([[100 * i, 0, 100 * i + 50, 50] for i in range(4)], np.float32)
    return [(apart, four) for four in faces.astype(np.float32)]


def test_people_who_are_in_a_photo_twice_change_nothing() -> None:
    photos = in_photos(300)
    for _, faces in photos[:6]:  # a mirror, a poster
        faces[1] = faces[0]

    found, undisturbed = from_photos(photos, 0.8), from_photos(in_photos(300), 0.8)

    assert found.twice == 6
    assert undisturbed.twice == 0
    assert found.loose == pytest.approx(undisturbed.loose, abs=0.02)


def test_strangers_within_strict_are_not_taken_for_mirrors() -> None:
    """With 6 dimensions, strangers are as near as that, and leaving them out would hide it."""
    with pytest.raises(GalleryError, match=r"within STRICT 0\.80, and others nearly are"):
        from_photos(in_photos(300, dim=6), 0.8)


def test_a_sample_that_says_too_little_is_refused() -> None:
    with pytest.raises(InsufficientTrialsError, match=r"26 people are too few .* about \d+ are"):
        refuse_unsure(from_labels(drawn(26, 2)))
    refuse_unsure(from_labels(drawn(160, 3)))


def test_galleries_count_for_a_tail_that_says_little() -> None:
    found = from_labels(drawn(250, 3))
    tail = Estimate(0.001, 0.00001, 0.9)
    counted = Rate(0.0, 0, 1000, 500, 500.0, 0.0, 0.0074)

    refuse_unsure(replace(found, fpir=tail, counted=counted, gallery=150))
    with pytest.raises(InsufficientTrialsError, match=r"up to 2\.2 %"):
        refuse_unsure(replace(found, fpir=tail, counted=counted, gallery=50))


def test_a_network_that_tells_nobody_apart_is_refused() -> None:
    alike = drawn(200, 3)
    same = alike.embeddings + np.float32(0.9) * np.eye(1, DIM, dtype=np.float32)
    same[:, 0] += 40
    same += np.random.default_rng(4).normal(size=same.shape).astype(np.float32)
    same /= np.linalg.norm(same, axis=1)[:, None]

    with pytest.raises(GalleryError, match="does not tell these people apart"):
        refuse_unsure(from_labels(replace(alike, embeddings=same)))


@pytest.mark.parametrize("people", [2, 10])
def test_too_few_people_are_refused(people: int) -> None:
    with pytest.raises(InsufficientTrialsError, match="too few to find thresholds"):
        from_labels(drawn(people, 4))


def test_nobody_with_two_photos_says_nothing_about_misses() -> None:
    with pytest.raises(InsufficientTrialsError, match="at least two are needed"):
        from_labels(drawn(100, 1))
