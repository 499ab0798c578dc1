"""What a part takes of a clip's frames, and from where it is decoded: the same for every decoder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

from facesort.images.clips.clip import Part

_FIRST_STEP_MS = 1000


class OnScreen(Protocol):
    """A frame with the time that it is on the screen, in ms from the first frame."""

    @property
    def since(self) -> int:
        """When it comes."""
        ...

    @property
    def until(self) -> int:
        """When the next one comes."""
        ...


_Shown = TypeVar("_Shown", bound=OnScreen)


def taken(frames: Iterable[_Shown], part: Part) -> Iterator[tuple[int, _Shown | None]]:
    """Times of samples, and what is on the screen then; None: still the same frame."""
    return _on_grid(frames, part) if part.every_ms else _within(frames, part)


def places_before(ms: int) -> Iterator[int | None]:
    """Where to look for what was on the screen at a time, nearest first; None: from the beginning."""
    back = 0
    while ms > back:
        yield ms - back
        back = 2 * back or _FIRST_STEP_MS
    yield None


def _on_grid(frames: Iterable[_Shown], part: Part) -> Iterator[tuple[int, _Shown | None]]:
    due = -(-part.start_ms // part.every_ms) * part.every_ms
    for shown in frames:
        for number, ms in enumerate(range(due, min(shown.until, part.end_ms), part.every_ms)):
            yield ms, None if number else shown
            due = ms + part.every_ms
        if shown.until >= part.end_ms:
            return


def _within(frames: Iterable[_Shown], part: Part) -> Iterator[tuple[int, _Shown]]:
    for shown in frames:
        if shown.since >= part.end_ms:
            return
        if shown.since >= part.start_ms:
            yield shown.since, shown
