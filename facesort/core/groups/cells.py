"""The nearest of very many faces or groups, looked for among those in near cells only."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from facesort.core.groups.neighbours import Indices, KeptPairs, Pairs
from facesort.core.persons.sightings import Ids, Sightings
from facesort.core.records import Embeddings

_KEPT = 8  # nearest of each: one that is missed is met again as a group's
_PER_CELL = 8  # nodes that a centre is learned from
_TURNS = 6  # of k-means
_ROWS, _COLUMNS = 2048, 4096  # of one matrix product: 32 MB of cosines
_MOST_THREADS = 4  # each has two such products at most

S = TypeVar("S")
T = TypeVar("T")
Tile = tuple[Indices, Indices]


@dataclass(frozen=True, slots=True, eq=False)
class Nodes:
    """Faces, or groups of them.

    Parameters
    ----------
    total : ndarray of shape (n, dim), float32
        Sums of the L2-normalised embeddings of their members.
    size : ndarray of shape (n,), int64
        Numbers of these.
    sightings : Sightings
        Of one member each.
    chosen : ndarray of shape (n_chosen,), int64
        Rows of those that count, ascending.
    """

    total: Embeddings
    size: Ids
    sightings: Sightings
    chosen: Ids

    def cosines(self, rows: Ids, columns: Ids) -> NDArray[np.float32]:
        """Mean cosines between members; shape (n_rows, n_columns)."""
        found = self.total[rows] @ self.total[columns].T
        found /= self.size[rows, None].astype(np.float32)
        found /= self.size[columns].astype(np.float32)
        return np.asarray(found, np.float32)


def pairs_in_cells(nodes: Nodes, lowest: float, probes: int) -> Pairs:
    """Pairs of nodes that do not meet, each among the nearest of one of the two; a few are missed.

    Parameters
    ----------
    nodes : Nodes
        The result depends on the order of those that are chosen.
    lowest : float
        Smallest mean cosine of a pair, above 0.
    probes : int
        Cells that a node looks into: two are compared if the own cell of one of them is among these of the other.

    Notes
    -----
    An inverted file: J. Sivic and A. Zisserman, *Video Google: a text retrieval approach to object matching in
    videos*, 2003.  Its centres come from spherical k-means, without anything random.  With ``sqrt(probes * n)`` cells,
    finding the cells takes as long as comparing the nodes in them: O(n^1.5).
    """
    found = KeptPairs(len(nodes.size), lowest, _KEPT)
    with _threads() as threads:
        cells = _Cells.of(nodes, probes, threads)

        def cosines_of(tile: Tile) -> tuple[Tile, NDArray[np.float32]]:
            return tile, nodes.cosines(*(nodes.chosen[side] for side in tile))

        for (looking, at_home), cosines in threads.in_order(cosines_of, cells.tiles()):
            rows, columns = nodes.chosen[looking], nodes.chosen[at_home]
            bar, other_bar = found.bar[rows], found.bar[columns]
            row, column = np.nonzero(cosines >= min(bar.min(), other_bar.min()))
            cosine = cosines[row, column]
            near = cosine >= np.minimum(bar[row], other_bar[column])
            near[near] = cells.are_first(looking[row[near]], at_home[column[near]])
            one, other = rows[row[near]], columns[column[near]]
            first, second = np.minimum(one, other), np.maximum(one, other)
            pairs = Pairs(first.astype(np.int32), second.astype(np.int32), cosine[near])
            found.add(pairs.of(~nodes.sightings.meet(first, second)))
    return found.thinned()


@dataclass(frozen=True, slots=True, eq=False)
class _Threads:
    """As many as NumPy would use for one matrix product, each with a product of its own.

    The last bits of a product that several threads share depend on their number.
    """

    pool: ThreadPoolExecutor
    number: int

    def in_order(self, work: Callable[[S], T], of: Iterable[S]) -> Iterator[T]:
        """What becomes of each, in their order; a few are ahead."""
        waiting = deque[Future[T]]()
        for each in of:
            waiting.append(self.pool.submit(work, each))
            if len(waiting) > self.number:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@contextmanager
def _threads() -> Iterator[_Threads]:
    blas = ThreadpoolController().select(user_api="blas")
    number = max((library.num_threads for library in blas.lib_controllers), default=1)
    number = min(number, _MOST_THREADS)
    with blas.limit(limits=1), ThreadPoolExecutor(number) as pool:
        yield _Threads(pool, number)


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """Which cells nodes are near to.

    Parameters
    ----------
    near : ndarray of shape (n, n_probes), int32
        Of each node, its own first.
    number : int
        Of all cells.
    """

    near: Indices
    number: int

    @classmethod
    def of(cls, nodes: Nodes, probes: int, threads: _Threads) -> _Cells:
        n = len(nodes.chosen)
        number = int((probes * n) ** 0.5)
        near = np.empty((n, min(probes, number)), np.int32)
        centres = _centres(nodes, number, threads).T

        def look(start: int) -> None:
            alike = nodes.total[nodes.chosen[start : start + _ROWS]] @ centres
            rows = np.arange(len(alike))
            for column in near[start : start + _ROWS].T:  # many times as fast as one partition
                column[:] = alike.argmax(axis=1)
                alike[rows, column] = -np.inf

        for _ in threads.in_order(look, range(0, n, _ROWS)):
            pass
        return cls(near, number)

    def tiles(self) -> Iterator[Tile]:
        """Nodes that look into a cell, and nodes whose own it is, in parts."""
        own = _by_cell(self.near[:, :1], self.number)
        for looking, at_home in zip(_by_cell(self.near, self.number), own, strict=True):
            for column in range(0, len(at_home), _COLUMNS):
                for row in range(0, len(looking), _ROWS):
                    yield looking[row : row + _ROWS], at_home[column : column + _COLUMNS]

    def are_first(self, looking: Indices, at_home: Indices) -> NDArray[np.bool_]:
        """Whether pairs are neither of one node, nor the second time that two look for each other."""
        both = (self.near[at_home] == self.near[looking, :1]).any(axis=1)
        return np.asarray((looking < at_home) | (looking > at_home) & ~both, np.bool_)


def _centres(nodes: Nodes, number: int, threads: _Threads) -> Embeddings:
    """Directions around which nodes are; shape (number, dim)."""
    from scipy.sparse import coo_array

    n = len(nodes.chosen)
    sample = nodes.total[nodes.chosen[_evenly(n, min(number * _PER_CELL, n))]]
    sample /= np.linalg.norm(sample, axis=1, keepdims=True)
    centres = sample[_evenly(len(sample), number)]

    def nearest_to(row: int) -> NDArray[np.int64]:
        return np.asarray((sample[row : row + _ROWS] @ centres.T).argmax(axis=1), np.int64)

    for _ in range(_TURNS):
        rows = range(0, len(sample), _ROWS)
        nearest = np.concatenate(list(threads.in_order(nearest_to, rows)))
        ones = np.ones(len(sample), np.float32)
        of = coo_array((ones, (nearest, np.arange(len(sample)))), (number, len(sample)))
        total = of.tocsr() @ sample
        length = np.linalg.norm(total, axis=1, keepdims=True)
        np.divide(total, length, out=centres, where=length > 0)
    return np.asarray(centres, np.float32)


def _evenly(n: int, count: int) -> Ids:
    return np.arange(count) * n // count


def _by_cell(near: Indices, number: int) -> list[Indices]:
    """The nodes of each cell, ascending."""
    from scipy.sparse import csr_array

    n, probes = near.shape
    ends = np.arange(0, near.size + 1, probes)
    table = csr_array((np.ones(near.size, np.bool_), near.ravel(), ends), (n, number)).tocsc()
    return np.split(table.indices.astype(np.int32, copy=False), table.indptr[1:-1])
