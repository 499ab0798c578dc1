"""Error rates with counts and confidence intervals, for comparisons that are not independent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facesort.core.calibration.intervals import CONFIDENCE, binomial, new_sample
from facesort.errors import InsufficientTrialsError

NOBODY = -1
"""In `Trials.others`: no other person is involved in the error."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate, its counts and its confidence interval.

    Parameters
    ----------
    value : float
        In [0, 1].
    errors, trials : int
        As counted; if trials are weighted, `value` is not exactly their ratio.
    persons : int
        Number of people, who are independent of each other however many photos they have.
    effective : float
        Effective sample size: the number of independent trials with the same variance; at most `trials`.
    low, high : float
        95 % interval.
    """

    value: float
    errors: int
    trials: int
    persons: int
    effective: float
    low: float
    high: float

    def in_new_sample(self, trials: int) -> tuple[float, float]:
        """95 % prediction interval for the rate in a new sample of other people.

        It is wider than ``low, high``, which is for the long-run rate.  The new sample is assumed to be as clustered
        as this one.

        Parameters
        ----------
        trials : int
            Size of the new sample, counted like `trials`.
        """
        independent = max(round(trials * self.effective / self.trials), 1)
        return new_sample(self.value * self.effective, self.effective, independent)


class _Tally(NamedTuple):
    """Sums at one threshold."""

    errors: int
    known: int  # people with an error, or without one: the smaller number
    deviations: Numbers  # each person's contribution to the deviation from the mean, from both ends of a pair
    twice: float  # the part of the variance that both people of a pair share


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """Comparisons, each of which becomes an error at its own threshold.

    Parameters
    ----------
    what : str
        For messages: ``genuine comparisons``.
    scores : ndarray of shape (n,), float32
        Distances; +inf for a trial that is within no threshold.
    persons : ndarray of shape (n,), int64
        Whose face it is; numbers from 0, the gallery's first.  Photos, if these are the independent units.
    others : ndarray of shape (n,), int64
        The gallery person it would be mistaken for, or `NOBODY`.
    gallery : int
        How many of the numbers are gallery persons.
    weights : ndarray of shape (n,), float64
        Weight of an error; 1, unless a smaller gallery stands for the whole.
    beyond : bool
        Whether an error lies beyond the threshold (a miss) instead of within it.
    every_pair : bool
        Whether there is one trial per pair of face and person, not one per face.
    """

    what: str
    scores: NDArray[np.float32]
    persons: NDArray[np.int64]
    others: NDArray[np.int64]
    gallery: int
    weights: Numbers
    beyond: bool = False
    every_pair: bool = False

    def __post_init__(self) -> None:
        lengths = {len(a) for a in (self.scores, self.persons, self.others, self.weights)}
        if len(lengths) != 1:
            raise ValueError(f"trials need arrays of one length, got {sorted(lengths)}")
        if np.isnan(self.scores).any():
            raise ValueError("a score is NaN")

    def __len__(self) -> int:
        return len(self.scores)

    def only(self, kept: NDArray[np.bool_]) -> Trials:
        """Select trials by a mask of shape (n,)."""
        arrays = {n: getattr(self, n)[kept] for n in ("scores", "persons", "others", "weights")}
        return replace(self, **arrays)

    @property
    def _members(self) -> int:
        """The highest number of a person, plus one."""
        return max(self.gallery, int(self.persons.max(initial=-1)) + 1)

    @property
    def independent(self) -> int:
        """Number of independent people (or photos)."""
        return len(np.unique(self.persons))

    def values(self, thresholds: ArrayLike) -> Numbers:
        """The rate at each threshold, compared as in a sort: ``d <= threshold`` in float32.

        Parameters
        ----------
        thresholds : array_like of shape (m,)

        Returns
        -------
        ndarray of shape (m,), float64
            Never decreases as the threshold grows; for misses, never increases.

        Raises
        ------
        InsufficientTrialsError
            If there are no trials.
        """
        self._refuse_none()
        order = np.argsort(self.scores, kind="stable")
        within = np.concatenate([[0.0], np.cumsum(self.weights[order])])
        limits = np.asarray(thresholds, np.float32)
        counted = within[np.searchsorted(self.scores[order], limits, side="right")]
        return np.clip((within[-1] - counted if self.beyond else counted) / len(self), 0.0, 1.0)

    def at(self, threshold: float) -> Rate:
        """The rate at one threshold, with its counts and 95 % interval.

        Raises
        ------
        InsufficientTrialsError
            If there are no trials.
        """
        return self.rates([threshold])[0]

    def rates(self, thresholds: Sequence[float]) -> list[Rate]:
        """Rates at several thresholds.

        Notes
        -----
        This is the bootstrap over people, not comparisons: a drawn person brings all of their faces, and all faces
        that would be mistaken for them.  The variance of a sum is known without drawing (`_variance`).  It gives the
        effective number of independent trials (`Rate.effective`), and these an exact interval
        (`intervals.binomial`); percentiles of resamples would be far too narrow for no or few errors.

        Raises
        ------
        InsufficientTrialsError
            If there are no trials.
        """
        values = self.values(thresholds).tolist()
        blamed = self.others != NOBODY
        pairs = self._pairs(blamed)
        # The number of trials if all photos of one person, or of a pair of people, count as one.
        units = int(pairs.max()) + 1 if self.every_pair else self.independent
        tallies = [
            self._tally(threshold, value, blamed, pairs)
            for threshold, value in zip(thresholds, values, strict=True)
        ]
        return [
            self._rate(value, tally, units, self._variance(tally) / len(self) ** 2)
            for value, tally in zip(values, tallies, strict=True)
        ]

    def threshold_at(self, rate: float) -> float:
        """The largest observed distance at which the error rate is at most `rate`.

        Because it is an observed distance and ties count, the next new person's face is within it with a
        probability of at most `rate` over all calibrations, if ``independent >= 1 / rate - 1`` (conformal
        prediction: Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World", 2005).

        Parameters
        ----------
        rate : float
            In [0, 1].

        Returns
        -------
        float
            Just below the smallest distance if even that is too many; 2 if the rate is never exceeded.
        """
        if self.beyond:
            raise ValueError("misses have no largest threshold: they decrease as it grows")
        self._refuse_none()
        candidates = np.unique(self.scores[np.isfinite(self.scores)])
        allowed = candidates[self.values(candidates) <= rate]
        if len(allowed) == len(candidates):
            return 2.0
        if not len(allowed):
            return float(np.nextafter(candidates[0], np.float32(-1)))
        return float(allowed[-1])

    def _refuse_none(self) -> None:
        if not len(self):
            raise InsufficientTrialsError(f"there are no {self.what}, so there is no rate")

    def _tally(
        self,
        threshold: float,
        value: float,
        blamed: NDArray[np.bool_],
        pairs: NDArray[np.int64],
    ) -> _Tally:
        """Sum up the errors at a threshold per person."""
        wrong = (self.scores <= np.float32(threshold)) ^ self.beyond
        counted = self.weights * wrong
        # The denominator of the ratio varies too: use the deviation from the mean.
        own = self._sum(self.persons, counted - value)
        blame = counted[blamed] - (value if self.every_pair else 0.0)
        # A pair's error is drawn from both ends, but must count once (as in the variance
        # of Aronow, Samii and Assenova for pairs, Political Analysis 2015).
        twice = float((np.bincount(pairs, blame) ** 2).sum())
        erring = self._sum(self.persons, wrong.astype(np.float64))
        sizes = self._sum(self.persons, np.ones(len(self)))
        known = min(int((erring > 0).sum()), int((erring < sizes).sum()))
        return _Tally(int(wrong.sum()), known, own + self._sum(self.others[blamed], blame), twice)

    def _rate(self, value: float, tally: _Tally, units: int, variance: float) -> Rate:
        """Turn a variance into an effective sample size, and that into an interval."""
        # Dependent comparisons never carry more information than independent ones.
        spread = value * (1 - value)
        found = max(variance / spread, 1 / len(self)) if spread else 0.0
        # The variance among few people with errors is hardly known: add one observation that says that all photos
        # of a person are one trial. Without errors, that is the only one.
        effective = min((tally.known + 1) / (tally.known * found + 1 / units), float(len(self)))
        low, high = binomial(value * effective, effective, CONFIDENCE)
        return Rate(value, tally.errors, len(self), self.independent, effective, low, high)

    def _pairs(self, blamed: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Number the pair of people of each of these trials, regardless of the order."""
        ends = np.sort(np.stack([self.persons[blamed], self.others[blamed]]), axis=0)
        _, numbers = np.unique(ends[0] * self._members + ends[1], return_inverse=True)
        return numbers.astype(np.int64)

    def _variance(self, tally: _Tally) -> float:
        """Variance of the number of errors over all bootstrap draws; gallery and strangers keep their sizes."""
        groups = tally.deviations[: self.gallery], tally.deviations[self.gallery :]
        # The number of draws of each of n is multinomial: variance 1 - 1/n, covariance -1/n.
        drawn = sum(float(((own - own.mean()) ** 2).sum()) for own in groups if len(own))
        return drawn - tally.twice

    def _sum(self, members: NDArray[np.int64], amounts: Numbers) -> Numbers:
        totals = np.bincount(members, amounts, minlength=self._members)
        return totals.astype(np.float64)
