"""Error rates with their counts and intervals, for comparisons that are not independent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facesort.core.calibration.intervals import CONFIDENCE, binomial, new_sample
from facesort.errors import InsufficientTrialsError

NOBODY = -1
"""In `Trials.others`: the error is nobody else's."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rate:
    """A share, what it was counted on, and how sure it is.

    Parameters
    ----------
    value : float
        In [0, 1].
    errors, trials : int
        As counted; where trials are weighted, `value` is not exactly their ratio.
    persons : int
        Who took part: people who are independent of each other, whatever the number of their photos.
    effective : float
        How many independent trials would tell as much; at most `trials`.
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

    def interval(self, confidence: float) -> tuple[float, float]:
        """Interval of another two-sided confidence."""
        return binomial(self.value * self.effective, self.effective, confidence)

    def in_new_sample(self, trials: int) -> tuple[float, float]:
        """95 % interval for the share found in a new sample, of other people.

        Wider than ``low, high``, which is for the share in the long run.  The new sample is taken to
        be as clustered as this one.

        Parameters
        ----------
        trials : int
            Its size, as `trials` counts.
        """
        independent = max(round(trials * self.effective / self.trials), 1)
        return new_sample(self.value * self.effective, self.effective, independent)


class _Tally(NamedTuple):
    """What happens at one threshold."""

    errors: int
    known: int  # people who err, or who do not: the fewer of the two
    deviations: Numbers  # each person's share in the distance from the mean, on both sides
    twice: float  # the part of the variance that two people have in common


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """Comparisons, each of which turns into an error at a threshold of its own.

    Parameters
    ----------
    what : str
        For messages: ``genuine comparisons``.
    scores : ndarray of shape (n,), float32
        Distances; +inf for a trial that is never within any threshold.
    persons : ndarray of shape (n,), int64
        Whose face it is; numbers from 0, those of the gallery first.  Photos, where these are independent.
    others : ndarray of shape (n,), int64
        Which person of the gallery it would be mistaken for, or `NOBODY`.
    gallery : int
        How many of the numbers are persons of the gallery.
    weights : ndarray of shape (n,), float64
        What an error counts; 1, except where a smaller gallery stands for the whole.
    beyond : bool
        Whether the error is to lie beyond the threshold (a miss) instead of within it.
    every_pair : bool
        Whether there is one trial for each pair of a face and a person, not one for each face.
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
        """Some of the trials; shape (n,)."""
        arrays = {n: getattr(self, n)[kept] for n in ("scores", "persons", "others", "weights")}
        return replace(self, **arrays)

    @property
    def _members(self) -> int:
        """One more than the highest number of a person."""
        return max(self.gallery, int(self.persons.max(initial=-1)) + 1)

    @property
    def independent(self) -> int:
        """Number of people (or photos) whose faces were compared."""
        return len(np.unique(self.persons))

    def values(self, thresholds: ArrayLike) -> Numbers:
        """The rate at each threshold; compares as the sort does, ``d <= threshold`` in float32.

        Parameters
        ----------
        thresholds : array_like of shape (m,)

        Returns
        -------
        ndarray of shape (m,), float64
            Never falls as the threshold grows; for misses, never rises.

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
        The bootstrap over people, not comparisons: whoever is drawn brings all of their faces, and all faces that
        would be mistaken for them.  Of a sum, its variance is known without drawing (`_variance`).  That says how
        many independent trials (`Rate.effective`) tell as much, and these give an exact interval, see
        `intervals.binomial`: percentiles of resamples would claim certainty where no or few errors were seen.

        Raises
        ------
        InsufficientTrialsError
            If there are no trials.
        """
        values = self.values(thresholds).tolist()
        blamed = self.others != NOBODY
        pairs = self._pairs(blamed)
        # How many trials there are if all photos of one person, or of a pair of people, are one.
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
        """The largest observed distance up to which the rate of errors within it is at most `rate`.

        An observed distance, ties counted: the next face of somebody new is then within it with a
        chance of at most `rate`, over all calibrations, as long as ``independent >= 1 / rate - 1`` (the argument
        of conformal prediction: Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World", 2005).

        Parameters
        ----------
        rate : float
            In [0, 1].

        Returns
        -------
        float
            Just below the smallest distance if already that one is too many; 2 if nothing ever is.
        """
        if self.beyond:
            raise ValueError("misses have no largest threshold: they fall as it grows")
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
            raise InsufficientTrialsError(f"there are no {self.what}: a rate over nothing is not 0")

    def _tally(
        self,
        threshold: float,
        value: float,
        blamed: NDArray[np.bool_],
        pairs: NDArray[np.int64],
    ) -> _Tally:
        """Sum up per person what a threshold does."""
        wrong = (self.scores <= np.float32(threshold)) ^ self.beyond
        counted = self.weights * wrong
        # The ratio's denominator varies too: what counts is how far someone is from the mean.
        own = self._sum(self.persons, counted - value)
        blame = counted[blamed] - (value if self.every_pair else 0.0)
        # What happened between two people is drawn from both ends, and must count once (as in the variance
        # of Aronow, Samii and Assenova for pairs, Political Analysis 2015).
        twice = float((np.bincount(pairs, blame) ** 2).sum())
        erring = self._sum(self.persons, wrong.astype(np.float64))
        sizes = self._sum(self.persons, np.ones(len(self)))
        known = min(int((erring > 0).sum()), int((erring < sizes).sum()))
        return _Tally(int(wrong.sum()), known, own + self._sum(self.others[blamed], blame), twice)

    def _rate(self, value: float, tally: _Tally, units: int, variance: float) -> Rate:
        """Turn a variance into effective trials, and these into an interval."""
        # Comparisons that hang together never tell more than independent ones.
        spread = value * (1 - value)
        found = max(variance / spread, 1 / len(self)) if spread else 0.0
        # What varies among few erring people is hardly known: count as one more who says that all photos
        # of a person are one trial. Without any error, that is all there is to go by.
        effective = min((tally.known + 1) / (tally.known * found + 1 / units), float(len(self)))
        low, high = binomial(value * effective, effective, CONFIDENCE)
        return Rate(value, tally.errors, len(self), self.independent, effective, low, high)

    def _pairs(self, blamed: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Number of the pair of people that each of these trials is between, whoever looks up whom."""
        ends = np.sort(np.stack([self.persons[blamed], self.others[blamed]]), axis=0)
        _, numbers = np.unique(ends[0] * self._members + ends[1], return_inverse=True)
        return numbers.astype(np.int64)

    def _variance(self, tally: _Tally) -> float:
        """Of the number of errors, over all draws of as many people; the gallery and the strangers keep their sizes."""
        groups = tally.deviations[: self.gallery], tally.deviations[self.gallery :]
        # How often each of n is drawn is multinomial: variance 1 - 1/n, covariance -1/n.
        drawn = sum(float(((own - own.mean()) ** 2).sum()) for own in groups if len(own))
        return drawn - tally.twice

    def _sum(self, members: NDArray[np.int64], amounts: Numbers) -> Numbers:
        totals = np.bincount(members, amounts, minlength=self._members)
        return totals.astype(np.float64)
