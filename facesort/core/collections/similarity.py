"""Similarity 0 to 100, as clients of Amazon Rekognition know it, from a distance in [0, 2].

It is no probability: it only says where a distance lies between the thresholds in force.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

AT_LOOSE = 80.0
"""Similarity at LOOSE: the threshold that clients ask for if they name none."""
_AT_STRICT = 99.0
_FARTHEST = 2.0


@dataclass(frozen=True, slots=True)
class SimilarityScale:
    """Decreasing and piecewise linear: 0 -> 100, STRICT -> 99, LOOSE -> 80, 2 -> 0.

    Parameters
    ----------
    strict, loose : float
        Distances, 0 < strict < loose < 2; others are moved apart by a hair, so that the scale stays strictly monotone.
    """

    strict: float
    loose: float

    @property
    def _knots(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        hair = 1e-6
        strict = min(max(self.strict, hair), _FARTHEST - 2 * hair)
        loose = min(max(self.loose, strict + hair), _FARTHEST - hair)
        return (
            np.array([0.0, strict, loose, _FARTHEST]),
            np.array([100.0, _AT_STRICT, AT_LOOSE, 0.0]),
        )

    def similarity(self, distance: float | NDArray[np.floating]) -> NDArray[np.float64]:
        """Similarity of distances, which may lie a rounding error outside of [0, 2]."""
        distances, similarities = self._knots
        return np.asarray(np.interp(distance, distances, similarities))

    def distance(self, similarity: float) -> float:
        """Largest distance that has at least this similarity: what a client's threshold means."""
        distances, similarities = self._knots
        return float(np.interp(similarity, similarities[::-1], distances[::-1]))
