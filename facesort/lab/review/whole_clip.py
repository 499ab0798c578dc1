"""What a face in a clip is opened to: its best frame, where everybody is meanwhile, and what a browser plays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from facesort.core.clips import ClipInfo, Track
from facesort.core.delivery.regions import Region
from facesort.core.stored import StoredFace, StoredPhoto
from facesort.engine.analysis.analyse import Analyser
from facesort.engine.analysis.reading import sha256_once
from facesort.errors import ImageError
from facesort.images.clips.clip import Excerpt
from facesort.images.clips.clip_file import excerpt_of

_REACH_MS = 500  # of a face that was looked for in key frames only
_MOST_BYTES = 48_000_000  # that are sent to a browser to be played


def at_best(photo: StoredPhoto, track: Track) -> StoredPhoto:
    """A clip of which the picture is the best frame of a track."""
    copies = tuple(copy for copy in photo.copies if copy.at_ms == track.best_ms)
    return replace(photo, photo=replace(photo.photo, at_ms=track.best_ms), copies=copies)


def played(analyser: Analyser, photo: StoredPhoto, track: Track) -> Excerpt | None:
    """The part of a clip in which a face is seen, if its file is there and a browser may play it."""
    try:
        path = analyser.path_of(photo.photo)
        if sha256_once(path) != photo.sha256:
            return None
        return excerpt_of(
            *(path, path.name, track.start_ms, track.end_ms),
            limit=_MOST_BYTES,
            max_megapixels=analyser.photos.max_megapixels,
        )
    except (ImageError, OSError):  # the frame that is missing as well says why
        return None


def times_of(clip: ClipInfo, track: Track, excerpt: Excerpt | None = None) -> dict[str, Any]:
    """Times of a track in ms, as the browser needs them.

    Returns
    -------
    dict
        ``reach_ms``: how far from a sample a face is taken to be where it was found; ``strip``: of its pictures;
        ``from_ms``: where the part begins that is played, or nothing.
    """
    return {
        "start_ms": track.start_ms,
        "end_ms": track.end_ms,
        "best_ms": track.best_ms,
        "reach_ms": clip.every_ms / 2 or _REACH_MS,
        "strip": [ms for ms, _ in track.strip],
        "from_ms": None if excerpt is None else excerpt.from_ms,
    }


def seen_during(
    asked: Track, photo: StoredPhoto, face: StoredFace, tracks: Mapping[int, Track]
) -> list[list[float]]:
    """When and where a face is found while another one is seen.

    Returns
    -------
    list of [ms, left, top, right, bottom]
        In parts of the picture's size.
    """
    track = tracks.get(face.face_id)
    if track is None or photo.size is None:
        return []
    during = (track.times_ms >= asked.start_ms) & (track.times_ms <= asked.end_ms)
    found = zip(track.times_ms[during].tolist(), track.boxes[during].tolist(), strict=True)
    return [[ms, *_corners(box, photo.size)] for ms, box in found]


def _corners(box: Sequence[float], size: tuple[int, int]) -> list[float]:
    at = Region.of("", (box[0], box[1], box[2], box[3]), size)
    corners = (at.left, at.top, at.left + at.width, at.top + at.height)
    return [round(part, 4) for part in corners]
