"""The nearest faces of each face, as pairs: the candidates of `linkage.link`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesort.core.persons.sightings import Sightings
from facesort.core.records import Embeddings

NEIGHBOURS = 64
"""Kept per face: bounds the memory if one person has thousands of faces."""

_ROWS, _COLUMNS = 1024, 4096  # of one matrix product: 16 MB of cosines
_SPARE = 2_000_000  # pairs held beyond those kept before they are thinned out: 24 MB

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
        self._held = [Pairs.none()]
        self._kept, self._number, self._limit = kept, 0, _SPARE

    def add(self, pairs: Pairs) -> None:
        """Take pairs that did not come before."""
        self._held.append(pairs)
        self._number += len(pairs)
        if self._number > self._limit:
            self.thinned()
            self._limit = self._number + max(_SPARE, self._number // 4)

    def thinned(self) -> Pairs:
        """Those that are kept so far."""
        self._held[:] = [join_pairs(self._held)]
        self._held[:] = [_thinned(self._held[0], self.bar, self._kept)]
        self._number = len(self._held[0])
        return self._held[0]


def _thinned(pairs: Pairs, bar: NDArray[np.float32], kept: int) -> Pairs:
    """Pairs that are among the nearest of one of the two; raises the bars of faces with more."""
    count = np.bincount(pairs.first, minlength=len(bar))
    count += np.bincount(pairs.second, minlength=len(bar))
    is_crowded = count > kept
    # Positive floats sort like their bits: one key sorts by face, then by falling cosine.
    keys = []
    for faces in (pairs.first, pairs.second):
        asked = is_crowded[faces]
        key = faces[asked].astype(np.uint64)
        key <<= np.uint64(32)
        key |= np.uint32(0xFFFFFFFF) - pairs.cosine[asked].view(np.uint32)
        keys.append(key)
    key = np.concatenate(keys)
    keys.clear()
    key.sort()
    crowded = np.flatnonzero(is_crowded)
    count = count[crowded]
    last = key[np.cumsum(count) - count + kept - 1] & np.uint64(0xFFFFFFFF)
    bar[crowded] = (np.uint64(0xFFFFFFFF) - last).astype(np.uint32).view(np.float32)
    return pairs.of(pairs.cosine >= np.minimum(bar[pairs.first], bar[pairs.second]))
