"""Choose the photos of an export, and list those that are left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from facesort.core.bursts import Burst, Shot, best_of

Folders = Mapping[int, tuple[str, ...]]
"""Folders that each photo belongs in, by photo_id."""


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


def best_of_bursts(
    folders: Folders, shots: Sequence[Shot], bursts: Sequence[Burst]
) -> tuple[dict[int, tuple[str, ...]], list[LeftOut]]:
    """Keep one photo of each burst in each folder.

    Each folder is treated separately, so that nobody loses a moment because they are not in its sharpest photo.

    Parameters
    ----------
    folders : mapping of photo_id to tuple of str
    shots : sequence of Shot
        At least of these photos.
    bursts : sequence of Burst

    Returns
    -------
    dict of photo_id to tuple of str, list of LeftOut
        The photos that stay, and those left out.
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
