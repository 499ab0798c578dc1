"""The nearest faces of each face, as pairs: the candidates of `linkage.link`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesort.core.persons.sightings import Sightings
from facesort.core.records import Embeddings

NEIGHBOURS = 64
"""Kept per face: bounds the memory if one person has thousands of faces."""

_ROWS, _COLUMNS = 1024, 4096  # of one matrix product: 16 MB of cosines
_SPARE = 2_000_000  # pairs held beyond those kept before they are thinned out: 24 MB
_AT_ONCE = 8_000_000  # pairs, or keys of them, that are looked at together: 64 MB

Indices = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of nodes.

    Parameters
    ----------
    first, second : ndarray of shape (n_pairs,), int32
        ``first < second``.
    cosine : ndarray of shape (n_pairs,), float32
        Between the two; of groups, the mean cosine between their members.
    """

    first: Indices
    second: Indices
    cosine: NDArray[np.float32]

    @classmethod
    def none(cls) -> Pairs:
        """No pair."""
        return cls(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32))

    def __len__(self) -> int:
        return len(self.cosine)

    def of(self, chosen: NDArray[np.bool_]) -> Pairs:
        """The pairs of a mask of shape (n_pairs,)."""
        return Pairs(self.first[chosen], self.second[chosen], self.cosine[chosen])


def join_pairs(parts: list[Pairs]) -> Pairs:
    """All pairs of several."""
    return Pairs(
        np.concatenate([p.first for p in parts]),
        np.concatenate([p.second for p in parts]),
        np.concatenate([p.cosine for p in parts]),
    )


def nearest_pairs(
    embeddings: Embeddings,
    sightings: Sightings,
    lowest: float,
    *,
    kept: int = NEIGHBOURS,
) -> Pairs:
    """Pairs of faces that do not meet, each among the nearest of one of the two at least.

    Parameters
    ----------
    embeddings : ndarray of shape (n, dim), float32
        L2-normalised.
    sightings : Sightings
        Of the same faces.
    lowest : float
        Smallest cosine of a pair, above 0.
    kept : int
        How many nearest faces count; more where several are equally near.

    Notes
    -----
    Time is O(n^2), in float32 matrix products; memory O(n): pairs are thinned out as they come, and a face that has
    `kept` pairs takes only better ones.
    """
    n = len(embeddings)
    found = KeptPairs(n, lowest, kept)
    for row in range(0, n, _ROWS):
        for column in range(row, n, _COLUMNS):
            found.add(_tile(embeddings, sightings, found.bar, row, column))
    return found.thinned()


def _tile(
    embeddings: Embeddings,
    sightings: Sightings,
    bar: NDArray[np.float32],
    row: int,
    column: int,
) -> Pairs:
    """Pairs of one block of faces with another that reach the bar of one of the two."""
    cosines = embeddings[row : row + _ROWS] @ embeddings[column : column + _COLUMNS].T
    lower = min(bar[row : row + _ROWS].min(), bar[column : column + _COLUMNS].min())
    found = np.flatnonzero(cosines >= lower)
    first, second = np.divmod(found, cosines.shape[1])
    first, second = first + row, second + column
    cosine = cosines.ravel()[found]
    near = (cosine >= np.minimum(bar[first], bar[second])) & (first < second)
    near &= ~sightings.meet(first, second)
    return Pairs(first.astype(np.int32), second.astype(np.int32), cosine).of(near)


class KeptPairs:
    """Pairs as they come, of which those that are among the nearest of one of the two are kept.

    Parameters
    ----------
    n : int
        Number of nodes.
    lowest : float
        Smallest cosine of a pair, above 0.
    kept : int
        How many nearest count; more where several are equally near.

    Attributes
    ----------
    bar : ndarray of shape (n,), float32
        A pair is worth adding if it reaches the bar of one of the two.
    """

    def __init__(self, n: int, lowest: float, kept: int) -> None:
        self.bar = np.full(n, lowest, np.float32)
        none = Pairs.none()
        self._first, self._second, self._cosine = [none.first], [none.second], [none.cosine]
        self._kept, self._number, self._limit = kept, 0, _SPARE

    def add(self, pairs: Pairs) -> None:
        """Take pairs that did not come before."""
        self._first.append(pairs.first)
        self._second.append(pairs.second)
        self._cosine.append(pairs.cosine)
        self._number += len(pairs)
        if self._number > self._limit:
            self.thinned()
            self._limit = self._number + max(_SPARE, self._number // 4)

    def thinned(self) -> Pairs:
        """Those that are kept so far."""
        # A column at a time: of very many pairs a second copy of all three would take gigabytes.
        columns: tuple[list[NDArray[Any]], ...] = (self._first, self._second, self._cosine)
        for column in columns:
            column[:] = [np.concatenate(column)]
        _raise_bars(Pairs(self._first[0], self._second[0], self._cosine[0]), self.bar, self._kept)
        near = np.empty(len(self._cosine[0]), np.bool_)
        for some in _parts(len(near)):
            bars = self.bar[self._first[0][some]], self.bar[self._second[0][some]]
            near[some] = self._cosine[0][some] >= np.minimum(*bars)
        for column in columns:
            column[:] = [column[0][near]]
        found = Pairs(self._first[0], self._second[0], self._cosine[0])
        self._number = len(found)
        return found


def _parts(number: int) -> Iterator[slice]:
    return (slice(start, start + _AT_ONCE) for start in range(0, number, _AT_ONCE))


def _raise_bars(pairs: Pairs, bar: NDArray[np.float32], kept: int) -> None:
    """Raise the bars of faces with more pairs than are kept; some faces after the others, as keys take much memory."""
    count = np.zeros(len(bar), np.int64)
    for some in _parts(len(pairs)):
        count += np.bincount(pairs.first[some], minlength=len(bar))
        count += np.bincount(pairs.second[some], minlength=len(bar))
    count[count <= kept] = 0
    ends = np.cumsum(count)
    start = 0
    while start < len(bar):
        before = int(ends[start - 1]) if start else 0
        end = max(start + 1, int(np.searchsorted(ends, before + _AT_ONCE, side="right")))
        crowded = start + np.flatnonzero(count[start:end])
        if len(crowded):
            key = np.empty(int(ends[end - 1]) - before, np.uint64)
            _fill(key, pairs, start, end, count > 0)
            key.sort()
            last = key[ends[crowded] - count[crowded] - before + kept - 1] & np.uint64(0xFFFFFFFF)
            bar[crowded] = (np.uint64(0xFFFFFFFF) - last).astype(np.uint32).view(np.float32)
        start = end


def _fill(
    key: NDArray[np.uint64], pairs: Pairs, start: int, end: int, is_crowded: NDArray[np.bool_]
) -> None:
    """A key for each pair of each crowded face from `start` to `end`: by face, then by falling cosine.

    Positive floats sort like their bits.
    """
    filled = 0
    for faces in (pairs.first, pairs.second):
        for some in _parts(len(pairs)):
            face = faces[some]
            asked = np.flatnonzero((face >= start) & (face < end))
            asked = asked[is_crowded[face[asked]]]
            part = key[filled : filled + len(asked)]
            part[:] = face[asked]
            part <<= np.uint64(32)
            part |= np.uint32(0xFFFFFFFF) - pairs.cosine[some][asked].view(np.uint32)
            filled += len(asked)
