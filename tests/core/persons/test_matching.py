"""Decisions for a photo: a table of cases, then properties for any distances."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given, strategies as st

from facesort.core.persons.gallery import Centroids, Gallery, Person, centroid
from facesort.core.persons.matching import (
    LEARNED_GAIN,
    Decision,
    Thresholds,
    centroid_distances,
    decide_photo,
    distances_to_persons,
)
from facesort.reasons import FaceReason, Outcome

# Powers of two, so that float32 holds them and their differences exactly.
RULES = Thresholds(strict=0.75, loose=1.0, margin=0.125)
# The defaults of the program; float32 holds neither 0.8 nor 0.05.
USUAL = Thresholds(strict=0.8, loose=1.0, margin=0.05)
IDS = np.array([10, 20, 30, 40], dtype=np.int64)


def decide(
    rows: list[list[float]],
    thresholds: Thresholds = RULES,
    rejected: list[list[bool]] | None = None,
    persons: int | None = None,
) -> tuple[Decision, ...]:
    width = len(rows[0]) if persons is None else persons
    distances = np.array(rows, dtype=np.float32).reshape(len(rows), width)
    pairs = None if rejected is None else np.array(rejected, dtype=bool)
    return decide_photo(distances, IDS[:width], thresholds, pairs)


def seen(decision: Decision) -> tuple[str, str, int | None]:
    return decision.outcome.value, decision.reason.value, decision.person_id


@pytest.mark.parametrize("persons", [0, 1, 3])
def test_a_photo_without_faces_has_no_decisions(persons: int) -> None:
    assert decide([], persons=persons) == ()


def test_nobody_is_found_in_an_empty_gallery() -> None:
    nobody = Decision(Outcome.UNKNOWN, FaceReason.EMPTY_GALLERY)
    assert decide([[], []], persons=0) == (nobody, nobody)


UP, DOWN = np.float32(3), np.float32(0)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        # one person: there is no runner-up to beat
        ([0.0], ("strict", "within_strict", 10)),
        ([0.75], ("strict", "within_strict", 10)),
        ([np.nextafter(np.float32(0.75), UP)], ("loose", "above_strict", 10)),
        ([1.0], ("loose", "above_strict", 10)),
        ([np.nextafter(np.float32(1.0), UP)], ("unknown", "above_loose", None)),
        ([2.0], ("unknown", "above_loose", None)),
        # the margin, exactly and one step short of it
        ([0.5, 0.625], ("strict", "within_strict", 10)),
        ([0.5, np.nextafter(np.float32(0.625), DOWN)], ("loose", "within_margin", 10)),
        ([0.625, 0.5], ("strict", "within_strict", 20)),
        ([0.5, 0.5], ("loose", "within_margin", 10)),
        # a runner-up above LOOSE still counts for the margin
        ([0.75, 2.0, 0.8125], ("loose", "within_margin", 10)),
        # above STRICT is said first, whatever the margin
        ([0.8125, 0.875], ("loose", "above_strict", 10)),
        # what cannot be compared is never given, and never makes another one sure
        ([math.nan], ("unknown", "above_loose", None)),
        ([math.nan, 0.5], ("loose", "within_margin", 20)),
    ],
)
def test_one_face(row: list[float], expected: tuple[str, str, int | None]) -> None:
    [decision] = decide([row])
    assert seen(decision) == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # two faces, one person: the nearer one, and the other says why it got nobody
        (
            [[0.5], [0.25]],
            [("unknown", "person_taken", None), ("strict", "within_strict", 10)],
        ),
        # an exact tie goes to the first face, so that it is always the same one
        (
            [[0.5], [0.5]],
            [("strict", "within_strict", 10), ("unknown", "person_taken", None)],
        ),
        # everyone gets their own although one face is nearest to both; nobody is sure enough to be learned
        (
            [[0.25, 0.5], [0.5, 1.5]],
            [("loose", "within_margin", 20), ("loose", "not_nearest_face", 10)],
        ),
        # a sum of distances must not drag in what lies above LOOSE
        (
            [[0.25, 1.25], [0.375, 1.5]],
            [("strict", "within_strict", 10), ("unknown", "person_taken", None)],
        ),
        # a good pair stays together where breaking it up gains two bad ones
        (
            [[0.25, 0.9375], [0.9375, 1.5]],
            [("strict", "within_strict", 10), ("unknown", "person_taken", None)],
        ),
        # two pairs exactly at LOOSE cost nothing, and are still better than none
        (
            [[1.0, 1.0], [1.0, 1.0]],
            [("loose", "above_strict", 10), ("loose", "above_strict", 20)],
        ),
    ],
)
def test_several_faces(
    rows: list[list[float]], expected: list[tuple[str, str, int | None]]
) -> None:
    assert [seen(d) for d in decide(rows)] == expected


@pytest.mark.parametrize(
    ("rows", "rejected", "expected"),
    [
        ([[0.25]], [[True]], [("unknown", "rejected_by_user", None)]),
        ([[1.5]], [[True]], [("unknown", "above_loose", None)]),
        # the next person may have the face, but cannot be sure of it: the rejected one is nearer
        ([[0.25, 0.5]], [[True, False]], [("loose", "within_margin", 20)]),
        ([[0.25, 0.5]], [[False, True]], [("strict", "within_strict", 10)]),
        # rejected for one, and the other one is taken by a better face
        (
            [[0.25, 0.5], [1.5, 0.25]],
            [[True, False], [False, False]],
            [("unknown", "person_taken", None), ("strict", "within_strict", 20)],
        ),
        # the person is free for the face that was not rejected
        (
            [[0.25], [0.5]],
            [[True], [False]],
            [("unknown", "rejected_by_user", None), ("strict", "within_strict", 10)],
        ),
    ],
)
def test_a_rejected_pair_is_never_given(
    rows: list[list[float]],
    rejected: list[list[bool]],
    expected: list[tuple[str, str, int | None]],
) -> None:
    assert [seen(d) for d in decide(rows, rejected=rejected)] == expected


@pytest.mark.parametrize(
    ("row", "rejected", "expected"),
    [
        # (person, distance, nearest, runner-up, its distance)
        ([0.5], [False], (10, 0.5, 10, None, None)),
        ([1.5], [False], (None, 1.5, 10, None, None)),
        ([0.5, 0.25, 1.5], [False] * 3, (20, 0.25, 20, 10, 0.5)),
        ([1.75, 1.5, 1.25], [False] * 3, (None, 1.25, 30, 20, 1.5)),
        # given to the second nearest: the nearest one is the runner-up
        ([0.25, 0.5], [True, False], (20, 0.5, 10, 10, 0.25)),
        # given to nobody: it tells of the nearest, rejected or not
        ([0.25, 1.5], [True, False], (None, 0.25, 10, 20, 1.5)),
    ],
)
def test_a_decision_tells_what_it_was_made_from(
    row: list[float], rejected: list[bool], expected: tuple[object, ...]
) -> None:
    [d] = decide([row], rejected=[rejected])
    told = (d.person_id, d.distance, d.nearest_id, d.runner_up_id, d.runner_up_distance)
    assert told == expected


@pytest.mark.parametrize(
    ("distance", "outcome"),
    [
        (np.float32(0.8), Outcome.STRICT),  # 0.800000012: above 0.8 as a double, equal as stored
        (np.nextafter(np.float32(0.8), DOWN), Outcome.STRICT),
        (np.nextafter(np.float32(0.8), UP), Outcome.LOOSE),
        (np.nextafter(np.float32(1.0), UP), Outcome.UNKNOWN),
    ],
)
def test_thresholds_are_compared_in_the_precision_that_is_stored(
    distance: np.float32, outcome: Outcome
) -> None:
    [decision] = decide([[float(distance)]], USUAL)
    assert decision.outcome is outcome
    assert decision.distance is not None
    assert np.float32(decision.distance) == distance
    assert decision.distance == float(distance)


@pytest.mark.parametrize("loose", [0.1, 0.7, 0.9, 1.0, 1.1, 1.3, 1.9])
@pytest.mark.parametrize("other", [0, 1])
def test_a_pair_exactly_at_loose_is_given_however_loose_rounds(loose: float, other: int) -> None:
    """Also where float32 rounds it up, and giving the face to nobody would seem to cost less."""
    row = [loose, loose]
    row[other] = 2.0
    [decision] = decide([row], Thresholds(0.0, loose, 0.0))
    assert decision.person_id == IDS[1 - other]


@pytest.mark.parametrize(
    ("strict", "loose"),
    [(0.9, 0.8), (-0.1, 0.5), (0.5, 2.1), (math.nan, 1.0), (0.5, math.nan)],
)
def test_thresholds_that_make_no_sense_are_refused(strict: float, loose: float) -> None:
    with pytest.raises(ValueError, match="strict <= loose"):
        Thresholds(strict, loose, 0.05)


# --- properties -------------------------------------------------------------------------------

coarse = st.integers(0, 32).map(lambda n: n / 16)  # many ties, many hits of the thresholds
fine = st.floats(0, 2, width=32)


@st.composite
def photos(
    draw: st.DrawFn, values: st.SearchStrategy[float] = coarse | fine
) -> tuple[np.ndarray, np.ndarray]:
    """Distances of a photo, and which pairs a user has rejected."""
    shape = draw(st.tuples(st.integers(0, 4), st.integers(1, 4)))
    size = shape[0] * shape[1]
    distances = draw(st.lists(values, min_size=size, max_size=size))
    rejected = draw(st.lists(st.booleans(), min_size=size, max_size=size))
    return (
        np.array(distances, dtype=np.float32).reshape(shape),
        np.array(rejected, dtype=bool).reshape(shape),
    )


def assignments(n_faces: int, n_persons: int) -> list[dict[int, int]]:
    """Every way to give some faces to some persons, one to one."""
    return [
        dict(zip(faces, persons, strict=True))
        for k in range(min(n_faces, n_persons) + 1)
        for faces in itertools.combinations(range(n_faces), k)
        for persons in itertools.permutations(range(n_persons), k)
    ]


def possible(
    distances: np.ndarray, rejected: np.ndarray, loose: float
) -> list[tuple[float, dict[int, int]]]:
    """Every permitted assignment with its gain over leaving everybody unknown."""
    return [
        (sum(loose - float(distances[pair]) for pair in pairs.items()), pairs)
        for pairs in assignments(*distances.shape)
        if all(
            distances[pair] <= np.float32(loose) and not rejected[pair] for pair in pairs.items()
        )
    ]


def given_pairs(decisions: tuple[Decision, ...]) -> dict[int, int]:
    columns = {int(person): column for column, person in enumerate(IDS)}
    return {
        face: columns[d.person_id] for face, d in enumerate(decisions) if d.person_id is not None
    }


@given(photos(), st.sampled_from([RULES, USUAL, Thresholds(0, 0, 0), Thresholds(2, 2, 0)]))
def test_what_every_decision_must_obey(
    photo: tuple[np.ndarray, np.ndarray], thresholds: Thresholds
) -> None:
    distances, rejected = photo
    decisions = decide_photo(distances, IDS[: distances.shape[1]], thresholds, rejected)
    pairs = given_pairs(decisions)
    assert len(decisions) == len(distances)
    assert len(set(pairs.values())) == len(pairs), "a person is at most once in a photo"
    for face, decision in enumerate(decisions):
        assert (decision.person_id is None) == (decision.outcome is Outcome.UNKNOWN)
        assert decision.nearest_id == IDS[distances[face].argmin()]
        if face in pairs:
            assert not rejected[face, pairs[face]]
            assert decision.distance == float(distances[face, pairs[face]])
            assert distances[face, pairs[face]] <= np.float32(thresholds.loose)
        else:
            assert decision.distance == float(distances[face].min())
        if decision.outcome is Outcome.STRICT:
            assert decision.reason is FaceReason.WITHIN_STRICT
            assert distances[face, pairs[face]] <= np.float32(thresholds.strict)
            others = np.delete(distances[face], pairs[face])
            gaps = others - distances[face, pairs[face]]
            assert (gaps >= np.float32(thresholds.margin)).all()


@given(photos())
def test_the_assignment_is_the_best_there_is(photo: tuple[np.ndarray, np.ndarray]) -> None:
    distances, rejected = photo
    decisions = decide_photo(distances, IDS[: distances.shape[1]], USUAL, rejected)
    gain = sum(USUAL.loose - float(distances[pair]) for pair in given_pairs(decisions).items())
    best = max(gain for gain, _ in possible(distances, rejected, USUAL.loose))
    assert gain == pytest.approx(best, abs=1e-5)


@given(photos())
def test_an_unknown_face_says_truly_why(photo: tuple[np.ndarray, np.ndarray]) -> None:
    distances, rejected = photo
    decisions = decide_photo(distances, IDS[: distances.shape[1]], USUAL, rejected)
    taken = set(given_pairs(decisions).values())
    for face, decision in enumerate(decisions):
        near = distances[face] <= np.float32(USUAL.loose)
        open_to_it = set(np.flatnonzero(near & ~rejected[face]).tolist())
        if decision.reason is FaceReason.ABOVE_LOOSE:
            assert not near.any()
        elif decision.reason is FaceReason.REJECTED_BY_USER:
            assert near.any()
            assert not open_to_it
        elif decision.reason is FaceReason.PERSON_TAKEN:
            assert open_to_it
            assert open_to_it <= taken, "a person who was free went to nobody"


@given(photos(), st.randoms(use_true_random=False))
def test_the_order_of_the_faces_does_not_matter(
    photo: tuple[np.ndarray, np.ndarray], random
) -> None:  # type: ignore[no-untyped-def]
    distances, rejected = photo
    gains = sorted(gain for gain, _ in possible(distances, rejected, USUAL.loose))
    # Between two assignments that are equally good, the order of the faces has to decide.
    assume(len(gains) < 2 or gains[-1] - gains[-2] > 1e-5)
    order = list(range(len(distances)))
    random.shuffle(order)
    ids = IDS[: distances.shape[1]]
    straight = decide_photo(distances, ids, USUAL, rejected)
    shuffled = decide_photo(distances[order], ids, USUAL, rejected[order])
    assert [straight[face] for face in order] == list(shuffled)


@given(photos(), st.randoms(use_true_random=False))
def test_the_order_of_the_persons_does_not_matter(
    photo: tuple[np.ndarray, np.ndarray], random
) -> None:  # type: ignore[no-untyped-def]
    distances, rejected = photo
    gains = sorted(gain for gain, _ in possible(distances, rejected, USUAL.loose))
    assume(len(gains) < 2 or gains[-1] - gains[-2] > 1e-5)
    order = list(range(distances.shape[1]))
    random.shuffle(order)
    ids = IDS[: distances.shape[1]]
    straight = decide_photo(distances, ids, USUAL, rejected)
    shuffled = decide_photo(distances[:, order], ids[order], USUAL, rejected[:, order])
    for a, b in zip(straight, shuffled, strict=True):
        assert (seen(a), a.distance, a.runner_up_distance) == (
            seen(b),
            b.distance,
            b.runner_up_distance,
        )


# --- distances --------------------------------------------------------------------------------


def unit(*values: float) -> np.ndarray:
    vector = np.array(values, dtype=np.float64)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


@pytest.mark.parametrize(
    ("faces", "persons", "shape"), [(0, 0, (0, 0)), (0, 3, (0, 3)), (2, 0, (2, 0))]
)
def test_distances_of_nothing(faces: int, persons: int, shape: tuple[int, int]) -> None:
    centroids = np.ones((persons, 4), np.float32) / 2 if persons else np.empty((0, 0), np.float32)
    distances = centroid_distances(np.ones((faces, 4), np.float32) / 2, centroids)
    assert distances.shape == shape
    assert distances.dtype == np.float32


def test_distances_by_hand() -> None:
    faces = np.stack([unit(1, 0), unit(0, 1)])
    persons = np.stack([unit(1, 0), unit(0, 1), unit(-1, 0), unit(1, 1)])
    root = math.sqrt(2)
    expected = [
        [0, root, 2, math.sqrt(2 - root)],
        [root, 0, root, math.sqrt(2 - root)],
    ]
    np.testing.assert_allclose(centroid_distances(faces, persons), expected, atol=1e-6)


def test_a_distance_near_zero_keeps_its_digits() -> None:
    """``sqrt(2 - 2 cos)`` would give 0 or 0.0003 here."""
    angle = 1e-4
    face, person = unit(1, 0), unit(math.cos(angle), math.sin(angle))
    [[distance]] = centroid_distances(face[None], person[None])
    assert distance == pytest.approx(angle, rel=1e-3)


vectors = st.lists(
    st.integers(0, 2**32 - 1).map(
        lambda seed: unit(*np.random.default_rng(seed).standard_normal(32))
    ),
    min_size=1,
    max_size=6,
).map(np.stack)


@given(vectors, vectors)
def test_distances_are_what_they_claim(faces: np.ndarray, persons: np.ndarray) -> None:
    distances = centroid_distances(faces, persons)
    assert distances.dtype == np.float32
    assert (distances >= 0).all()
    assert (distances <= 2).all()
    expected = np.linalg.norm(faces[:, None].astype(float) - persons[None].astype(float), axis=2)
    np.testing.assert_allclose(distances, expected, rtol=1e-6)


@given(vectors, vectors)
def test_a_distance_does_not_depend_on_who_else_is_there(
    faces: np.ndarray, persons: np.ndarray
) -> None:
    together = centroid_distances(faces, persons)
    alone = [[centroid_distances(f[None], p[None])[0, 0] for p in persons] for f in faces]
    assert (together == np.array(alone)).all(), "to the last bit, or a rematch decides otherwise"


# --- what was learned ---------------------------------------------------------------------------

TURN = math.radians(60)  # 1.0 apart


def person(references: list[float], learned: list[float]) -> Centroids:
    """A person in the plane, by angles."""
    rows = {
        key: np.stack([unit(math.cos(a), math.sin(a)) for a in angles])
        for key, angles in (("references", references), ("learned", learned))
        if angles
    }
    known = {1: rows["learned"]} if learned else {}
    return Gallery((Person(1, "Ada", "Ada"),), {1: rows["references"]}, known).centroids()


def at(angle: float, centroids: Centroids) -> float:
    [[distance]] = distances_to_persons(unit(math.cos(angle), math.sin(angle))[None], centroids)
    return float(distance)


@pytest.mark.parametrize(
    ("learned", "expected"),
    [
        # the face is at 60 degrees, the reference at 0
        ([], 1.0),
        ([0.0], 1.0),
        # farther: the centroid of everything counts
        ([-TURN / 2], 2 * math.sin(TURN * 5 / 8)),
        # a little nearer: so it does here (0.994 apart)
        ([math.radians(0.8)], 2 * math.sin(math.radians(60 - 0.4) / 2)),
        # much nearer: by the gain and no more
        ([TURN / 2], 1.0 - LEARNED_GAIN),
        ([TURN, TURN, TURN], 1.0 - LEARNED_GAIN),
    ],
)  # fmt: skip
def test_what_was_learned_brings_a_face_a_little_nearer_at_most(
    learned: list[float], expected: float
) -> None:
    assert at(TURN, person([0.0], learned)) == pytest.approx(expected, abs=1e-6)


def test_a_distance_is_never_negative() -> None:
    assert at(0.0, person([0.0], [0.0])) == 0.0


@given(vectors, vectors)
def test_where_nothing_was_learned_the_distance_is_that_to_the_references(
    faces: np.ndarray, references: np.ndarray
) -> None:
    known = Gallery((Person(1, "Ada", "Ada"),), {1: references}).centroids()
    expected = centroid_distances(faces, centroid(references)[None])
    assert distances_to_persons(faces, known).tobytes() == expected.tobytes(), "to the last bit"


@given(vectors, vectors, vectors, st.sampled_from([RULES, USUAL, Thresholds(0.5, 1.3, 0.0)]))
def test_learning_gives_nobody_a_face_far_beyond_loose_of_their_references(
    faces: np.ndarray, references: np.ndarray, learned: np.ndarray, thresholds: Thresholds
) -> None:
    """FPIR is calibrated on references: within LOOSE and the gain of them, it holds with learning."""
    # Faces between the references and what was learned, so that the thresholds are met from both sides.
    between = (faces + 0.9 * references[0] + 0.5 * learned[0]).astype(np.float64)
    faces = (between / np.linalg.norm(between, axis=1, keepdims=True)).astype(np.float32)
    known = Gallery((Person(10, "Ada", "Ada"),), {10: references}, {10: learned}).centroids()
    to_references = centroid_distances(faces, known.references).astype(np.float64)

    distances = distances_to_persons(faces, known)
    decisions = decide_photo(distances, IDS[:1], thresholds)

    assert (distances >= to_references * (1 - LEARNED_GAIN) - 1e-6).all()
    for own, decision in zip(to_references[:, 0], decisions, strict=True):
        if own * (1 - LEARNED_GAIN) > thresholds.loose + 1e-6:
            assert decision.person_id is None
