"""Forecasts the result of a sort from a sample of its photos."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesort.core.calibration.intervals import without_replacement
from facesort.core.calibration.rates import NOBODY, Trials
from facesort.core.groups.decision import as_judged, proposals
from facesort.core.groups.linkage import Linkage
from facesort.core.groups.threshold import EventThreshold, given_threshold
from facesort.core.persons.matching import Distances
from facesort.errors import InsufficientTrialsError


@dataclass(frozen=True, slots=True)
class DropForecast:
    """Expected share of a job's photos that reach no folder.

    Parameters
    ----------
    value : float
        In [0, 1].
    dropped, sampled, photos : int
        Dropped photos of the sample; size of the sample; size of the job.
    low, high : float
        95 % interval for the whole job: exact for a simple random sample (`intervals.without_replacement`),
        conservative for one that is spread evenly over the job.  With groups it is for photos that find no more faces
        than the sample has: in the whole job, fewer may be dropped.
    """

    value: float
    dropped: int
    sampled: int
    photos: int
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class GroupedSample:
    """The faces of a sample in groups with the references.

    A whole event finds more: its groups have more photos, and so more ways from a face to its reference.

    Parameters
    ----------
    linkage : Linkage
    threshold : EventThreshold
        Where groups end in this sample.  Any other LOOSE is one that is set.
    own, nearest : ndarray of shape (n_faces,), float32
        Distance of each face alone to `linkage.person`, and to the nearest person.
    photo_of : ndarray of shape (n_faces,), int64
        The photo of the sample that each face is in.
    strict : float
    """

    linkage: Linkage
    threshold: EventThreshold
    own: Distances
    nearest: Distances
    photo_of: NDArray[np.int64]
    strict: float

    def named(self, loose: float) -> NDArray[np.int64]:
        """Photos with a face that is given a name, by its group or alone, if groups end at `loose`."""
        threshold = self.threshold
        if loose != threshold.loose:
            threshold = given_threshold(threshold, loose)
        found = proposals(self.linkage, threshold, self.own)
        by_group = (found.columns >= 0) & ~found.doubtful
        alone = as_judged(self.nearest, loose, threshold.alone) <= np.float32(loose)
        alone &= found.alone | (self.nearest <= np.float32(threshold.whatever_group(self.strict)))
        return np.unique(self.photo_of[by_group | alone])


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """A random sample of a job's photos, compared with the current gallery.

    Nothing is learned between the photos; a sort that learns drops fewer.  Duplicates of photos outside the sample
    are not detected; a sort drops them.

    Parameters
    ----------
    photos : int
        Size of the whole job.
    nearest : ndarray of shape (n_sampled,), float32
        Smallest distance of any face of the photo to any person; +inf for a photo that reaches no folder whatever
        its distances: it has no face, failed, shows somebody who is withheld, or is a duplicate in the sample.
    learnable : ndarray of shape (n_faces,), float32
        The smallest STRICT at which the face is learned; +inf if another rule forbids it (LOOSE, the margin, its
        quality, or another face of the photo that is given the person).
    photo_of : ndarray of shape (n_faces,), int64
        The photo of the sample that each face is in.
    groups : GroupedSample or None
        Of a sort that names faces by their groups.
    """

    photos: int
    nearest: NDArray[np.float32]
    learnable: NDArray[np.float32]
    photo_of: NDArray[np.int64]
    groups: GroupedSample | None = None

    def drops(self, loose: float) -> DropForecast:
        """Share of photos in which nobody is named: without a face within LOOSE, alone or by its group.

        Raises
        ------
        InsufficientTrialsError
            If there is no photo in the sample.
        """
        sampled = len(self.nearest)
        if not sampled:
            raise InsufficientTrialsError(
                "there is no photo in the source to make a forecast from: check its path in facesort.toml"
            )
        reached = self.nearest <= np.float32(loose)
        if self.groups is not None:
            reached = np.isin(np.arange(sampled), self.groups.named(loose))
            reached &= np.isfinite(self.nearest)
        dropped = sampled - int(reached.sum())
        low, high = without_replacement(dropped, sampled, self.photos)
        return DropForecast(dropped / sampled, dropped, sampled, self.photos, low, high)

    def learned(self) -> Trials:
        """Faces of the sample as trials of being learned, with photos as independent units.

        Its rates raise `InsufficientTrialsError` if the sample has no face.
        """
        return Trials(
            "faces in the sample",
            self.learnable,
            self.photo_of,
            np.full(len(self.learnable), NOBODY, np.int64),
            0,
            np.ones(len(self.learnable)),
        )
