"""Which photos a fresh delivery holds, in which folders, and which it leaves out.  Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from facesort.core.bursts import Burst, Shot, best_of

Folders = Mapping[int, tuple[str, ...]]
"""Folders that each photo belongs in, by photo_id."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A photo that is not in a folder in which it could be.

    Parameters
    ----------
    folder : str
        Empty: it is in no folder at all.
    instead : int or None
        The photo that is there in its place.
    """

    photo_id: int
    folder: str
    why: str
    instead: int | None = None


def best_of_bursts(
    folders: Folders, shots: Sequence[Shot], bursts: Sequence[Burst]
) -> tuple[dict[int, tuple[str, ...]], list[LeftOut]]:
    """Keep one photo of each burst in each folder.

    In each folder by itself, so that nobody loses a moment because the sharpest photo of it is without them.

    Parameters
    ----------
    folders : mapping of photo_id to tuple of str
    shots : sequence of Shot
        Of these photos at least.
    bursts : sequence of Burst

    Returns
    -------
    dict of photo_id to tuple of str, list of LeftOut
        What stays, and what does not.
    """
    by_id = {shot.photo_id: shot for shot in shots}
    kept, left_out = dict(folders), []
    for burst in bursts:
        members = [key for key in burst.photo_ids if key in folders]
        for folder in sorted({name for key in members for name in folders[key]}):
            there = [by_id[key] for key in members if folder in folders[key]]
            best = best_of(there)
            for shot in there:
                if shot.photo_id != best:
                    kept[shot.photo_id] = tuple(f for f in kept[shot.photo_id] if f != folder)
                    left_out.append(LeftOut(shot.photo_id, folder, "not_best_of_burst", best))
    return {key: names for key, names in kept.items() if names}, left_out
