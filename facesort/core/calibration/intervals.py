"""Confidence intervals for proportions: exact ones if possible, and never 0 +- 0."""

from __future__ import annotations

from bisect import bisect_left

from scipy.special import betaincinv

CONFIDENCE = 0.95

Interval = tuple[float, float]


def binomial(errors: float, trials: float, confidence: float = CONFIDENCE) -> Interval:
    """Interval for a proportion of independent trials.

    Clopper and Pearson, "The use of confidence or fiducial limits" (Biometrika 1934).  In its
    beta form it takes fractional effective numbers, as Korn and Graubard, "Confidence intervals for
    proportions with small expected number of positive counts estimated from survey data" (Survey
    Methodology 1998) propose for clustered trials.  Without errors its upper end is about
    3.7 / trials (that of a one-sided interval is the "rule of three", 3 / trials).

    Parameters
    ----------
    errors, trials : float
        ``0 <= errors <= trials``, ``trials > 0``.
    confidence : float
        Two-sided.

    Returns
    -------
    tuple of float
        Low and high, in [0, 1].
    """
    tail = (1 - confidence) / 2
    low = betaincinv(errors, trials - errors + 1, tail) if errors > 0 else 0.0
    high = betaincinv(errors + 1, trials - errors, 1 - tail) if errors < trials else 1.0
    return float(low), float(high)


def new_sample(errors: float, trials: float, new_trials: int) -> Interval:
    """Prediction interval for the proportion in *another* sample; it includes the uncertainty of both.

    The limits of Thatcher, "Relationships between Bayesian and confidence limits for predictions" (JRSS B 1964),
    which hold with at least 95 % confidence for any true proportion, also at a threshold that is an order statistic
    of the first sample.

    Parameters
    ----------
    errors, trials : float
        Of the existing sample; may be effective numbers.
    new_trials : int
        Size of the new sample, 1 or more.

    Returns
    -------
    tuple of float
        Low and high, in [0, 1].
    """
    from scipy import stats  # takes half of the start of every command

    tail = (1 - CONFIDENCE) / 2
    right = trials - errors
    low, high = 0.0, float(new_trials)
    if errors > 0:
        low = stats.betabinom.ppf(tail, new_trials, errors, right + 1)
    if right > 0:
        high = stats.betabinom.ppf(1 - tail, new_trials, errors + 1, right)
    return float(low) / new_trials, float(high) / new_trials


def without_replacement(found: int, sample: int, population: int) -> Interval:
    """Interval for the proportion in a finite population, from a simple random sample without replacement.

    Exact: the proportions under which the sample is not improbable by the hypergeometric distribution
    (Buonaccorsi, "A note on confidence intervals for proportions in finite populations", American Statistician
    1987).  It shrinks to a point if the sample is the population.

    Parameters
    ----------
    found : int
        In the sample.
    sample, population : int
        Sizes; ``0 <= found <= sample <= population``, ``sample > 0``.

    Returns
    -------
    tuple of float
        Low and high, in [0, 1].
    """
    from scipy import stats

    tail = (1 - CONFIDENCE) / 2
    chance = stats.hypergeom

    def not_too_rare(k: int) -> bool:
        return bool(chance.sf(found - 1, population, k, sample) > tail)

    def too_frequent(k: int) -> bool:
        return bool(chance.cdf(found, population, k, sample) <= tail)

    # The probability of at least `found` grows with the number in the population; that of at most `found` falls.
    possible = range(found, population - (sample - found) + 1)
    first = possible[bisect_left(possible, True, key=not_too_rare)]
    last = possible[bisect_left(possible, True, key=too_frequent) - 1]
    # The sample's proportion may be one that the population cannot have.
    return min(first / population, found / sample), max(last / population, found / sample)


def difference(one: float, one_limits: Interval, other: float, other_limits: Interval) -> Interval:
    """Interval for ``one - other`` from the intervals of two independent proportions.

    "Square-and-add" of Newcombe, "Interval estimation for the difference between independent proportions"
    (Statistics in Medicine 1998, method 10); Zou and Donner (Statistics in Medicine 2008) show that it works
    with any two intervals.
    """
    (low, high), (other_low, other_high) = one_limits, other_limits
    gap = one - other
    down = ((one - low) ** 2 + (other_high - other) ** 2) ** 0.5
    up = ((high - one) ** 2 + (other - other_low) ** 2) ** 0.5
    return gap - down, gap + up
