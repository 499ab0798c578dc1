"""Times in words, and photos in chapters: by day and by hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from facesort.pages.records import Photo

_MONTHS = (
    "January February March April May June July August September October November December".split()
)
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_FULL = 12  # photos: a shorter chapter goes on with the next hour


@dataclass(frozen=True, slots=True)
class Chapter:
    """Photos of one day that follow each other, or all without a time."""

    photos: Sequence[Photo]

    @property
    def first(self) -> datetime | None:
        """When the first was taken."""
        return self.photos[0].taken_at

    @property
    def last(self) -> datetime | None:
        """When the last was taken."""
        return self.photos[-1].taken_at


def chapters(photos: Sequence[Photo]) -> list[Chapter]:
    """Divide photos by day, and a day by hours in which enough was taken.

    Parameters
    ----------
    photos : sequence of Photo
        In the order of time, those without a time last.
    """
    parts: list[list[Photo]] = []
    for photo in photos:
        if parts and _goes_on(parts[-1], photo):
            parts[-1].append(photo)
        else:
            parts.append([photo])
    return [Chapter(part) for part in parts]


def _goes_on(part: Sequence[Photo], photo: Photo) -> bool:
    before, now = part[-1].taken_at, photo.taken_at
    if before is None or now is None:
        return before is now
    same_day = before.date() == now.date()
    return same_day and (before.hour == now.hour or len(part) < _FULL)


def day(at: datetime) -> str:
    """``14 June 2026``."""
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"


def short_day(at: datetime) -> str:
    """``14 Jun``."""
    return f"{at.day} {_MONTHS[at.month - 1][:3]}"


def weekday(at: datetime) -> str:
    """``Sunday, 14 June 2026``."""
    return f"{_DAYS[at.weekday()]}, {day(at)}"


def moment(at: datetime) -> str:
    """``14 June 2026, 15:04``."""
    return f"{day(at)}, {at:%H:%M}"


def days(photos: Sequence[Photo]) -> str:
    """``14 June 2026``, ``13 - 14 June 2026``; empty if no photo has a time."""
    taken = [photo.taken_at for photo in photos if photo.taken_at is not None]
    if not taken:
        return ""
    first, last = min(taken), max(taken)
    if first.date() == last.date():
        return day(first)
    same_month = (first.year, first.month) == (last.year, last.month)
    return f"{first.day if same_month else day(first)} \N{EN DASH} {day(last)}"
