"""Copies: the files that are added to the output."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlannedWrite:
    """A file to be added to the output.

    Parameters
    ----------
    person_id : int or None
        None for the folder of unknown faces.
    target : str
        POSIX path relative to the output root.
    sha256 : str
        Of the JPEG, or whole clip, that will be there.
    size : int
        In bytes.
    at_ms : int or None
        Of a clip: the frame that it shows, as in `clips.Track`; None: a photo, or a copy of the whole clip.
    """

    photo_id: int
    person_id: int | None
    target: str
    sha256: str
    size: int
    at_ms: int | None = None
