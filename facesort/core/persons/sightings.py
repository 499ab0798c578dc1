"""Where and when faces were seen: those that were seen together are different people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]

IN_PHOTO = -1
"""In the place of the time of a sample."""


class Seen(Protocol):
    """A track, as it is found or as it is stored."""

    @property
    def first_ms(self) -> int:
        """The first sample in which it was detected."""

    @property
    def last_ms(self) -> int:
        """The last one."""


@dataclass(frozen=True, slots=True, eq=False)
class Sightings:
    """The photo of each face, and of a face in a clip its first and last sample; arrays of shape (n,), int64.

    Parameters
    ----------
    photo_ids : ndarray
    first_ms, last_ms : ndarray
        `IN_PHOTO` in a photo, so that all of its faces meet, and none of those in the movie behind it.
    """

    photo_ids: Ids
    first_ms: Ids
    last_ms: Ids

    def __len__(self) -> int:
        return len(self.photo_ids)

    @classmethod
    def of_photos(cls, photo_ids: Ids) -> Sightings:
        """Of faces in photos."""
        still = np.full_like(photo_ids, IN_PHOTO)
        return cls(photo_ids, still, still)

    @classmethod
    def in_one(cls, tracks: Sequence[Seen | None]) -> Sightings:
        """Of all faces of one photo, or clip."""
        spans = [(IN_PHOTO, IN_PHOTO) if t is None else (t.first_ms, t.last_ms) for t in tracks]
        first, last = np.array(spans, np.int64).reshape(-1, 2).T
        return cls(np.zeros_like(first), first, last)

    @classmethod
    def joined(cls, parts: Sequence[Sightings]) -> Sightings:
        """Those of several, one after the other."""
        return cls(
            np.concatenate([part.photo_ids for part in parts]),
            np.concatenate([part.first_ms for part in parts]),
            np.concatenate([part.last_ms for part in parts]),
        )

    def of(self, rows: Ids | NDArray[np.bool_]) -> Sightings:
        """Those of some faces."""
        return Sightings(self.photo_ids[rows], self.first_ms[rows], self.last_ms[rows])

    def meet(self, one: Ids, other: Ids) -> NDArray[np.bool_]:
        """Whether faces were seen together, pair by pair: in one photo, or at one time in one clip."""
        found = np.asarray(self.photo_ids[one] == self.photo_ids[other], np.bool_)
        a, b = one[found], other[found]  # few are in one photo
        found[found] = (self.first_ms[a] <= self.last_ms[b]) & (self.first_ms[b] <= self.last_ms[a])
        return found

    @property
    def all_meet(self) -> bool:
        """Of one photo, or clip: whether there is a time at which all of them are seen."""
        return not len(self) or bool(self.first_ms.max() <= self.last_ms.min())

    def met_by(self, row: int) -> NDArray[np.bool_]:
        """Whether each of them meets one of them, who meets themselves; shape (n,)."""
        found = (self.photo_ids == self.photo_ids[row]) & (self.first_ms <= self.last_ms[row])
        return np.asarray(found & (self.last_ms >= self.first_ms[row]), np.bool_)

    def beside(self, others: Sightings) -> NDArray[np.bool_]:
        """Whether each of these faces meets one of others; shape (n,)."""
        order = np.argsort(others.photo_ids, kind="stable")
        photos = others.photo_ids[order]
        start, end = (np.searchsorted(photos, self.photo_ids, side) for side in ("left", "right"))
        one = np.repeat(np.arange(len(self)), end - start)  # for each of theirs in its photo
        nth = np.arange(len(one)) - np.searchsorted(one, one)
        other = len(self) + order[start[one] + nth]
        found = np.zeros(len(self), np.bool_)
        found[one[Sightings.joined([self, others]).meet(one, other)]] = True
        return found
