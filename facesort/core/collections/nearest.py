"""Exact search: which of many vectors are nearest to a query.

One matrix product gives the candidates of many queries at once.  Its last digits depend on how many there are, so the
distances themselves are computed for the candidates alone, as everywhere else: the answer to a query is the same bit
for bit, whatever else is asked at the same time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesort.core.persons.matching import centroid_distances
from facesort.core.records import Embeddings

# Larger than the rounding errors of a product of two float32 vectors of unit length.
SLACK = 1e-4
_PRODUCT_BYTES = 64 << 20
_FIRST_ROWS = 256


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for.

    Parameters
    ----------
    vector : ndarray of shape (dim,), float32
        L2-normalised.
    within : float
        Largest distance.
    limit : int
        Most answers, 0 or more.
    leave_out : collection of str
        Keys that are no answer.
    """

    vector: Embeddings
    within: float
    limit: int
    leave_out: Collection[str] = ()


class Vectors:
    """Vectors by key, in numbered rows; a row that is free holds zeros.  Not thread-safe.

    Parameters
    ----------
    dim : int
        Length of a vector.
    """

    def __init__(self, dim: int) -> None:
        self._matrix = np.zeros((0, dim), np.float32)
        self._keys: list[str | None] = []
        self._rows: dict[str, int] = {}
        self._free: list[int] = []

    @classmethod
    def of(cls, matrix: Embeddings, rows: Mapping[str, int]) -> Vectors:
        """Take over a matrix of shape (n, dim); its rows without a key must be zeros."""
        vectors = cls(matrix.shape[1])
        vectors._matrix, vectors._rows = matrix, dict(rows)
        vectors._keys = [None] * len(matrix)
        for key, row in rows.items():
            vectors._keys[row] = key
        vectors._free = [row for row, key in enumerate(vectors._keys) if key is None]
        return vectors

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: str) -> bool:
        return key in self._rows

    def row(self, key: str) -> int:
        """Row of a key, which must be there."""
        return self._rows[key]

    def key(self, row: int) -> str:
        """Key of a row that is not free."""
        key = self._keys[row]
        if key is None:
            raise KeyError(row)
        return key

    def get(self, keys: Sequence[str]) -> Embeddings:
        """Copies of vectors, in this order; shape (n, dim)."""
        return self._matrix[[self._rows[key] for key in keys]]

    def free_rows(self, count: int) -> list[int]:
        """Rows that new vectors may have: those that are free, then those after the last."""
        reused = self._free[len(self._free) - min(count, len(self._free)) :]
        return [*reused, *range(len(self._keys), len(self._keys) + count - len(reused))]

    def put(self, key: str, vector: Embeddings, row: int | None = None) -> None:
        """Set the vector of a key; a new one gets a free row, or the one given."""
        if key not in self._rows:
            (row,) = self.free_rows(1) if row is None else (row,)
            self._extend(row + 1)
            self._free.remove(row)
            self._rows[key], self._keys[row] = row, key
        self._matrix[self._rows[key]] = vector

    def forget(self, key: str) -> None:
        """Overwrite the vector of a key, and free its row."""
        row = self._rows.pop(key)
        self._matrix[row], self._keys[row] = 0, None
        self._free.append(row)

    def clear(self) -> None:
        """Overwrite all vectors, and free all rows."""
        self._matrix[:] = 0
        self._keys, self._rows, self._free = [], {}, []

    def _extend(self, rows: int) -> None:
        self._free += range(len(self._keys), rows)
        self._keys += [None] * (rows - len(self._keys))
        if rows > len(self._matrix):
            longer = max(rows, len(self._matrix) * 5 // 4, _FIRST_ROWS)
            grown = np.zeros((longer, self._matrix.shape[1]), np.float32)
            grown[: len(self._matrix)] = self._matrix
            self._matrix[:] = 0
            self._matrix = grown

    def nearest(self, queries: Sequence[Query]) -> list[list[tuple[str, float]]]:
        """Keys and distances (see `matching.centroid_distances`) of each query, nearest first, ties by key."""
        used = self._matrix[: len(self._keys)]
        at_once = max(1, _PRODUCT_BYTES // (4 * max(len(used), 1)))
        found = []
        for start in range(0, len(queries), at_once):
            part = queries[start : start + at_once]
            products = np.stack([query.vector for query in part]) @ used.T
            found += [self._of(query, row) for query, row in zip(part, products, strict=True)]
        return found

    def _of(self, query: Query, products: NDArray[np.float32]) -> list[tuple[str, float]]:
        if self._free:
            products[self._free] = -np.inf
        products[[self._rows[key] for key in query.leave_out if key in self._rows]] = -np.inf
        rows = np.flatnonzero(products >= 1.0 - query.within**2 / 2.0 - SLACK)
        if len(rows) > query.limit > 0:
            alike = products[rows]
            last = np.partition(alike, -query.limit)[-query.limit]
            rows = rows[alike >= last - SLACK]
        if not len(rows) or query.limit <= 0:
            return []
        distances = centroid_distances(query.vector[None], self._matrix[rows])[0].tolist()
        pairs = ((d, self.key(row)) for d, row in zip(distances, rows.tolist(), strict=True))
        near = sorted(pair for pair in pairs if pair[0] <= query.within)
        return [(key, distance) for distance, key in near[: query.limit]]
