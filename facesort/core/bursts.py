"""Bursts: photos of the same moment, the best of each, and an export of only those."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from facesort.core.stored import StoredPhoto
from facesort.reasons import Remark

DIFFERENT_BITS = 10
"""Photos whose perceptual hashes differ in so many of their 64 bits show something else; those of unrelated photos
differ in about 32."""
MAX_PAUSE = timedelta(seconds=3)  # cameras write whole seconds


@dataclass(frozen=True, slots=True)
class Burst:
    """Two or more photos of the same moment.

    Parameters
    ----------
    photo_ids : tuple of int
        In the order in which they were taken.
    best : int
        As `best_of` says.
    """

    photo_ids: tuple[int, ...]
    best: int


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A photo that is missing from a folder it could be in.

    Parameters
    ----------
    folder : str
        Empty if it is in no folder at all.
    instead : int or None
        The photo that was delivered in its place.
    """

    photo_id: int
    folder: str
    why: str
    instead: int | None = None


def find_bursts(photos: Iterable[StoredPhoto]) -> tuple[Burst, ...]:
    """Group photos into bursts.

    A photo joins the burst of the previous photo of the same source and camera if they look alike and were taken
    within three seconds of each other.  Photos without a time only need to look alike.  Photos of one shot are always
    together.

    Returns
    -------
    tuple of Burst
        In the order of their first photos.
    """
    shots: dict[int, list[StoredPhoto]] = {}
    for one in sorted(photos, key=lambda s: s.photo.photo_id):
        if one.phash is not None:
            shots.setdefault(_shot(one), []).append(one)
    known = sorted((shot[0] for shot in shots.values()), key=_sort_key)
    bursts: list[list[StoredPhoto]] = []
    for _, comparable in groupby(known, key=lambda s: _sort_key(s)[:3]):
        before: StoredPhoto | None = None
        for photo in comparable:
            if before is not None and _continues(before, photo):
                bursts[-1].append(photo)
            else:
                bursts.append([photo])
            before = photo
    whole = [[photo for first in burst for photo in shots[_shot(first)]] for burst in bursts]
    found = [
        Burst(tuple(s.photo.photo_id for s in burst), best_of(burst))
        for burst in whole
        if len(burst) > 1
    ]
    return tuple(sorted(found, key=lambda burst: burst.photo_ids[0]))


def best_of(photos: Sequence[StoredPhoto]) -> int:
    """Id of the sharpest photo, the first of equals; of a damaged one only if all are."""
    return min(
        photos, key=lambda s: (Remark.DAMAGED in s.remarks, -s.sharpness, s.photo.photo_id)
    ).photo.photo_id


def _shot(photo: StoredPhoto) -> int:
    return photo.shot_id or photo.photo.photo_id


def _sort_key(photo: StoredPhoto) -> tuple[str, str, bool, datetime, int]:
    """Sort key: source and camera, whether the time is missing, time, id."""
    taken = photo.taken_at
    return (
        photo.photo.source,
        photo.camera,
        taken is None,
        taken or datetime.min,
        photo.photo.photo_id,
    )


def _continues(before: StoredPhoto, photo: StoredPhoto) -> bool:
    if before.phash is None or photo.phash is None:
        return False
    if (before.phash ^ photo.phash).bit_count() >= DIFFERENT_BITS:
        return False
    if before.taken_at is None or photo.taken_at is None:
        return True
    return photo.taken_at - before.taken_at <= MAX_PAUSE


def best_of_bursts(
    folders: Mapping[int, tuple[str, ...]], photos: Sequence[StoredPhoto], bursts: Sequence[Burst]
) -> tuple[dict[int, tuple[str, ...]], list[LeftOut]]:
    """Keep one photo of each burst in each folder.

    Each folder is treated separately, so that nobody loses a moment because they are not in its sharpest photo.

    Parameters
    ----------
    folders : mapping of photo_id to tuple of str
        Where each photo belongs.
    photos : sequence of StoredPhoto
        At least these.

    Returns
    -------
    dict of photo_id to tuple of str, list of LeftOut
        The photos that stay, and those left out.
    """
    by_id = {photo.photo.photo_id: photo for photo in photos}
    kept, left_out = dict(folders), []
    for burst in bursts:
        members = [key for key in burst.photo_ids if key in folders]
        for folder in sorted({name for key in members for name in folders[key]}):
            there = [by_id[key] for key in members if folder in folders[key]]
            best = best_of(there)
            for key in (photo.photo.photo_id for photo in there):
                if key != best:
                    kept[key] = tuple(f for f in kept[key] if f != folder)
                    left_out.append(LeftOut(key, folder, "not_best_of_burst", best))
    return {key: names for key, names in kept.items() if names}, left_out
