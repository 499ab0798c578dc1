from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from facesort.core.persons.gallery import Gallery, Person, centroid

ANNA, BEN, CARA = Person(1, "Anna", "Anna"), Person(2, "Ben", "Ben"), Person(3, "Cara", "Cara")


def unit(seed: int, dim: int = 8) -> np.ndarray:
    vector = np.random.default_rng(seed).standard_normal(dim)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def units(*seeds: int) -> np.ndarray:
    return np.stack([unit(seed) for seed in seeds])


def gallery(max_learned: int = 3) -> Gallery:
    return Gallery(
        (ANNA, BEN), {1: units(100, 101), 2: units(200)}, {1: units(1)}, max_learned=max_learned
    )


def test_an_empty_gallery_has_nobody_to_compare_with() -> None:
    empty = Gallery((), {})
    assert empty.person_ids.shape == (0,)
    assert empty.person_ids.dtype == np.int64
    assert len(empty.centroids()) == 0


def test_a_person_without_references_is_not_compared_with() -> None:
    waiting = Gallery((ANNA, BEN, CARA), {2: units(1), 3: np.empty((0, 8), np.float32)})
    assert waiting.person_ids.tolist() == [2]
    assert len(waiting.centroids()) == 1


def test_what_was_learned_alone_never_makes_a_person() -> None:
    """Else someone whose references were all removed would live on by what was learned."""
    orphan = Gallery((ANNA,), {}, {1: units(1, 2)})
    assert orphan.person_ids.tolist() == []
    assert len(orphan.centroids()) == 0


def test_columns_follow_the_order_of_the_persons() -> None:
    known = gallery()
    assert known.person_ids.tolist() == [1, 2]
    found = known.centroids()
    np.testing.assert_array_equal(found.references[0], centroid(units(100, 101)))
    np.testing.assert_array_equal(found.everything[0], centroid(units(100, 101, 1)))
    np.testing.assert_array_equal(found.references[1], centroid(units(200)))
    np.testing.assert_array_equal(found.everything[1], found.references[1])


@pytest.mark.parametrize(
    ("references", "learned", "left_out", "expected"),
    [
        # the only reference: nobody is left, whatever was learned
        ([1], [], 1, None),
        ([1], [5, 6], 1, None),
        # a reference leaves both
        ([1, 2], [], 1, ([2], [2])),
        ([1, 2], [5], 1, ([2], [2, 5])),
        # what was learned leaves the centroid of everything only
        ([1], [5], 5, ([1], [1])),
        ([1, 2], [5, 6], 5, ([1, 2], [1, 2, 6])),
        # a reference that was learned, too
        ([1, 2], [1, 5], 1, ([2], [2, 5])),
    ],
)
def test_a_face_is_left_out_of_both_centroids(
    references: list[int],
    learned: list[int],
    left_out: int,
    expected: tuple[list[int], list[int]] | None,
) -> None:
    known = Gallery((ANNA,), {1: units(*references)}, {1: units(*learned)} if learned else {})
    rest = known.centroids_without(1, unit(left_out))
    if expected is None:
        assert rest is None
    else:
        assert rest is not None
        np.testing.assert_array_equal(rest.references, centroid(units(*expected[0]))[None])
        np.testing.assert_array_equal(rest.everything, centroid(units(*expected[1]))[None])


def test_centroids_of_some_persons() -> None:
    some = gallery().centroids().of(np.array([False, True]))
    assert len(some) == 1
    np.testing.assert_array_equal(some.references, centroid(units(200))[None])
    np.testing.assert_array_equal(some.everything, some.references)


@pytest.mark.parametrize(
    ("max_learned", "added", "expected"),
    [
        (3, [], [1]),
        (3, [2], [1, 2]),
        (3, [2, 3], [1, 2, 3]),
        (3, [2, 3, 4], [2, 3, 4]),
        (3, [2, 3, 4, 5, 6, 7], [5, 6, 7]),
        (1, [2], [2]),
        (0, [2], []),
        (0, [2, 3], []),
    ],
)
def test_learned_first_in_first_out(
    max_learned: int, added: list[int], expected: list[int]
) -> None:
    known = gallery(max_learned)
    after = known.learn([(1, unit(seed)) for seed in added])
    wanted = units(*expected) if expected else np.empty((0, 8), np.float32)
    np.testing.assert_array_equal(after.learned[1], wanted)


def test_learning_leaves_references_others_and_the_old_gallery_alone() -> None:
    known = gallery()
    before = known.centroids()
    after = known.learn([(1, unit(seed)) for seed in range(2, 50)])
    np.testing.assert_array_equal(after.references[1], units(100, 101))
    np.testing.assert_array_equal(after.references[2], units(200))
    assert 2 not in after.learned
    assert after.max_learned == known.max_learned
    np.testing.assert_array_equal(known.learned[1], units(1))
    np.testing.assert_array_equal(known.centroids().everything, before.everything)
    np.testing.assert_array_equal(after.centroids().references, before.references)
    np.testing.assert_array_equal(after.centroids().everything[1], before.everything[1])


def test_learning_nothing_at_all_keeps_the_references() -> None:
    """With `max_learned` 0, a person is what their references are."""
    known = Gallery((BEN,), {2: units(200)}, max_learned=0)
    after = known.learn([(2, unit(5))])
    np.testing.assert_array_equal(after.centroids().everything, known.centroids().everything)


batches = st.lists(
    st.lists(st.tuples(st.sampled_from([1, 2]), st.integers(0, 999)), max_size=6), max_size=6
)


@given(batches, st.integers(0, 4))
def test_batch_by_batch_or_all_at_once(
    additions: list[list[tuple[int, int]]], max_learned: int
) -> None:
    start = Gallery((ANNA, BEN), {1: units(100), 2: units(200)}, max_learned=max_learned)
    stepwise = start
    for batch in additions:
        stepwise = stepwise.learn([(person, unit(seed)) for person, seed in batch])
    flat = [(person, seed) for batch in additions for person, seed in batch]
    at_once = start.learn([(person, unit(seed)) for person, seed in flat])
    np.testing.assert_array_equal(stepwise.centroids().everything, at_once.centroids().everything)
    for person in (1, 2):
        newest = [seed for p, seed in flat if p == person][-max_learned:] if max_learned else []
        assert len(stepwise.learned.get(person, ())) == len(newest)
        if newest:
            np.testing.assert_array_equal(stepwise.learned[person], units(*newest))


def test_a_centroid_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        centroid(np.empty((0, 8), np.float32))


@pytest.mark.parametrize(
    "cancelling",
    [
        [[1, 0], [-1, 0]],
        [[1, 0], [-1, 1e-8]],
        [[0, 0]],
        [[1, 0], [np.nan, 0]],
        [[np.inf, 0]],
    ],
)
def test_embeddings_that_have_no_mean_direction_are_refused(cancelling: list[list[float]]) -> None:
    with (
        np.errstate(invalid="ignore"),
        pytest.raises(ValueError, match="cancel out"),
    ):
        centroid(np.array(cancelling, dtype=np.float32))


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=12, unique=True))
def test_a_centroid_is_a_unit_vector_between_its_embeddings(seeds: list[int]) -> None:
    embeddings = np.stack([unit(seed, 64) for seed in seeds])
    middle = centroid(embeddings)
    assert middle.dtype == np.float32
    assert middle.shape == (64,)
    assert np.linalg.norm(middle.astype(float)) == pytest.approx(1, abs=1e-6)
    # of all directions it is the one with the largest sum of cosines
    assert (embeddings @ middle).sum() >= (embeddings @ embeddings.T).sum(axis=1).max() - 1e-4


def test_the_centroid_of_one_is_itself() -> None:
    np.testing.assert_allclose(centroid(units(7)), unit(7), atol=1e-7)
