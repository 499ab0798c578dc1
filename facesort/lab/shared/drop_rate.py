"""The drop rate, with how sure it is."""

from __future__ import annotations

from dataclasses import dataclass

from facesort.core.calibration.intervals import binomial


@dataclass(frozen=True, slots=True)
class DropRate:
    """Share of the decided photos that reached no person's folder.

    Parameters
    ----------
    dropped, decided : int
        Photos; those still pending are not decided.
    """

    dropped: int
    decided: int

    @property
    def rate(self) -> float | None:
        """In [0, 1]; None before anything is decided."""
        return self.dropped / self.decided if self.decided else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Exact 95 % interval (`facesort.core.calibration.intervals.binomial`); None before anything is decided."""
        if not self.decided:
            return None
        return binomial(self.dropped, self.decided)
