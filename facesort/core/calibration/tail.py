"""How near to each other different people come, further out than a sample reaches.

Hardly any sample has so many pairs that some lie within a LOOSE.  So the tail of their cosines is continued: beyond a
high quantile the excess is taken for exponential (peaks over threshold: Pickands, "Statistical inference using extreme
order statistics", Annals of Statistics 1975; Balkema and de Haan, Annals of Probability 1974).  Cosines are bounded,
and their tails lighter than that, so the rate is rather over- than underestimated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesort.core.calibration.rates import NOBODY, Trials
from facesort.core.groups.linkage import mean_cosine, rms_distance
from facesort.core.text.words import several
from facesort.errors import InsufficientTrialsError

_IN_TAIL, _FEWEST_IN_TAIL = 100, 30  # pairs it is fitted to: the further out, the less is continued
_LARGEST_TAIL = 0.05  # of all pairs
_FEWEST_PAIRS = round(_FEWEST_IN_TAIL / _LARGEST_TAIL)
_FEWEST_UNITS = 20  # persons, or photos
_PARTS = 20  # of the jackknife
_T = 2.093  # Student's t with 19 degrees of freedom, 95 %


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Tail:
    """The largest cosines of impostor pairs: above `start`, of which there is `share`, their excess has mean `scale`.

    `shares` and `scales` are without each of the parts of a jackknife.
    """

    start: float
    share: float
    scale: float
    shares: NDArray[np.float64]
    scales: NDArray[np.float64]

    @classmethod
    def of(cls, pairs: Trials) -> Tail:
        """Of pairs whose `persons` and `others` are what is independent of each other.

        Raises
        ------
        InsufficientTrialsError
            If there are too few.
        """
        cosines = 1 - pairs.scores.astype(np.float64) ** 2 / 2
        wanted = min(int(_LARGEST_TAIL * len(cosines)), _IN_TAIL)
        units = np.unique(np.concatenate([pairs.persons, pairs.others[pairs.others != NOBODY]]))
        if len(units) < _FEWEST_UNITS or wanted < _FEWEST_IN_TAIL:
            of = several(len(units), "person or photo", "people or photos")
            raise InsufficientTrialsError(
                f"{several(len(cosines), 'pair')} of different people, of {of}, are too few to find thresholds: at "
                f"least {_FEWEST_PAIRS} and {_FEWEST_UNITS} are needed; add photos"
            )
        start = float(np.partition(cosines, -wanted - 1)[-wanted - 1])
        excess = np.clip(cosines - start, 0, None)
        # A pair goes with each of its two people: the jackknife leaves out parts of the people, not of the pairs.
        part = np.random.default_rng(0).permutation(len(units)) % _PARTS
        ends = [
            np.where(
                side == NOBODY, -1, part[np.searchsorted(units, side).clip(max=len(units) - 1)]
            )
            for side in (pairs.persons, pairs.others)
        ]
        inside = cosines > start
        number, above, total = (
            _without_parts(ends, w) for w in (np.ones(len(cosines)), inside, excess)
        )
        return cls(
            start,
            float(inside.mean()),
            float(excess.sum() / inside.sum()),
            above / np.maximum(number, 1),
            total / np.maximum(above, 1),
        )

    def threshold(self, rate: float) -> Estimate:
        """Distance within which a share of the pairs lies."""
        value = self.start + self.scale * math.log(self.share / rate)
        parts = self.start + self.scales * np.log(np.maximum(self.shares, 1e-12) / rate)
        spread = _T * _jackknife(parts)
        near, far = (float(rms_distance(min(value + side * spread, 1.0))) for side in (1, -1))
        return Estimate(float(rms_distance(min(value, 1.0))), near, far)

    def rate(self, distance: float) -> Estimate:
        """Share of the pairs within a distance."""
        beyond = mean_cosine(distance) - self.start
        value = math.log(self.share) - beyond / self.scale
        parts = np.log(np.maximum(self.shares, 1e-12)) - beyond / np.maximum(self.scales, 1e-12)
        spread = _T * _jackknife(parts)
        return Estimate(*(math.exp(v) for v in (value, value - spread, value + spread)))


def _without_parts(
    ends: list[NDArray[np.int64]], weights: NDArray[np.generic]
) -> NDArray[np.float64]:
    """Sums of weights over the pairs that have no end in each part."""
    one, other = ends
    weights = weights.astype(np.float64)
    lost = np.bincount(one, weights, minlength=_PARTS)
    elsewhere = (other >= 0) & (other != one)
    lost += np.bincount(other[elsewhere], weights[elsewhere], minlength=_PARTS)
    return np.asarray(weights.sum() - lost, np.float64)


def _jackknife(parts: NDArray[np.float64]) -> float:
    """Standard error from estimates without a part each (Tukey, Annals of Mathematical Statistics 1958)."""
    n = len(parts)
    return math.sqrt((n - 1) / n * float(((parts - parts.mean()) ** 2).sum()))
