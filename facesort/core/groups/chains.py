"""How the faces of a group hang together: each one by the nearest that is already connected with a reference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesort.core.groups.linkage import rms_distance
from facesort.core.records import Embeddings

_AT_ONCE = 5000  # faces


@dataclass(frozen=True, slots=True, eq=False)
class Chains:
    """The chain of each face of a group from an anchor: a reference, or a face of which a user said whose it is.

    Parameters
    ----------
    before : ndarray of shape (n,), int64
        The row before each on its chain; -1 of anchors.
    distance : ndarray of shape (n,), float32
        To that row; 0 of anchors.
    """

    before: NDArray[np.int64]
    distance: NDArray[np.float32]

    def to(self, row: int) -> list[int]:
        """Rows from the anchor to this one."""
        found = [row]
        while (row := int(self.before[row])) >= 0:
            found.append(row)
        return found[::-1]

    def beyond(self, row: int) -> list[int]:
        """Rows that reach an anchor only through this one, itself first."""
        return list(self._beyond(row))

    def _beyond(self, row: int) -> Iterator[int]:
        waiting = [row]
        while waiting:
            yield (here := waiting.pop())
            waiting.extend(np.flatnonzero(self.before == here)[::-1].tolist())


def chains(embeddings: Embeddings, anchors: NDArray[np.bool_]) -> Chains:
    """Connect every face with an anchor by the chain whose longest step is the shortest.

    Parameters
    ----------
    embeddings : ndarray of shape (n, dim), float32
        L2-normalised.
    anchors : ndarray of shape (n,), bool
        One at least.

    Notes
    -----
    R. Prim, *Shortest connection networks and some generalizations*, 1957: the paths of a minimum spanning tree have
    the shortest longest step.  O(n^2) time.  All cosines are computed at once for up to 5,000 faces, which is ten times
    as fast as one face after the other; that takes 100 MB.
    """
    table = embeddings @ embeddings.T if len(embeddings) <= _AT_ONCE else None
    before, cosine = np.full(len(anchors), -1), np.full(len(anchors), -np.inf, np.float32)
    waits = ~anchors
    coming = np.flatnonzero(anchors).tolist()
    for _ in range(len(anchors)):
        come = coming.pop() if coming else int(np.argmax(np.where(waits, cosine, -np.inf)))
        waits[come] = False
        cosines = embeddings @ embeddings[come] if table is None else table[come]
        nearer = waits & (cosines > cosine)
        cosine[nearer], before[nearer] = cosines[nearer], come
    distance = rms_distance(np.where(anchors, np.float32(1), cosine))
    return Chains(before, distance)
