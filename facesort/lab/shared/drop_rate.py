"""The drop rate and its interval."""

from __future__ import annotations

from dataclasses import dataclass

from facesort.core.calibration.intervals import binomial
from facesort.reasons import PhotoStatus
from facesort.store.queries.reports import Counts


@dataclass(frozen=True, slots=True)
class DropRate:
    """Share of decided photos that reached no person's folder.

    Parameters
    ----------
    dropped, decided : int
        Files.  Pending ones are not decided, nor are those that are linked to another file of their shot: they are
        not delivered themselves, and so cannot be dropped.
    """

    dropped: int
    decided: int

    @classmethod
    def of(cls, counts: Counts) -> DropRate:
        """The drop rate of a workspace."""
        decided = counts.total - counts.photos[PhotoStatus.PENDING] - counts.same_shot
        return cls(decided - counts.photos[PhotoStatus.MATCHED], decided)

    @property
    def rate(self) -> float | None:
        """In [0, 1]; None if nothing is decided."""
        return self.dropped / self.decided if self.decided else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Exact 95 % interval (see `facesort.core.calibration.intervals.binomial`); None if nothing is decided."""
        if not self.decided:
            return None
        return binomial(self.dropped, self.decided)
