"""Impostors without labels: two faces of one photo are two people.

So every group photo holds certified impostor pairs of *this* event.  They are compared face to face with pairs of
references of different persons (`comparisons.reference_pairs`), never with distances to centroids of several
references, which are of another kind.  Two things remain different, and both make the crowd's pairs a little nearer:
two faces of one photo share its light and its camera, and references were chosen for their quality.

One person can be in a photo twice: in a mirror, on a poster, in a collage.  Boxes that overlap are taken for two
detections of one face and left out; pairs within STRICT are left out of the comparison, on both sides, and
counted apart, so that somebody can look at them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesort.core.calibration.intervals import CONFIDENCE, difference
from facesort.core.calibration.rates import NOBODY, Rate, Trials
from facesort.core.matching import Thresholds, centroid_distances
from facesort.core.records import Embeddings

__all__ = ["CrowdTest", "compare_crowd", "photo_pairs"]

# Of the smaller box: faces of two people who embrace overlap less, two detections of one face more.
_OVERLAP = 0.3


@dataclass(frozen=True, slots=True)
class CrowdTest:
    """Whether the people of an event are more alike than the seeds promise.

    Parameters
    ----------
    crowd, seeds : Rate
        Share of impostor pairs between STRICT and LOOSE, face to face: within photos of the event, and
        between references of different persons.
    low, high : float
        95 % interval of ``crowd - seeds``.
    suspects : int
        Pairs of one photo within STRICT: look-alikes, or the same person twice.
    """

    crowd: Rate
    seeds: Rate
    low: float
    high: float
    suspects: int

    @property
    def harder(self) -> bool:
        """Whether the crowd is more alike, by more than chance explains (one-sided, 5 %)."""
        confidence = 1 - 2 * (1 - CONFIDENCE)
        crowd, seeds = (side.interval(confidence) for side in (self.crowd, self.seeds))
        return difference(self.crowd.value, crowd, self.seeds.value, seeds)[0] > 0


def photo_pairs(photos: Iterable[tuple[NDArray[np.float32], Embeddings]]) -> Trials:
    """Impostor pairs within photos.

    Parameters
    ----------
    photos : iterable of (boxes of shape (n, 4), embeddings of shape (n, dim))
        One entry per photo; photos with fewer than two faces give no pair.

    Returns
    -------
    Trials
        One per pair; what is independent are photos, not pairs.
    """
    scores, owners = [np.empty(0, np.float32)], [np.empty(0, np.int64)]
    for number, (boxes, embeddings) in enumerate(photos):
        if len(embeddings) > 1:
            one, other = np.triu_indices(len(embeddings), k=1)
            apart = _overlap(boxes[one], boxes[other]) <= _OVERLAP
            scores.append(centroid_distances(embeddings, embeddings)[one, other][apart])
            owners.append(np.full(int(apart.sum()), number, np.int64))
    distances = np.concatenate(scores)
    _, numbers = np.unique(np.concatenate(owners), return_inverse=True)
    return Trials(
        "pairs of faces within one photo",
        distances,
        numbers.astype(np.int64),
        np.full(len(distances), NOBODY, np.int64),
        0,
        np.ones(len(distances)),
    )


def compare_crowd(crowd: Trials, seeds: Trials, thresholds: Thresholds) -> CrowdTest:
    """Compare an event's impostor pairs with those of the seeds.

    Parameters
    ----------
    crowd : Trials
        From `photo_pairs`.
    seeds : Trials
        From `comparisons.reference_pairs`.
    thresholds : Thresholds

    Raises
    ------
    InsufficientTrialsError
        If there is no pair on one side.
    """
    strict = np.float32(thresholds.strict)
    found, expected = (
        side.only(side.scores > strict).at(thresholds.loose) for side in (crowd, seeds)
    )
    low, high = difference(
        found.value, (found.low, found.high), expected.value, (expected.low, expected.high)
    )
    return CrowdTest(found, expected, low, high, int((crowd.scores <= strict).sum()))


def _overlap(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float64]:
    """Intersection of boxes as a share of the smaller one; shape (n,)."""
    sides = np.minimum(one[:, 2:], other[:, 2:]) - np.maximum(one[:, :2], other[:, :2])
    areas = [(b[:, 2:] - b[:, :2]).clip(min=0).prod(axis=1) for b in (one, other)]
    smaller = np.maximum(np.minimum(*areas), np.float32(1e-9))
    return np.asarray(sides.clip(min=0).prod(axis=1) / smaller, dtype=np.float64)
