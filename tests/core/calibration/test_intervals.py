"""Intervals for shares, against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from facesort.core.calibration.intervals import (
    binomial,
    difference,
    new_sample,
    without_replacement,
)


@pytest.mark.parametrize(
    ("errors", "trials", "low", "high"),
    [
        (0, 300, 0.0, 0.01222),  # two-sided: 1 - 0.025 ** (1 / 300)
        (300, 300, 0.98778, 1.0),
        (0, 1, 0.0, 0.975),
        (5, 100, 0.01643, 0.11283),
    ],
)
def test_binomial_has_the_published_limits(
    errors: int, trials: int, low: float, high: float
) -> None:
    assert binomial(errors, trials) == pytest.approx((low, high), abs=1e-5)


def test_no_error_in_300_trials_is_at_most_one_percent() -> None:
    assert binomial(0, 300, confidence=0.9)[1] == pytest.approx(0.01, abs=1e-4)  # one-sided 95 %


@given(st.integers(1, 400), st.data())
def test_binomial_agrees_with_scipys_exact_interval(trials: int, data: st.DataObject) -> None:
    errors = data.draw(st.integers(0, trials))
    expected = stats.binomtest(errors, trials).proportion_ci(0.95, method="exact")
    assert binomial(errors, trials) == pytest.approx((expected.low, expected.high), abs=1e-9)


@given(st.integers(1, 200), st.integers(1, 200), st.data())
def test_another_sample_is_less_certain_than_the_long_run(
    trials: int, new: int, data: st.DataObject
) -> None:
    errors = data.draw(st.integers(0, trials))
    low, high = new_sample(errors, trials, new)
    long_run = binomial(errors, trials)
    step = 1 / new  # shares of a sample come in steps
    assert 0 <= low <= high <= 1
    assert low <= long_run[0] + step and high >= long_run[1] - step


@pytest.mark.parametrize("share", [0.003, 0.02, 0.3])
def test_another_sample_falls_into_its_interval(share: float) -> None:
    """Exactly, by summing over everything that can happen in both samples."""
    trials, new = 120, 70
    first = stats.binom.pmf(np.arange(trials + 1), trials, share)
    inside = 0.0
    for errors, chance in enumerate(first):
        low, high = new_sample(errors, trials, new)
        counts = round(low * new), round(high * new)
        inside += chance * (
            stats.binom.cdf(counts[1], new, share) - stats.binom.cdf(counts[0] - 1, new, share)
        )
    assert inside >= 0.95


@pytest.mark.parametrize(
    ("found", "sample", "population", "expected"),
    [
        (0, 1, 1, (0.0, 0.0)),  # nothing is left to guess
        (7, 50, 50, (0.14, 0.14)),
        (1, 1, 2, (0.5, 1.0)),
        (0, 200, 16_000, (0.0, 0.0181)),  # rule of 3.7: 1.84 % without the correction
    ],
)
def test_without_replacement(
    found: int, sample: int, population: int, expected: tuple[float, float]
) -> None:
    assert without_replacement(found, sample, population) == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize(("population", "sample"), [(1, 1), (12, 5), (40, 10), (60, 59)])
def test_without_replacement_covers_every_population(population: int, sample: int) -> None:
    found = np.arange(sample + 1)
    limits = {
        k: without_replacement(k, sample, population) for k in range(min(sample, population) + 1)
    }
    for marked in range(population + 1):
        chances = stats.hypergeom.pmf(found, population, marked, sample)
        covered = sum(
            chance
            for k, chance in zip(found, chances, strict=True)
            if chance > 0 and limits[k][0] <= marked / population <= limits[k][1]
        )
        assert covered >= 0.95


@given(st.integers(1, 500), st.integers(0, 500), st.data())
def test_without_replacement_is_narrower_than_with(
    sample: int, more: int, data: st.DataObject
) -> None:
    found = data.draw(st.integers(0, sample))
    low, high = without_replacement(found, sample, sample + more)
    wide = binomial(found, sample)
    step = 1 / (sample + more)
    assert low <= found / sample <= high
    assert wide[0] - step <= low and high <= wide[1] + step


def test_a_difference_of_certain_shares_is_certain() -> None:
    assert difference(0.3, (0.3, 0.3), 0.1, (0.1, 0.1)) == pytest.approx((0.2, 0.2))


def test_the_difference_has_newcombes_limits() -> None:
    """Example (a) of Newcombe 1998, table II, method 10: 56/70 - 48/80, Wilson's intervals: 0.0524 to 0.3339."""
    shares = [(56, 70), (48, 80)]
    limits = [stats.binomtest(k, n).proportion_ci(0.95, method="wilson") for k, n in shares]
    found = difference(
        56 / 70, (limits[0].low, limits[0].high), 48 / 80, (limits[1].low, limits[1].high)
    )
    assert found == pytest.approx((0.0524, 0.3339), abs=1e-4)
