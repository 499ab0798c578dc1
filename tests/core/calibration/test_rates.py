"""Error rates: ties and empty lists first, then what must hold for any comparisons."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray
from sklearn.metrics import det_curve, roc_curve

from facesort.core.calibration.rates import NOBODY, Trials
from facesort.errors import InsufficientTrialsError


def trials(
    scores: list[float] | NDArray[np.float32],
    persons: list[int] | None = None,
    *,
    beyond: bool = False,
    weight: float = 1.0,
) -> Trials:
    n = len(scores)
    return Trials(
        what="comparisons",
        scores=np.array(scores, dtype=np.float32),
        persons=np.arange(n) if persons is None else np.array(persons, dtype=np.int64),
        others=np.full(n, NOBODY, dtype=np.int64),
        gallery=0,
        weights=np.full(n, weight),
        beyond=beyond,
    )


@pytest.mark.parametrize("beyond", [False, True])
def test_a_rate_over_nothing_is_refused(beyond: bool) -> None:
    nothing = trials([], beyond=beyond)
    with pytest.raises(InsufficientTrialsError, match="no comparisons"):
        nothing.at(1.0)
    with pytest.raises(InsufficientTrialsError):
        nothing.values([0.5])


@pytest.mark.parametrize(("scores", "message"), [([0.5, np.nan], "NaN"), ([0.5], "one length")])
def test_nonsense_is_refused(scores: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(trials([0.5, 0.6]), scores=np.array(scores, dtype=np.float32))


@pytest.mark.parametrize(
    ("threshold", "within", "beyond"),
    [(0.4, 0.0, 1.0), (0.5, 0.5, 0.5), (0.75, 0.75, 0.25), (2.0, 0.75, 0.25)],
)
def test_ties_lie_within_and_infinity_never(threshold: float, within: float, beyond: float) -> None:
    scores = [0.5, 0.5, 0.75, np.inf]
    assert trials(scores).at(threshold).value == within
    assert trials(scores, beyond=True).at(threshold).value == beyond


def test_the_threshold_is_compared_as_the_sort_compares_it() -> None:
    assert trials([np.float32(0.8)]).at(0.8).errors == 1  # float32(0.8) > 0.8


def test_no_errors_are_never_certain() -> None:
    """300 faces of 100 people: 100 independent trials at least."""
    rate = trials([1.5] * 300, list(np.repeat(np.arange(100), 3))).at(1.0)
    assert (rate.value, rate.errors, rate.trials, rate.persons) == (0.0, 0, 300, 100)
    assert rate.low == 0.0
    assert rate.high == pytest.approx(1 - 0.025 ** (1 / 100))


def test_all_errors_are_never_certain() -> None:
    rate = trials([0.5] * 20).at(1.0)
    assert rate.value == rate.high == 1.0
    assert rate.low == pytest.approx(0.025 ** (1 / 20))


def test_faces_of_one_person_tell_less_than_faces_of_many() -> None:
    rng = np.random.default_rng(3)
    bad = rng.random(60) < 0.3
    same = np.where(np.repeat(bad, 10), 0.5, 1.5)
    clustered = trials(same, list(np.repeat(np.arange(60), 10))).at(1.0)
    independent = trials(same).at(1.0)
    assert clustered.value == independent.value
    assert independent.effective == pytest.approx(600, rel=0.02)
    assert clustered.effective == pytest.approx(60, rel=0.15)


def test_errors_onto_one_gallery_person_tell_less() -> None:
    """The same 20 errors of 20 strangers: all mistaken for one person, or each for another."""
    base = replace(
        trials([0.5] * 20 + [1.5] * 180, list(range(100, 300))),
        gallery=100,
        others=np.arange(200) % 100,
    )
    lamb = replace(base, others=np.zeros(200, dtype=np.int64))
    assert base.at(1.0).value == lamb.at(1.0).value
    assert lamb.at(1.0).effective < base.at(1.0).effective / 2


@given(st.lists(st.floats(0, 2, width=32), min_size=1, max_size=40), st.data())
def test_rates_are_monotone_and_lie_in_their_intervals(
    scores: list[float], data: st.DataObject
) -> None:
    persons = data.draw(st.lists(st.integers(0, 8), min_size=len(scores), max_size=len(scores)))
    grid = np.linspace(0, 2, 21)
    for beyond in (False, True):
        found = trials(scores, persons, beyond=beyond)
        steps = np.diff(found.values(grid))
        assert (steps <= 0).all() if beyond else (steps >= 0).all()
        for rate in found.rates(list(grid[::5])):
            assert 0 <= rate.low <= rate.value <= rate.high <= 1
            assert rate.low < rate.high
            assert rate.effective <= rate.trials
            low, high = rate.in_new_sample(len(scores))
            assert low <= high


@given(
    st.lists(st.floats(0, 2, width=32), min_size=2, max_size=30), st.randoms(use_true_random=False)
)
def test_the_order_of_comparisons_does_not_matter(scores: list[float], random: object) -> None:
    order = list(range(len(scores)))
    random.shuffle(order)  # type: ignore[attr-defined]
    persons = [i % 5 for i in range(len(scores))]
    shuffled = trials([scores[i] for i in order], [persons[i] for i in order])
    one, other = trials(scores, persons).at(1.0), shuffled.at(1.0)
    assert (one.value, one.errors, one.persons) == (other.value, other.errors, other.persons)
    assert one.effective == pytest.approx(other.effective)


@given(
    st.lists(st.sampled_from([0.25, 0.5, 0.5000001, 0.75, 1.0, 1.25]), min_size=1, max_size=60),
    st.floats(0, 1),
    st.sampled_from([1.0, 1.5, 2.0]),
)
def test_the_threshold_keeps_the_rate_and_is_the_last_that_does(
    scores: list[float], target: float, weight: float
) -> None:
    found = trials(scores, weight=weight)
    threshold = found.threshold_at(target)
    assert found.at(threshold).value <= target
    larger = [s for s in np.float32(scores) if s > np.float32(threshold)]
    assert all(found.at(float(s)).value > target for s in larger)


@pytest.mark.parametrize(
    ("scores", "target", "threshold"),
    [
        ([np.inf, np.inf], 0.0, 2.0),  # nothing is ever within any threshold
        ([0.5, 0.75, 1.0, 1.25], 0.5, 0.75),
        ([0.5, 0.75, 0.75, 0.75], 0.5, 0.5),  # a tie goes in as a whole
        ([0.5, 0.75], 1.0, 2.0),
        ([0.5, 0.75], 0.0, float(np.nextafter(np.float32(0.5), np.float32(0)))),
    ],
)
def test_thresholds(scores: list[float], target: float, threshold: float) -> None:
    assert trials(scores).threshold_at(target) == threshold


def test_misses_have_no_largest_threshold() -> None:
    with pytest.raises(ValueError, match="misses"):
        trials([0.5], beyond=True).threshold_at(0.1)


def test_the_next_strangers_stay_below_the_target_on_average() -> None:
    """The promise of `threshold_at` where there are just enough people for it."""
    rng = np.random.default_rng(11)
    realised = [
        trials(rng.random(99).astype(np.float32)).threshold_at(0.02) for _ in range(2000)
    ]  # of uniform scores, the share within a threshold is the threshold itself
    assert np.mean(realised) == pytest.approx(0.01, abs=0.001)  # the first of 99: 1 / 100


@pytest.mark.parametrize("resolution", [1000, 20])  # few ties, many ties
def test_curves_are_those_of_scikit_learn(resolution: int) -> None:
    rng = np.random.default_rng(5)
    genuine = np.round(rng.normal(0.8, 0.2, 400) * resolution) / resolution
    impostor = np.round(rng.normal(1.2, 0.15, 900) * resolution) / resolution
    fmr, fnmr = trials(np.float32(impostor)), trials(np.float32(genuine), beyond=True)
    labels = np.r_[np.ones(400), np.zeros(900)]
    similarity = -np.concatenate([fnmr.scores, fmr.scores])  # the larger the more alike

    false, true, at = roc_curve(labels, similarity, drop_intermediate=False)
    assert fmr.values(-at) == pytest.approx(false, abs=0)
    assert 1 - fnmr.values(-at) == pytest.approx(true, abs=1e-15)

    false_positive, false_negative, at = det_curve(labels, similarity)
    assert fmr.values(-at) == pytest.approx(false_positive, abs=0)
    assert fnmr.values(-at) == pytest.approx(false_negative, abs=0)


@pytest.mark.parametrize(
    ("people", "faces", "mean", "like"), [(40, 5, 0.1, 4.0), (60, 4, 0.02, 4.0), (30, 8, 0.3, 20.0)]
)
def test_the_interval_covers_the_truth_of_clustered_populations(
    people: int, faces: int, mean: float, like: float
) -> None:
    """Each person errs at a rate of their own (beta); 95 % is promised, and chance may take a little."""
    rng = np.random.default_rng(7)
    persons = list(np.repeat(np.arange(people), faces))
    covered = 0
    for _ in range(300):
        own = rng.beta(mean * like, (1 - mean) * like, people)
        wrong = rng.random((people, faces)) < own[:, None]
        rate = trials(np.where(wrong.ravel(), 0.5, 1.5), persons).at(1.0)
        covered += rate.low <= mean <= rate.high
    assert covered >= 0.93 * 300
