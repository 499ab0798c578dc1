"""A simulated event: groups of persons meet at moments, and several cameras see some of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facesort.core.moments.clocks import CameraPhotos

DAY = 86_400.0


@dataclass(frozen=True)
class Event:
    """Two days from 9 to 23 o'clock; each moment is of one camera, or of all of them.

    Parameters
    ----------
    shared : float
        Share of the moments that all cameras see.
    families : bool
        The same groups meet again and again; else every group is new.
    seconds : (float, float)
        How long a moment is.
    shots : (int, int)
        Photos of a camera at a moment, as of `range`.
    seen : float
        How often somebody who is there is in the photo, at most.
    everywhere : float
        How often person 0 is in a photo.
    """

    shared: float
    cameras: int = 2
    moments: int = 400
    persons: int = 100
    families: bool = True
    seconds: tuple[float, float] = (20.0, 90.0)
    shots: tuple[int, int] = (2, 12)
    seen: float = 0.9
    everywhere: float = 0.0
    days: int = 2

    def take(self, seed: int, *ahead: float) -> list[CameraPhotos]:
        """The photos of each camera, whose clocks are so many seconds ahead of the first one's."""
        rng = np.random.default_rng(seed)
        groups = [self._group(rng) for _ in range(self.persons // 3)]
        taken: list[tuple[list[float], list[frozenset[int]]]] = [
            ([], []) for _ in range(self.cameras)
        ]
        starts = DAY * rng.integers(0, self.days, self.moments)
        for start in starts + rng.uniform(9 * 3600, 23 * 3600, self.moments):
            group = groups[rng.integers(len(groups))] if self.families else self._group(rng)
            end = start + rng.uniform(*self.seconds)
            all_see = rng.random() < self.shared
            for camera in range(self.cameras) if all_see else [rng.integers(self.cameras)]:
                for at in rng.uniform(start, end, rng.integers(*self.shots)):
                    there = self.seen * rng.uniform(0.5, 1)
                    persons = {person for person in group if rng.random() < there}
                    if rng.random() < self.everywhere:
                        persons.add(0)
                    taken[camera][0].append(at)
                    taken[camera][1].append(frozenset(persons))
        return [
            CameraPhotos(np.floor(np.array(seconds) + by), persons)
            for (seconds, persons), by in zip(taken, (0.0, *ahead), strict=True)
        ]

    def _group(self, rng: np.random.Generator) -> list[int]:
        return [int(p) for p in rng.choice(self.persons, rng.integers(2, 7), replace=False)]


def round_of_tables(seed: int, hours: float) -> CameraPhotos:
    """Someone who takes photos of 40 tables one after the other, three times, and starts `hours` later than others."""
    rng = np.random.default_rng(seed)
    seconds, persons = [], []
    for begin in (10, 14, 18):
        at = (begin + hours) * 3600
        for table in range(40):
            for _ in range(rng.integers(2, 5)):
                at += rng.exponential(8)
                seconds.append(at)
                persons.append(frozenset(6 * table + i for i in range(6) if rng.random() < 0.8))
            at += rng.uniform(5, 30)
    return CameraPhotos(np.floor(seconds), persons)


def programme(seed: int, day: int) -> CameraPhotos:
    """Sixty groups on a stage in the same order every day, each within a minute or two of its time."""
    rng = np.random.default_rng(seed)
    seconds, persons = [], []
    for number in range(60):
        begin = 36_000 + 600 * number + day * DAY + rng.normal(0, 60)
        for at in rng.uniform(begin, begin + 400, rng.integers(5, 40)):
            seconds.append(at)
            persons.append(frozenset(5 * number + i for i in range(5) if rng.random() < 0.8))
    return CameraPhotos(np.floor(seconds), persons)
