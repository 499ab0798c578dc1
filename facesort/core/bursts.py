"""Bursts: photos of the same moment, and the sharpest of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

# Of the 64 bits of the perceptual hashes; unrelated photos differ in about 32.
MAX_DIFFERENT_BITS = 10
MAX_PAUSE = timedelta(seconds=3)  # cameras write whole seconds


@dataclass(frozen=True, slots=True)
class Shot:
    """What the search for bursts uses of a photo.

    Parameters
    ----------
    photo_id : int
        Also the order of photos without a time.
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
    """Two or more photos of the same moment.

    Parameters
    ----------
    photo_ids : tuple of int
        In the order in which they were taken.
    best : int
        The sharpest photo; the first of equals.
    """

    photo_ids: tuple[int, ...]
    best: int


def find_bursts(shots: Iterable[Shot]) -> tuple[Burst, ...]:
    """Group photos into bursts.

    A photo joins the burst of the previous photo of the same camera if they look alike and were taken within three
    seconds of each other.  Photos without a time only need to look alike.

    Returns
    -------
    tuple of Burst
        In the order of their first photos.
    """
    known = sorted((s for s in shots if s.phash is not None), key=_sort_key)
    bursts: list[list[Shot]] = []
    for _, comparable in groupby(known, key=lambda s: _sort_key(s)[:2]):
        before: Shot | None = None
        for shot in comparable:
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
    """Id of the sharpest photo; the first of equals."""
    return min(shots, key=lambda s: (-s.sharpness, s.photo_id)).photo_id


def _sort_key(shot: Shot) -> tuple[str, bool, datetime, int]:
    """Sort key: camera, whether the time is missing, time, id."""
    taken = shot.captured_at
    return shot.camera, taken is None, taken or datetime.min, shot.photo_id


def _continues(before: Shot, shot: Shot) -> bool:
    if before.phash is None or shot.phash is None:
        return False
    if (before.phash ^ shot.phash).bit_count() > MAX_DIFFERENT_BITS:
        return False
    if before.captured_at is None or shot.captured_at is None:
        return True
    return shot.captured_at - before.captured_at <= MAX_PAUSE
