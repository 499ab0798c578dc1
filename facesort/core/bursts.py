"""Bursts: photos taken one after the other that look alike, and the sharpest of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

# Of the 64 bits of a perceptual hash, those in which neighbours may differ; unrelated photos differ in about 32.
MOST_BITS = 10
# Cameras write whole seconds; a photographer who waits longer than this has seen the first one.
LONGEST_PAUSE = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class Shot:
    """What is known of a photo when bursts are looked for.

    Parameters
    ----------
    photo_id : int
        Also the order of the photos.
    phash : int or None
        Perceptual hash; a photo without one is in no burst.
    sharpness : float
        Mean over its faces.
    """

    photo_id: int
    phash: int | None
    captured_at: datetime | None
    camera: str
    sharpness: float


@dataclass(frozen=True, slots=True)
class Burst:
    """Two or more photos that show the same.

    Parameters
    ----------
    photo_ids : tuple of int
        In the order in which they were taken.
    best : int
        The sharpest; of equals the first.
    """

    photo_ids: tuple[int, ...]
    best: int


def find_bursts(shots: Iterable[Shot]) -> tuple[Burst, ...]:
    """Group photos into bursts.

    A photo belongs to the burst of the one before it, of the same camera, if they look alike and were taken within
    three seconds of each other.  Where a camera wrote no time, the order of the photos is all there is, and they
    must look alike alone.

    Parameters
    ----------
    shots : iterable of Shot

    Returns
    -------
    tuple of Burst
        By their first photo.
    """
    known = sorted((s for s in shots if s.phash is not None), key=_place)
    bursts: list[list[Shot]] = []
    for _, same_clock in groupby(known, key=lambda s: _place(s)[:2]):
        before: Shot | None = None
        for shot in same_clock:
            if before is not None and _continues(before, shot):
                bursts[-1].append(shot)
            else:
                bursts.append([shot])
            before = shot
    found = [
        Burst(tuple(s.photo_id for s in burst), best_of(burst))
        for burst in bursts
        if len(burst) > 1
    ]
    return tuple(sorted(found, key=lambda burst: burst.photo_ids[0]))


def best_of(shots: Sequence[Shot]) -> int:
    """Id of the sharpest photo; of equals the first."""
    return min(shots, key=lambda s: (-s.sharpness, s.photo_id)).photo_id


def _place(shot: Shot) -> tuple[str, bool, datetime, int]:
    """Order in which photos were taken, as far as it is known; the first two tell whose clock it was."""
    taken = shot.captured_at
    return shot.camera, taken is None, taken or datetime.min, shot.photo_id


def _continues(before: Shot, shot: Shot) -> bool:
    if before.phash is None or shot.phash is None:
        return False
    if (before.phash ^ shot.phash).bit_count() > MOST_BITS:
        return False
    if before.captured_at is None or shot.captured_at is None:
        return True
    return shot.captured_at - before.captured_at <= LONGEST_PAUSE
