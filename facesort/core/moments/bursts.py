"""Bursts: photos of the same moment, the best of each, and an export of only those."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from facesort.core.stored import StoredPhoto
from facesort.reasons import Remark

DIFFERENT_BITS = 10
"""Photos whose perceptual hashes differ in so many of their 64 bits show something else; those of unrelated photos
differ in about 32."""
MAX_PAUSE = timedelta(seconds=3)  # cameras write whole seconds


class Taken(NamedTuple):
    """What bursts go by of a photo.

    Parameters
    ----------
    taken_at : datetime or None
        By the camera's clock, corrected by the offset that the user set.
    shot_id : int
        The first photo of its shot.
    phash : int
        Perceptual hash.
    sharpness : float
        Mean over its faces.
    shown : str
        The path as people are shown it.
    folders : tuple of str
        In which it belongs.
    """

    photo_id: int
    source: str
    camera: str
    taken_at: datetime | None
    shot_id: int
    phash: int
    damaged: bool
    sharpness: float
    shown: str = ""
    folders: tuple[str, ...] = ()


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
    """Group photos into bursts, as `bursts_of` says; in any order.

    Returns
    -------
    tuple of Burst
        In the order of their first photos.
    """
    shots: dict[int, list[Taken]] = {}
    for photo in sorted(photos, key=lambda s: s.photo.photo_id):
        if photo.phash is not None:
            one = _taken(photo, photo.phash)
            shots.setdefault(one.shot_id, []).append(one)
    in_order = sorted(shots.values(), key=lambda shot: _sort_key(shot[0]))
    found = [
        Burst(tuple(photo.photo_id for photo in burst), best_of(burst).photo_id)
        for burst in bursts_of(in_order)
    ]
    return tuple(sorted(found, key=lambda burst: burst.photo_ids[0]))


def bursts_of(shots: Iterable[Sequence[Taken]]) -> Iterator[list[Taken]]:
    """Group shots into bursts of two or more photos, one after the other.

    A shot joins the burst of the previous one of the same source and camera if their first photos look alike and were
    taken within three seconds of each other.  Photos without a time only need to look alike.

    Parameters
    ----------
    shots : iterable of sequence of Taken
        The photos of each shot, in order; shots by source and camera, those with a time first, by time and by the id of
        their first photo.
    """
    burst: list[Taken] = []
    before: Taken | None = None
    for shot in shots:
        if before is None or not _continues(before, shot[0]):
            if len(burst) > 1:
                yield burst
            burst = []
        burst.extend(shot)
        before = shot[0]
    if len(burst) > 1:
        yield burst


def best_of(photos: Iterable[Taken]) -> Taken:
    """The sharpest photo, the first of equals; a damaged one only if all are."""
    return min(photos, key=lambda photo: (photo.damaged, -photo.sharpness, photo.photo_id))


def _taken(photo: StoredPhoto, phash: int, folders: tuple[str, ...] = ()) -> Taken:
    ref = photo.photo
    return Taken(
        ref.photo_id,
        ref.source,
        photo.camera,
        photo.taken_at,
        photo.shot_id or ref.photo_id,
        phash,
        Remark.DAMAGED in photo.remarks,
        photo.sharpness,
        ref.shown,
        folders,
    )


def _sort_key(photo: Taken) -> tuple[str, str, bool, datetime, int]:
    at = photo.taken_at
    return photo.source, photo.camera, at is None, at or datetime.min, photo.photo_id


def _continues(before: Taken, photo: Taken) -> bool:
    if (before.phash ^ photo.phash).bit_count() >= DIFFERENT_BITS:
        return False
    if (before.source, before.camera) != (photo.source, photo.camera):
        return False
    if before.taken_at is None or photo.taken_at is None:
        return before.taken_at is photo.taken_at
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
    by_id = {
        photo.photo.photo_id: _taken(photo, photo.phash or 0, folders.get(photo.photo.photo_id, ()))
        for photo in photos
    }
    kept = dict(folders)
    left_out = [left for b in bursts for left in not_best(by_id[key] for key in b.photo_ids)]
    for left in left_out:
        kept[left.photo_id] = tuple(f for f in kept[left.photo_id] if f != left.folder)
    return {key: names for key, names in kept.items() if names}, left_out


def not_best(burst: Iterable[Taken]) -> list[LeftOut]:
    """The photos of a burst that are not the best in a folder that they belong in."""
    members = [photo for photo in burst if photo.folders]
    left_out = []
    for folder in sorted({name for photo in members for name in photo.folders}):
        there = [photo for photo in members if folder in photo.folders]
        best = best_of(there).photo_id
        others = (photo.photo_id for photo in there if photo.photo_id != best)
        left_out += [LeftOut(key, folder, "not_best_of_burst", best) for key in others]
    return left_out
