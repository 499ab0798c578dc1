"""The drop rate and its interval."""

from __future__ import annotations

from dataclasses import dataclass

from facesort.core.calibration.intervals import binomial


@dataclass(frozen=True, slots=True)
class DropRate:
    """Share of decided photos that reached no person's folder.

    Parameters
    ----------
    dropped, decided : int
        Photos; pending ones are not decided.
    """

    dropped: int
    decided: int

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
