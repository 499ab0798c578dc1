"""Average linkage of faces together with references."""

from __future__ import annotations

import numpy as np
import pytest

from facesort.core.groups import neighbours
from facesort.core.groups.linkage import Linkage, link, mean_cosine, rms_distance
from facesort.core.persons.sightings import Sightings

DIM = 64


def unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), np.float32)


def drawn(
    people: int, photos_each: int, *, seed: int = 0, spread: float = 1.0, strangers: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Faces, persons of the faces, and references; each person once in a photo."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((people, DIM))
    person = np.repeat(np.arange(people), photos_each)
    faces = centres[person] + spread * rng.standard_normal((len(person), DIM))
    lone = rng.standard_normal((strangers, DIM))
    references = centres + 0.5 * spread * rng.standard_normal((people, DIM))
    return (
        unit(np.concatenate([faces, lone])),
        np.concatenate([person, np.full(strangers, -1)]),
        unit(references),
    )


def linked(
    faces: np.ndarray, references: np.ndarray, photos: object = None, **more: object
) -> Linkage:
    n = len(faces)
    seen = photos
    if not isinstance(photos, Sightings):
        seen = Sightings.of_photos(np.arange(n) if photos is None else np.array(photos))
    return link(faces, seen, references, order=np.arange(n), lowest=0.25, **more)  # type: ignore[arg-type]


def greedy(
    faces: np.ndarray, sightings: Sightings, references: np.ndarray, lowest: float
) -> list[tuple[int, float]]:
    """One pair of groups at a time, all compared with all: the definition, slowly."""
    n_persons = len(references)
    nodes = np.concatenate([references, faces]).astype(np.float64)
    groups = {i: [i] for i in range(len(nodes))}
    total = dict(enumerate(nodes))
    score = {i: (-1, -1.0) for i in range(len(nodes))}

    def meet(*two: int) -> bool:
        one, other = (np.array([i for i in groups[k] if i >= n_persons], int) for k in two)
        pairs = np.meshgrid(one - n_persons, other - n_persons)
        return bool(sightings.meet(*(rows.ravel() for rows in pairs)).any())

    while True:
        best, pair = lowest, None
        for a in groups:
            for b in groups:
                if a < b and b >= n_persons and not meet(a, b):
                    mean = total[a] @ total[b] / len(groups[a]) / len(groups[b])
                    if mean >= best:
                        best, pair = mean, (a, b)
        if pair is None:
            return [score[i + n_persons] for i in range(len(faces))]
        a, b = pair
        if a < n_persons:
            score.update({i: (a, best) for i in groups[b]})
        groups[a] += groups.pop(b)
        total[a] = total[a] + total[b]


@pytest.mark.parametrize("clips", [False, True])
def test_rounds_join_what_joining_one_pair_at_a_time_joins(clips: bool) -> None:
    faces, _, references = drawn(6, 6, spread=1.2, strangers=6)
    rng = np.random.default_rng(1)
    seen = Sightings.of_photos(rng.permutation(len(faces)) // 2)
    if clips:  # 14 tracks each
        first = rng.integers(0, 50, len(faces)) * 200
        last = first + rng.integers(0, 10, len(faces)) * 200
        seen = Sightings(seen.photo_ids // 7, first, last)
    found = linked(faces, references, seen)
    expected = greedy(faces, seen, references, 0.25)
    assert found.person.tolist() == [person for person, _ in expected]
    np.testing.assert_allclose(found.score, [s for _, s in expected], atol=1e-6)
    assert (found.person >= 0).sum() >= 30


def test_result_of_a_face_does_not_depend_on_its_row() -> None:
    faces, _, references = drawn(20, 12, spread=1.3, strangers=60)
    faces[50:60] = faces[40:50]  # ties
    photos = np.random.default_rng(1).permutation(len(faces)) // 2
    order = np.random.default_rng(2).permutation(len(faces))
    one = link(faces, Sightings.of_photos(photos), references, order=order, lowest=0.2)
    for seed in range(3):
        to = np.random.default_rng(seed).permutation(len(faces))
        other = link(
            faces[to], Sightings.of_photos(photos[to]), references, order=order[to], lowest=0.2
        )
        for name in ("score", "person", "joined"):
            np.testing.assert_array_equal(getattr(other, name), getattr(one, name)[to])
        np.testing.assert_array_equal(other.heights, one.heights)
        same = other.groups(0.4)
        before = one.groups(0.4)[to]
        np.testing.assert_array_equal(same[:, None] == same, before[:, None] == before)


def test_a_face_far_from_its_reference_comes_through_others() -> None:
    turning = [[np.cos(a), np.sin(a)] for a in (0.0, 0.5, 1.0, 1.5)]
    found = linked(unit(np.array(turning)), unit(np.array([[1.0, -0.1]])))
    assert found.person.tolist() == [0, 0, 0, 0]
    assert found.score[3] > turning[3][0] + 0.2  # its own cosine with the reference is about 0


def test_faces_of_one_photo_are_never_joined() -> None:
    face = unit(np.eye(DIM)[:1])
    found = linked(np.repeat(face, 4, axis=0), face, photos=[7, 7, 8, 8])
    assert (found.person >= 0).sum() == 2
    for photo in (slice(0, 2), slice(2, 4)):
        assert len(set(found.groups(0.5)[photo])) == 2


def test_two_faces_of_one_photo_are_no_pair() -> None:
    face = unit(np.eye(DIM)[:1])
    found = linked(np.repeat(face, 2, axis=0), np.empty((0, DIM), np.float32), photos=[7, 7])
    assert found.groups(0.5).tolist() == [0, 1]


@pytest.mark.parametrize("first", [0, 1])
def test_content_decides_between_equal_faces(first: int) -> None:
    face = unit(np.eye(DIM)[:1])
    order = np.array([first, 1 - first])
    found = link(
        np.repeat(face, 2, axis=0),
        Sightings.of_photos(np.zeros(2, np.int64)),
        face,
        order=order,
        lowest=0.2,
    )
    assert found.person.tolist() == ([0, -1] if first == 0 else [-1, 0])


def test_groups_that_share_a_photo_are_never_joined() -> None:
    a, b = unit(np.array([[1, 0.3, 0], [1, -0.3, 0]]))
    found = linked(np.stack([a, a, b, b]), np.empty((0, 3), np.float32), photos=[1, 2, 2, 3])
    assert a @ b > 0.8
    assert found.groups(0.3).tolist() == [0, 0, 1, 1]


def test_references_are_never_joined() -> None:
    face = unit(np.eye(DIM)[:1])
    found = linked(face, np.repeat(face, 2, axis=0))
    assert found.person.tolist() == [0]
    assert found.merges.tolist() == [[0, 2]]


def test_a_yes_joins_and_brings_others() -> None:
    faces, person, references = drawn(2, 5)
    references[1] = unit(np.eye(DIM)[0] - (faces.T @ faces[:, 0]) / 40)  # not like its faces
    without = linked(faces, references)
    assert (without.person[person == 1] != 1).all()
    found = linked(faces, references, together=[(5, 1), (6, 1), (7, 1)])
    assert found.person[person == 1].tolist() == [1] * 5
    assert found.score[5:8].tolist() == [1, 1, 1]
    assert (found.person[person == 0] == 0).all()


def test_a_no_takes_away_one_face_and_not_the_others() -> None:
    faces, person, references = drawn(2, 6)
    found = linked(faces, references, apart=[(2, 0)])
    assert found.person[2] == -1
    assert np.delete(found.person, 2).tolist() == np.delete(person, 2).tolist()


def test_a_yes_takes_away_only_the_other_face_of_its_photo() -> None:
    faces, person, references = drawn(2, 6)
    photos = np.arange(12)
    photos[3] = photos[4]  # two faces as like the person as each other
    said = linked(faces, references, photos, together=[(3, 0)])
    assert said.person[4] == -1
    assert np.delete(said.person, 4).tolist() == np.delete(person, 4).tolist()


def test_a_yes_in_a_clip_takes_away_only_whom_the_track_meets() -> None:
    faces, person, references = drawn(2, 6)
    first = np.arange(12) * 1000
    first[4] = first[3]
    seen = Sightings(np.zeros(12, np.int64), first, first + 800)
    said = linked(faces, references, seen, together=[(3, 0)])
    assert said.person[4] == -1
    assert np.delete(said.person, 4).tolist() == np.delete(person, 4).tolist()


def test_a_yes_for_the_wrong_person_takes_no_other_face_along() -> None:
    faces, person, references = drawn(6, 12, spread=0.6)
    assert linked(faces, references).person.tolist() == person.tolist()
    found = linked(faces, references, together=[(12, 0)])
    assert np.delete(found.person, 12).tolist() == np.delete(person, 12).tolist()
    assert found.person[12] == -1, "in nobody else's group, as the user said"


def test_several_yes_that_agree_bring_others_against_their_group() -> None:
    """Six faces are like each other, and nearer to the reference of person 0 than to that of 1."""
    rng = np.random.default_rng(0)
    axes = np.eye(DIM)
    references = unit(np.stack([axes[0] + 1.3 * axes[1], axes[2]]))
    faces = unit(axes[0] + 0.3 * axes[2] + 0.08 * rng.standard_normal((6, DIM)))
    assert linked(faces, references).person.tolist() == [0] * 6
    one, three = (
        linked(faces, references, together=[(row, 1) for row in range(number)]) for number in (1, 3)
    )
    assert one.person.tolist() == [1, 0, 0, 0, 0, 0]
    assert three.person.tolist() == [1] * 6


@pytest.mark.parametrize("alike", [0.0, 1.0])
def test_a_yes_leaves_the_groups_of_strangers_beside_it_whole(alike: float) -> None:
    """Ten people are photographed with one stranger each time; seven of them are confirmed."""
    rng = np.random.default_rng(0)
    people = rng.standard_normal((11, DIM)) + alike * rng.standard_normal(DIM)
    stranger = 10
    person = np.stack([np.arange(10), np.full(10, stranger)], axis=1).ravel()
    faces = unit(people[person] + 0.5 * rng.standard_normal((20, DIM)))
    photos = np.repeat(np.arange(10), 2)
    references = unit(people[:10] + 0.3 * rng.standard_normal((10, DIM)))
    said = linked(faces, references, photos, together=[(2 * p, p) for p in range(7)])
    assert said.person[::2].tolist() == list(range(10))
    groups = said.groups(0.6)
    assert len(set(groups[1::2])) == 1
    assert groups[1] >= said.n_persons


def test_faces_with_the_same_no_stay_a_group() -> None:
    faces, _, references = drawn(2, 6)
    found = linked(faces, references, apart=[(face, 0) for face in range(3)])
    assert found.person[:6].tolist() == [-1, -1, -1, 0, 0, 0]
    groups = found.groups(0.3)
    assert len(set(groups[:3])) == 1
    assert groups[0] >= found.n_persons


def test_groups_at_a_threshold_agree_with_scores() -> None:
    faces, _, references = drawn(10, 8, spread=1.4, strangers=20)
    found = linked(faces, references)
    for threshold in (0.3, 0.4, 0.5, 0.6):
        groups = found.groups(threshold)
        inside = found.score >= threshold
        assert (groups[inside] == found.person[inside]).all()
        assert (groups[~inside] >= found.n_persons).all()
    assert found.joined[found.person >= 0].min() >= 1


def test_unknown_groups_come_from_the_same_linkage() -> None:
    faces, person, references = drawn(3, 6)
    found = linked(faces, references[:1])
    groups = found.groups(0.3)
    assert groups.tolist() == person.tolist()
    assert found.person.tolist() == [0] * 6 + [-1] * 12


def test_only_the_nearest_faces_are_kept() -> None:
    faces, _, _ = drawn(1, 400, spread=0.7)
    pairs = neighbours.nearest_pairs(faces, Sightings.of_photos(np.arange(400)), 0.1, kept=8)
    cosines = faces @ faces.T
    np.fill_diagonal(cosines, -1)
    bar = np.sort(cosines, axis=1)[:, -8]
    expected = np.triu(cosines >= np.minimum(bar[:, None], bar[None, :]) - 1e-6, 1)
    assert len(pairs) == expected.sum() < 8 * 400
    assert expected[pairs.first, pairs.second].all()


def test_pairs_are_thinned_out_as_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    faces, _, _ = drawn(3, 100)
    whole = neighbours.nearest_pairs(faces, Sightings.of_photos(np.arange(300)), 0.1, kept=8)
    monkeypatch.setattr(neighbours, "_SPARE", 50)
    monkeypatch.setattr(neighbours, "_ROWS", 32)
    monkeypatch.setattr(neighbours, "_COLUMNS", 64)
    parts = neighbours.nearest_pairs(faces, Sightings.of_photos(np.arange(300)), 0.1, kept=8)

    def pairs_of(pairs: neighbours.Pairs) -> set[tuple[int, int]]:
        return set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))

    assert pairs_of(parts) == pairs_of(whole)


@pytest.mark.parametrize(("faces", "persons"), [(0, 0), (0, 2), (3, 0)])
def test_no_faces_or_no_references(faces: int, persons: int) -> None:
    rows = unit(np.eye(8))
    found = linked(rows[:faces], rows[:persons] if persons else np.empty((0, 8), np.float32))
    assert found.person.tolist() == [-1] * faces
    assert found.groups(0.5).tolist() == [persons + i for i in range(faces)]


def test_distance_and_cosine_are_the_same_scale() -> None:
    assert rms_distance(0.5) == 1
    assert mean_cosine(float(rms_distance(0.27))) == pytest.approx(0.27, abs=1e-6)
