"""From a gallery to a calibration: the sort's own distances, counted honestly."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from facesort.core.calibration import (
    Basis,
    Calibration,
    Comparisons,
    Targets,
    Trials,
    calibrate,
    compare,
    compare_crowd,
    gallery_fingerprint,
    photo_pairs,
    reference_pairs,
    suggest,
)
from facesort.core.persons.gallery import Gallery, Person, centroid
from facesort.core.persons.matching import (
    Thresholds,
    centroid_distances,
    decide_photo,
    distances_to_persons,
)
from facesort.core.records import Embeddings
from facesort.errors import GalleryError, InsufficientTrialsError, SettingsError
from facesort.faces.engines.synthetic import synthetic_embedding
from facesort.reasons import Outcome

RECOMMENDED = Thresholds(0.8, 1.0, 0.05)
NOBODY_LABELLED = np.empty((0, 128), np.float32), np.empty(0, np.int64)


def embed(identity: int, *variations: int) -> Embeddings:
    return np.stack([synthetic_embedding(identity, v) for v in variations])


def make_gallery(references: dict[int, Embeddings]) -> Gallery:
    persons = tuple(Person(p, f"Person {p}", f"Person {p}") for p in sorted(references))
    return Gallery(persons, references)


def population(people: int, photos: int, seed: int, spread: float = 0.8) -> Embeddings:
    """Random people in a space so small that some look alike; shape (people, photos, 24)."""
    rng = np.random.default_rng(seed)
    own = rng.normal(size=(people, 1, 24))
    vectors = own + spread * rng.normal(size=(people, photos, 24))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=2, keepdims=True), np.float32)


def event(enrolled: int, strangers: int, seed: int = 1) -> tuple[Gallery, Comparisons]:
    """Persons with three references and two labelled photos each, and strangers with one."""
    faces = population(enrolled + strangers, 5, seed)
    gallery = make_gallery({i + 1: faces[i, :3] for i in range(enrolled)})
    known = faces[:enrolled, 3:].reshape(-1, 24)
    labelled = np.vstack([known, faces[enrolled:, 0]])
    ids = np.r_[np.repeat(np.arange(enrolled) + 1, 2), 900 + np.arange(strangers)]
    return gallery, compare(gallery, labelled, ids)


# -- comparisons ------------------------------------------------------------------------------------------


def test_an_empty_gallery_is_refused() -> None:
    with pytest.raises(GalleryError, match="nobody is in the gallery"):
        compare(make_gallery({}), *NOBODY_LABELLED)


def test_a_reference_is_left_out_of_its_own_centroid() -> None:
    a, b = embed(1, 60, 90, 120), embed(2, 70)
    found = compare(make_gallery({1: a, 2: b}), *NOBODY_LABELLED)
    assert found.distances.shape == (4, 2)
    expected = centroid_distances(a[1][None], np.stack([centroid(a[[0, 2]]), b[0]]))[0]
    assert found.distances[1].tolist() == expected.tolist()
    assert np.isnan(found.distances[3, 1])  # the only reference of person 2
    assert found.persons.tolist() == [0, 0, 0, 1]
    assert len(found.fnmr()) == 3


def test_labelled_faces_get_the_distances_that_the_sort_stores() -> None:
    gallery = make_gallery({1: embed(1, 60, 90), 2: embed(2, 70, 80)})
    faces = np.vstack([embed(1, 150), embed(9, 40)])
    found = compare(gallery, faces, np.array([1, 77]))
    labelled = found.distances[~found.references]
    distances = distances_to_persons(faces, gallery.centroids())
    assert labelled.tolist() == distances.tolist()
    decisions = decide_photo(distances, gallery.person_ids, RECOMMENDED)
    assert labelled[0, 0] == np.float32(decisions[0].distance)
    assert found.persons.tolist()[-2:] == [0, 2]  # the stranger's number comes after the gallery's


def test_what_was_learned_counts_if_it_is_given() -> None:
    gallery = make_gallery({1: embed(1, 60, 90), 2: embed(2, 70)})
    learned = gallery.learn([(p, synthetic_embedding(p, 240)) for p in (1, 2)])
    found = compare(learned, *NOBODY_LABELLED)
    expected = centroid_distances(embed(1, 60), centroid(embed(1, 90, 240))[None])[0, 0]
    assert found.distances[0, 0] == pytest.approx(expected, abs=1e-6)
    assert expected > centroid_distances(embed(1, 60), embed(1, 90))[0, 0]
    assert np.isnan(found.distances[2, 1])  # the only reference of person 2, whatever was learned


def test_copies_of_a_picture_prove_nothing() -> None:
    twice = np.vstack([embed(1, 60), embed(1, 60), embed(1, 90)])
    found = compare(make_gallery({1: twice, 2: embed(2, 70)}), embed(1, 90), np.array([1]))
    own = found.distances[:3, 0]
    assert np.isnan(own[:2]).all() and np.isfinite(own[2])
    assert len(found.persons) == 4  # the labelled copy of a reference is left out


def test_one_picture_of_two_people_is_refused() -> None:
    gallery = make_gallery({1: embed(1, 60, 90), 2: embed(2, 70), 3: embed(1, 60)})
    with pytest.raises(GalleryError, match="'Person 1' and of 'Person 3'"):
        compare(gallery, *NOBODY_LABELLED)
    with pytest.raises(
        GalleryError, match="a reference of 'Person 2' is among the labelled photos"
    ):
        compare(make_gallery({1: embed(1, 60), 2: embed(2, 70)}), embed(2, 70), np.array([1]))


def test_a_gallery_of_one_has_no_impostors_but_may_have_strangers() -> None:
    gallery = make_gallery({1: embed(1, 60, 90)})
    alone = compare(gallery, *NOBODY_LABELLED)
    assert (len(alone.fpir()), len(alone.fmr()), len(alone.fnir())) == (0, 0, 2)
    with pytest.raises(InsufficientTrialsError, match="no faces of strangers"):
        alone.fpir().at(1.0)
    beside = compare(gallery, embed(5, 60, 80), np.array([50, 51]))
    assert beside.fpir().at(2.0).errors == 2
    assert beside.wrong_learning(0.05).at(2.0).errors == 2  # there is no runner-up to beat


def grid_of(rows: list[list[float]], persons: list[int]) -> Comparisons:
    distances = np.array(rows, dtype=np.float32)
    return Comparisons(distances, np.array(persons), np.zeros(len(persons), dtype=bool))


@pytest.mark.parametrize(
    ("row", "person", "missed"),
    [
        ([0.5, 0.9], 0, False),
        ([1.0, 1.2], 0, False),  # exactly at the threshold
        ([1.1, 1.2], 0, True),  # beyond it
        ([0.9, 0.5], 0, True),  # somebody else is nearer
        ([0.5, 0.5], 0, True),  # a tie is no hit, whoever comes first
        ([0.5, 0.5], 1, True),
    ],
)
def test_fnir_wants_the_right_person_first_and_within(
    row: list[float], person: int, missed: bool
) -> None:
    assert grid_of([row], [person]).fnir().at(1.0).errors == int(missed)


def test_fpir_of_gallery_persons_is_scaled_to_the_whole_gallery() -> None:
    found = grid_of([[0.2, 0.9, 1.5], [0.9, 0.2, 1.5], [1.5, 1.5, 0.2]], [0, 1, 2]).fpir()
    rate = found.at(1.0)
    assert rate.errors == 2
    assert rate.value == pytest.approx(2 / 3 * 3 / 2)
    stranger = grid_of([[1.2, 0.9, 1.5], [1.2, 1.3, 1.5]], [3, 4]).fpir()
    assert stranger.at(1.0).value == 0.5
    assert stranger.others.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("row", "learned"),
    [([0.5, 0.9], True), ([0.5, 0.52], False), ([0.9, 1.5], False)],
)
def test_wrong_learning_needs_strict_and_the_margin(row: list[float], learned: bool) -> None:
    found = grid_of([row], [7]).wrong_learning(0.05).at(0.8)
    assert found.errors == int(learned)
    decision = decide_photo(
        np.array([row], np.float32), np.array([1, 2]), Thresholds(0.8, 1.0, 0.05)
    )
    assert (decision[0].outcome is Outcome.STRICT) is learned


def test_fnir_takes_references_only_where_labelled_faces_are_of_fewer_persons() -> None:
    faces = population(4, 4, seed=2)
    gallery = make_gallery({i + 1: faces[i, :2] for i in range(4)})
    few = compare(gallery, faces[:1, 2], np.array([1]))
    all_four = compare(gallery, faces[:, 2], np.array([1, 2, 3, 4]))
    assert (len(few.fnir()), len(few.fnmr())) == (8, 9)
    assert (len(all_four.fnir()), len(all_four.fnmr())) == (4, 12)


@settings(max_examples=50)
@given(st.integers(0, 50), st.randoms(use_true_random=False))
def test_the_order_of_persons_and_faces_does_not_matter(seed: int, random: Any) -> None:
    faces = population(8, 3, seed)
    order = list(range(8))
    random.shuffle(order)
    values = []
    for names in (range(8), order):
        gallery = make_gallery({position: faces[i, :2] for position, i in enumerate(names)})
        ids = np.arange(8)
        found = compare(gallery, faces[list(names), 2], ids)
        grid = np.linspace(0.5, 2, 16)
        values.append(
            [t.values(grid) for t in (found.fpir(), found.fnir(), found.fmr(), found.fnmr())]
        )
    for one, other in zip(*values, strict=True):
        assert one == pytest.approx(other)


def test_false_positives_cover_the_truth_of_other_galleries_of_the_population() -> None:
    """FPIR at a fixed threshold, averaged over galleries, must lie in about 95 % of the intervals."""
    threshold, seeds = 0.9, range(80)
    found = [event(20, 60, seed)[1].fpir().at(threshold) for seed in seeds]
    truth = float(
        np.mean([strangers_of(event(20, 400, 1000 + s)[1]).at(threshold).value for s in range(30)])
    )
    assert 0.01 < truth < 0.1
    covered = sum(rate.low <= truth <= rate.high for rate in found)
    assert covered >= 0.92 * len(found)
    assert np.median([rate.high - rate.low for rate in found]) < 0.1  # not by being useless


def strangers_of(comparisons: Comparisons) -> Trials:
    trials = comparisons.fpir()
    return trials.only(trials.persons >= comparisons.gallery)


# -- the crowd --------------------------------------------------------------------------------------------

STRICT = 0.3


def boxes(*lefts: float) -> np.ndarray:
    return np.array([[left, 0, left + 100, 100] for left in lefts], dtype=np.float32)


@pytest.mark.parametrize(
    ("lefts", "pairs"),
    [
        ((), 0),
        ((0,), 0),
        ((0, 200), 1),
        ((0, 90), 1),
        ((0, 10), 0),
        ((0, 10, 300), 2),
        ((0, 200, 400), 3),
    ],
)
def test_pairs_within_a_photo_without_double_boxes(lefts: tuple[float, ...], pairs: int) -> None:
    faces = embed(1, *range(60, 60 + len(lefts))) if lefts else np.empty((0, 128), np.float32)
    found = photo_pairs([(boxes(*lefts).reshape(-1, 4), faces)], STRICT)
    assert len(found.by_photo) == len(found.by_people) == pairs


def test_pairs_have_the_distances_of_one_reference_centroids() -> None:
    one, other = embed(1, 60), embed(2, 70)
    expected = centroid_distances(one, centroid(other)[None])[0, 0]
    photo = (boxes(0, 200), np.vstack([one, other]))
    assert photo_pairs([photo], STRICT).by_photo.scores[0] == pytest.approx(expected, abs=1e-6)
    assert reference_pairs(make_gallery({1: one, 2: other})).scores[0] == pytest.approx(
        expected, abs=1e-6
    )


def group_photos(faces: Embeddings, size: int) -> list[tuple[np.ndarray, Embeddings]]:
    return [
        (boxes(*(200 * np.arange(size))), faces[start : start + size])
        for start in range(0, len(faces) - size + 1, size)
    ]


def test_a_family_is_a_harder_crowd_and_other_strangers_are_not() -> None:
    gallery = make_gallery({i + 1: f for i, f in enumerate(population(60, 3, seed=4))})
    strangers = population(240, 1, seed=5)[:, 0]
    family = strangers + 0.15 * population(1, 1, seed=6)[0, 0] * 4
    family /= np.linalg.norm(family, axis=1, keepdims=True)
    thresholds = Thresholds(0.3, 1.1, 0.05)
    seeds = reference_pairs(gallery)
    usual = compare_crowd(photo_pairs(group_photos(strangers, 4), STRICT), seeds, thresholds)
    alike = compare_crowd(photo_pairs(group_photos(family, 4), STRICT), seeds, thresholds)
    assert not usual.harder and usual.low < 0 < usual.high
    assert alike.harder and alike.crowd.value > alike.seeds.value
    assert alike.crowd.persons == 60  # photos are independent, not their pairs
    assert not usual.too_few and usual.sentence.startswith("No sign that the people of this event")
    assert alike.sentence.startswith("The people of this event are harder to tell apart")


def test_few_pairs_are_not_told_as_no_difference() -> None:
    """Two photos show more than the references, but two photos are little."""
    gallery = make_gallery({i + 1: f for i, f in enumerate(population(6, 2, seed=4))})
    family = population(8, 1, seed=5)[:, 0] + 0.7 * population(1, 1, seed=6)[0, 0]
    photos = group_photos(family / np.linalg.norm(family, axis=1, keepdims=True), 4)
    seeds = reference_pairs(gallery)
    nearest = float(seeds.scores.min())

    found = compare_crowd(
        photo_pairs(photos, STRICT), seeds, Thresholds(0.3, nearest - 0.001, 0.05)
    )

    assert found.seeds.value == 0 < found.crowd.value
    assert found.too_few and not found.harder
    assert found.sentence.startswith("Too few pairs to tell whether the people of this event are")
    assert "% of 12 pairs in photos and 0 % of 60 pairs of references" in found.sentence


def test_somebody_in_a_mirror_does_not_make_a_crowd_hard() -> None:
    gallery = make_gallery({i + 1: f for i, f in enumerate(population(60, 3, seed=4))})
    strangers = population(40, 1, seed=5)[:, 0]
    mirrored = [(boxes(0, 200), np.stack([face, face])) for face in strangers]
    photos = group_photos(strangers, 4) + mirrored
    found = compare_crowd(
        photo_pairs(photos, STRICT), reference_pairs(gallery), Thresholds(0.3, 1.1, 0.05)
    )
    assert not found.harder
    assert found.suspects == 40


@pytest.mark.parametrize(("photos", "people"), [(0, 5), (5, 1)])
def test_a_crowd_cannot_be_compared_with_nothing(photos: int, people: int) -> None:
    gallery = make_gallery({i + 1: f for i, f in enumerate(population(people, 2, seed=4))})
    groups = group_photos(population(20, 1, seed=5)[:, 0], 4)[:photos]
    with pytest.raises(InsufficientTrialsError, match="pairs of"):
        compare_crowd(photo_pairs(groups, STRICT), reference_pairs(gallery), RECOMMENDED)


def test_chance_alone_rarely_makes_a_crowd_hard() -> None:
    """With crowds of the same population the test must not cry wolf much more often than in 2.5 % of cases."""
    cries = 0
    for seed in range(60):
        faces = population(110, 2, seed=seed)
        gallery = make_gallery({i + 1: f for i, f in enumerate(faces[:30])})
        crowd = photo_pairs(group_photos(faces[30:, 0], 4), STRICT)
        cries += compare_crowd(crowd, reference_pairs(gallery), Thresholds(0.3, 1.15, 0.05)).harder
    assert cries <= 5  # 1.5 are expected; more than 5 has a chance of 0.4 %


def test_friends_who_are_in_many_photos_do_not_make_a_crowd_hard() -> None:
    """Twenty photos of the same four people tell little more than one does."""
    cries, groups = 0, 5
    for seed in range(60):
        faces = population(30 + 4 * groups, 20, seed=seed)
        gallery = make_gallery({i + 1: f[:2] for i, f in enumerate(faces[:30])})
        photos = [photo for shot in range(20) for photo in group_photos(faces[30:, shot], 4)]
        crowd = photo_pairs(photos, strict=0.8)
        cries += compare_crowd(crowd, reference_pairs(gallery), Thresholds(0.3, 1.15, 0.05)).harder
    assert cries <= 4  # 1.5 are expected; 5 if photos were taken for independent


# -- the suggestion ---------------------------------------------------------------------------------------


def test_enough_people_give_loose_from_the_data() -> None:
    _, found = event(40, 120)
    suggestion = suggest(found, RECOMMENDED, Targets(fpir=0.05))
    loose = suggestion.loose
    assert loose.basis is Basis.DATA and loose.persons_needed == 19
    assert loose.rate.value <= 0.05 < found.fpir().at(loose.threshold + 0.02).value
    assert "160 people" in loose.sentence


def test_too_few_people_keep_the_recommendation_and_say_what_is_needed() -> None:
    _, found = event(20, 30)
    low = Thresholds(0.3, 0.4, 0.05)
    suggestion = suggest(found, low, Targets(fpir=0.01))
    assert (suggestion.strict.threshold, suggestion.loose.threshold) == (0.3, 0.4)
    assert suggestion.loose.basis is suggestion.strict.basis is Basis.RECOMMENDED
    assert "which needs 99" in suggestion.loose.sentence
    assert "which needs 9,999" in suggestion.strict.sentence


def test_a_recommendation_that_the_data_contradict_is_lowered() -> None:
    _, found = event(20, 30)
    suggestion = suggest(found, Thresholds(1.2, 1.3, 0.05), Targets(fpir=0.01))
    assert suggestion.loose.basis is Basis.LOWERED
    assert suggestion.loose.rate.errors == 0
    assert suggestion.strict.threshold <= suggestion.loose.threshold
    assert "too high" in suggestion.loose.sentence


@settings(max_examples=50)
@given(
    st.integers(2, 12), st.integers(0, 40), st.floats(0.001, 0.5), st.floats(0, 2), st.floats(0, 2)
)
def test_a_suggestion_is_always_usable(
    enrolled: int, strangers: int, target: float, one: float, other: float
) -> None:
    _, found = event(enrolled, strangers, seed=enrolled)
    recommended = Thresholds(min(one, other), max(one, other), 0.05)
    suggestion = suggest(found, recommended, Targets(target, target / 100))
    strict, loose = suggestion.strict, suggestion.loose
    Thresholds(strict.threshold, loose.threshold, 0.05)  # refuses STRICT above LOOSE
    if loose.basis is Basis.DATA:
        assert loose.rate.value <= target
    if strict.basis is Basis.DATA:
        assert strict.rate.value <= target / 100


@pytest.mark.parametrize(
    ("references", "labelled", "message"),
    [
        # a gallery of one person
        ({1: embed(1, 60, 90)}, {}, "one person, and there are labelled photos of 0 strangers"),
        ({1: embed(1, 60, 90)}, {7: embed(7, 60)}, "labelled photos of 1 stranger\\."),
    ],
)
def test_too_little_to_compare_is_a_sentence(
    references: dict[int, Embeddings], labelled: dict[int, Embeddings], message: str
) -> None:
    faces = np.vstack(list(labelled.values())) if labelled else NOBODY_LABELLED[0]
    found = compare(make_gallery(references), faces, np.array(list(labelled), dtype=np.int64))
    with pytest.raises(InsufficientTrialsError, match=message):
        suggest(found, RECOMMENDED, Targets())


@pytest.mark.parametrize("value", [0.0, 1.0, -0.1, float("nan")])
def test_targets_are_rates(value: float) -> None:
    with pytest.raises(SettingsError, match="between 0 and 1"):
        Targets(fpir=value)


@pytest.mark.parametrize(
    ("references", "persons"),
    [
        ({1: embed(1, 60), 2: embed(2, 70)}, "0 persons"),
        ({1: embed(1, 60, 60), 2: embed(2, 70, 70)}, "0 persons"),  # pairs of identical ones
        ({1: embed(1, 60, 90), 2: embed(2, 70)}, "1 person"),
    ],
)
def test_one_reference_each_tells_of_strangers_and_nothing_of_misses(
    references: dict[int, Embeddings], persons: str
) -> None:
    gallery = make_gallery(references)
    found = make_calibration(gallery, compare(gallery, *NOBODY_LABELLED))
    point = found.suggested
    assert (point.fnir, point.fnmr) == (None, None)
    assert (point.fpir.persons, point.wrong_learning.persons, point.fmr.persons) == (2, 2, 2)
    assert found.not_known.startswith("How many photos of known people a sort misses (FNIR, FNMR)")
    assert f": {persons} can be compared with another photo of their own" in found.not_known


def test_loose_is_the_same_with_and_without_what_tells_of_misses() -> None:
    """Who is a stranger to whom does not depend on a second photo of anybody."""
    faces = population(40, 1, seed=3)
    one_each = make_gallery({i + 1: faces[i] for i in range(40)})
    found = make_calibration(one_each, compare(one_each, *NOBODY_LABELLED))
    assert found.suggestion.loose.basis is Basis.DATA
    assert found.suggested.fpir.value <= 0.05
    _, full = event(40, 0)
    assert make_calibration(*event(40, 0)).not_known == ""
    assert full.tells_misses


# -- the result -------------------------------------------------------------------------------------------


def make_calibration(gallery: Gallery, found: Comparisons, **changes: Any) -> Calibration:
    values: dict[str, Any] = {
        "pack": ("synthetic", "0" * 64),
        "recommended": RECOMMENDED,
        "current": RECOMMENDED,
        "targets": Targets(fpir=0.05),
        "date": datetime(2026, 10, 1, 12, tzinfo=UTC),
    }
    return calibrate(found, gallery, **(values | changes))


def test_a_calibration_is_json_without_names_and_embeddings() -> None:
    gallery, found = event(40, 120)
    result = make_calibration(gallery, found)
    text = json.dumps(result.to_json(), allow_nan=False)
    assert "Person" not in text and len(text) < 5000
    plain = json.loads(text)
    assert plain["date"] == "2026-10-01T12:00:00+00:00"
    assert plain["suggestion"]["loose"]["basis"] == "data"
    assert plain["counts"] == {
        "persons": 40,
        "references": 120,
        "labelled_persons": 40,
        "labelled_faces": 80,
        "strangers": 120,
        "stranger_faces": 120,
        "genuine": 200,
        "impostor": 200 * 39 + 120 * 40,
    }
    assert plain["suggested"]["thresholds"]["loose"] == result.thresholds.loose


def test_the_same_data_give_the_same_calibration_and_others_another() -> None:
    gallery, found = event(40, 120)
    first = make_calibration(gallery, found)
    assert first == make_calibration(gallery, found)
    later = make_calibration(gallery, found, date=datetime(2026, 10, 2, tzinfo=UTC))
    assert first.calibration_id != later.calibration_id
    assert len(first.calibration_id) == 12


def test_the_fingerprint_follows_the_references_alone() -> None:
    gallery = make_gallery({1: embed(1, 60, 90), 2: embed(2, 70)})
    same = replace(gallery, references={2: embed(2, 70), 1: embed(1, 90, 60)})
    learned = gallery.learn([(1, synthetic_embedding(1, 100))])
    more = replace(gallery, references={1: embed(1, 60, 90), 2: embed(2, 70, 80)})
    moved = make_gallery({1: embed(1, 60), 2: np.vstack([embed(1, 90), embed(2, 70)])})
    print_of = gallery_fingerprint(gallery)
    assert gallery_fingerprint(same) == gallery_fingerprint(learned) == print_of
    assert print_of not in {gallery_fingerprint(more), gallery_fingerprint(moved)}
