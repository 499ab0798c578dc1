"""What all of the campaign shares: its seed, its size, and the figures it ends with."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, field

SEED = int(os.environ.get("FACESORT_TORTURE_SEED", "20261121"))
WHOLE = os.environ.get("FACESORT_SLOW_SHARE") != "ci"

# The figures that the last table shows, in its order; what is not a maximum is a sum.
FIGURES = [
    "kills survived: coordinator at a named point",
    "kills survived: coordinator between two file operations",
    "kills survived: coordinator at a random time",
    "kills survived: coordinator in a system call of the database",
    "kills survived: worker processes",
    "kills survived: notebook kernel, papermill, or all at once",
    "faults injected: disks",
    "faults injected: foreign hands",
    "faults injected: database",
    "files fed: mutated",
    "files fed: as they are, whole and broken",
    "files fed: bombs, giants and swarms",
    "files fed: names",
    "photos sorted under load",
    "bytes lost",
    "files doubled",
    "temporary files left",
]
PEAKS = ["peak memory of a worker (MB)", "peak memory of the coordinator (MB)"]


def share(ci: int, whole: int) -> int:
    """How much of something the whole campaign does, and the share of it that CI does."""
    return whole if WHOLE else ci


def chance(*what: object) -> random.Random:
    """Randomness of one case: follows from the campaign's seed and the case alone."""
    return random.Random(f"{SEED} {what}")


@dataclass
class Ledger:
    """Figures of this campaign."""

    figures: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FIGURES, 0))
    peaks: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PEAKS, 0))
    notes: list[str] = field(default_factory=list)
    _told: dict[str, int] = field(default_factory=dict)
    _noted: int = 0

    def count(self, figure: str, number: int = 1) -> None:
        self.figures[figure] += number

    def peak(self, figure: str, value: float) -> None:
        self.peaks[figure] = max(self.peaks[figure], round(value))

    def note(self, words: str) -> None:
        """What the reader of the table may want to know beside it."""
        self.notes.append(words)

    def news(self) -> list[str]:
        """What has been added since this was last asked."""
        added = {name: n - self._told.get(name, 0) for name, n in self.figures.items()}
        told = [f"+{n} {name}" for name, n in added.items() if n] + self.notes[self._noted :]
        self._told, self._noted = dict(self.figures), len(self.notes)
        return told

    def table(self) -> list[str]:
        kills = sum(n for name, n in self.figures.items() if name.startswith("kills survived"))
        rows = {"kills survived, all": kills} | self.figures | self.peaks
        return [f"{name:60} {number:>10,}" for name, number in rows.items()] + self.notes
