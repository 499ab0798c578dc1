"""When a person is seen in a clip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from facesort.core.stored import StoredPhoto
from facesort.core.text.foreign_text import vtt_text
from facesort.core.text.words import clock_time


@dataclass(frozen=True, slots=True)
class Segment:
    """From when to when a person is seen, in ms from the first frame, and when best."""

    start_ms: int
    end_ms: int
    best_ms: int


def segments(clip: StoredPhoto, person_id: int) -> list[Segment]:
    """When a person is seen, in order: tracks that overlap or touch are one; those that are pending do not count."""
    seen = [
        (face.track, face.quality)
        for face in clip.faces
        if face.track is not None and face.person_id == person_id and not face.awaits
    ]
    found: list[Segment] = []
    best = 0.0
    for track, quality in sorted(seen, key=lambda one: one[0].start_ms):
        if not found or track.start_ms > found[-1].end_ms:
            found.append(Segment(track.start_ms, track.end_ms, track.best_ms))
            best = quality
            continue
        last = found[-1]
        best_ms = track.best_ms if quality > best else last.best_ms
        found[-1] = Segment(last.start_ms, max(last.end_ms, track.end_ms), best_ms)
        best = max(best, quality)
    return found


def chapters(
    clip: StoredPhoto, people: Mapping[int, str]
) -> list[tuple[int, int, tuple[str, ...]]]:
    """The parts of a clip in which the same people are seen, in order: start and end in ms, and their names.

    Parameters
    ----------
    people : mapping of person_id to name
        Who is told of.
    """
    seen = [(s, name) for key, name in people.items() for s in segments(clip, key)]
    times = sorted({time for s, _ in seen for time in (s.start_ms, s.end_ms)})
    found = [
        (start, end, tuple(name for s, name in seen if s.start_ms <= start < s.end_ms))
        for start, end in pairwise(times)
    ]
    return [chapter for chapter in found if chapter[2]]


def webvtt(clip: StoredPhoto, people: Mapping[int, str]) -> bytes:
    """The same as a WebVTT file of chapters, which players show beside the clip."""
    cues = [
        f"{clock_time(start)} --> {clock_time(end)}\n{', '.join(map(vtt_text, names))}\n"
        for start, end, names in chapters(clip, people)
    ]
    return "\n".join(["WEBVTT\n", *cues]).encode()
