"""Pairs of photos of two cameras by the difference of their times, and how alike they are in who is in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.sparse import csr_array

Seconds = NDArray[np.float64]
Likeness = NDArray[np.float64]
"""Squared cosine, in [0, 1]."""

WINDOW = 30.0  # seconds between two photos of the same moment
_CELL = 15.0  # seconds
_MOMENT = 600.0  # seconds; shorter ones are not independent: two photographers may walk the same way round
_RINGS = (4, 16), (12, 120)  # cells to each side: one to four minutes, and three to thirty
_TRIED = 12  # offsets that stand out
_ALIKE = 0.25
_CHUNK = 256  # rows


@dataclass(frozen=True, slots=True, eq=False)
class Profiles:
    """Who was seen when.

    Parameters
    ----------
    seconds : ndarray of shape (n,), float64
        Sorted.
    persons : sparse array of shape (n, persons), float32
        1 where a person was seen; after `weighted`, the dot product of two rows is the cosine between them.
    """

    seconds: Seconds
    persons: csr_array

    def moments(self) -> NDArray[np.int64]:
        """Of each photo, which of the ten minutes with photos it is of; from 0 on, in their order."""
        found = np.unique(np.floor(self.seconds / _MOMENT), return_inverse=True)[1]
        return np.asarray(found, np.int64)


def in_cells(photos: Profiles, size: float = _CELL) -> Profiles:
    """Photos of the same few seconds as one, so that a long burst is neither strong evidence nor slow."""
    _, cell = np.unique(np.floor(photos.seconds / size), return_inverse=True)
    number = np.bincount(cell)
    ones = np.ones(len(cell), dtype=np.float32)
    groups = csr_array((ones, (cell, np.arange(len(cell)))), shape=(len(number), len(cell)))
    persons = csr_array(groups @ photos.persons)
    persons.data[:] = 1
    return Profiles(np.bincount(cell, weights=photos.seconds) / number, persons)


def weighted(one: Profiles, other: Profiles) -> tuple[Profiles, Profiles]:
    """Weigh persons by rarity, and shorten rows to 1; rows that say less than the median stay shorter."""
    cameras = one, other
    rows = sum(len(camera.seconds) for camera in cameras)
    seen = np.sum([camera.persons.sum(axis=0) for camera in cameras], axis=0)
    rarity = np.log(rows / np.maximum(seen, 1)).astype(np.float32)
    scaled = [csr_array(camera.persons.multiply(rarity)) for camera in cameras]
    lengths = [np.sqrt(persons.multiply(persons).sum(axis=1)) for persons in scaled]
    median = max(float(np.median(np.concatenate(lengths))), 1e-6)
    for persons, length in zip(scaled, lengths, strict=True):
        persons.data /= np.repeat(np.maximum(length, median), np.diff(persons.indptr))
        persons.eliminate_zeros()
    return Profiles(one.seconds, scaled[0]), Profiles(other.seconds, scaled[1])


@dataclass(frozen=True, slots=True, eq=False)
class Correlogram:
    """Likeness of all pairs by the difference of their times, and what is usual around each difference.

    Parameters
    ----------
    start : int
        The first difference, in cells.
    found, usual : ndarray of shape (n,), float64
        Within `WINDOW` of each difference.
    """

    start: int
    found: NDArray[np.float64]
    usual: NDArray[np.float64]

    @classmethod
    def of(cls, reference: Profiles, other: Profiles) -> Correlogram:
        """Sum over all pairs, some rows at a time."""
        start = int(np.floor((reference.seconds[0] - other.seconds[-1]) / _CELL)) - 1
        end = int(np.ceil((reference.seconds[-1] - other.seconds[0]) / _CELL)) + 1
        density = np.zeros(end - start + 1)
        columns = csr_array(other.persons.T)
        for row in range(0, len(reference.seconds), _CHUNK):
            pairs = (reference.persons[row : row + _CHUNK] @ columns).tocoo()
            difference = reference.seconds[row + pairs.row] - other.seconds[pairs.col]
            at = np.rint(difference / _CELL).astype(np.int64) - start
            density += np.bincount(
                at, weights=pairs.data.astype(float) ** 2, minlength=len(density)
            )
        width = round(2 * WINDOW / _CELL)
        near, wide = (_ring(density, *sides) for sides in _RINGS)
        usual = np.maximum(np.maximum(near, wide), density.mean())
        return cls(start, uniform_filter1d(density, width + 1) * (width + 1), usual * width)

    def peaks(self) -> list[float]:
        """The offsets that stand out most, in seconds."""
        score = surprise(self.found, self.usual)
        offsets = []
        for _ in range(_TRIED):
            at = int(score.argmax())
            if score[at] <= 0:
                break
            offsets.append((at + self.start) * _CELL)
            score[max(at - _RINGS[1][0], 0) : at + _RINGS[1][0] + 1] = 0
        return offsets

    def usual_at(self, offset: float) -> float:
        """The likeness that pairs add up to within `WINDOW` of an offset near this one."""
        return float(
            self.usual[min(max(round(offset / _CELL) - self.start, 0), len(self.usual) - 1)]
        )


def _ring(values: NDArray[np.float64], inner: int, outer: int) -> NDArray[np.float64]:
    """Mean of the values that are more than `inner` and at most `outer` places away."""
    small, large = (
        np.asarray(uniform_filter1d(values, 2 * side + 1, mode="reflect"), float) * (2 * side + 1)
        for side in (inner, outer)
    )
    mean: NDArray[np.float64] = (large - small) / (2 * (outer - inner))
    return mean


def surprise(found: NDArray[np.float64], usual: NDArray[np.float64]) -> NDArray[np.float64]:
    """Chernoff's bound of a sum of independent numbers in [0, 1], as minus its natural logarithm."""
    ratio = np.maximum(found / np.maximum(usual, 1e-12), 1.0)
    return np.where(found > usual, found * np.log(ratio) - found + usual, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Near:
    """Pairs within a window of an offset.

    Parameters
    ----------
    difference : ndarray of shape (n,), float64
        Time of the reference minus that of the other, in seconds.
    likeness : ndarray of shape (n,), float64
        Squared cosine, in (0, 1].
    moment : ndarray of shape (n,), int64
        The ten minutes in which they were taken.
    """

    difference: Seconds
    likeness: Likeness
    moment: NDArray[np.int64]

    @classmethod
    def of(
        cls, reference: Profiles, other: Profiles, offset: float, window: float = WINDOW
    ) -> Near:
        """Find them by bisection."""
        wanted = reference.seconds - offset
        first = np.searchsorted(other.seconds, wanted - window)
        last = np.searchsorted(other.seconds, wanted + window, side="right")
        number = last - first
        left = np.repeat(np.arange(len(wanted)), number)
        right = np.arange(len(left)) - np.repeat(np.cumsum(number) - number - first, number)
        likeness = (
            np.asarray(reference.persons[left].multiply(other.persons[right]).sum(axis=1), float)
            ** 2
        )
        alike = likeness > 0
        left, right = left[alike], right[alike]
        difference = reference.seconds[left] - other.seconds[right]
        moment = np.floor(reference.seconds[left] / _MOMENT).astype(np.int64)
        return cls(difference, likeness[alike], moment)

    @property
    def number(self) -> int:
        """Pairs that are alike."""
        return int((self.likeness > _ALIKE).sum())

    def middle(self) -> float:
        """Median of the differences, weighted by likeness."""
        return weighted_median(self.difference, self.likeness)

    def by_moment(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The middle of each moment, and its likeness in all."""
        _, at, number = np.unique(self.moment, return_inverse=True, return_counts=True)
        chosen = np.split(np.argsort(at, kind="stable"), np.cumsum(number)[:-1])
        middles = [weighted_median(self.difference[mine], self.likeness[mine]) for mine in chosen]
        return np.array(middles), np.bincount(at, weights=self.likeness).astype(float)


def weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """The first value that has half of the weight up to it."""
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])
