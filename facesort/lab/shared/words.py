"""Times, distances and names as text."""

from __future__ import annotations

from datetime import UTC, datetime

from facesort.core.text.foreign_text import printable


def timestamp(time: datetime) -> str:
    """Format a stored time, which is in UTC, in the zone of this computer: ``2026-05-04 14:32:05 +02:00``."""
    local = _local(time)
    return f"{local:%Y-%m-%d %H:%M:%S} {local.isoformat()[-6:]}"


def local_time(time: datetime) -> str:
    """Format a stored time, which is in UTC, in the zone of this computer: ``2026-05-04 14:32``."""
    return f"{_local(time):%Y-%m-%d %H:%M}"


def _local(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC).astimezone()


def decimals(distance: float) -> str:
    """Format a distance or threshold: with two decimals, everywhere."""
    return f"{distance:.2f}"


def shorten(text: str, length: int) -> str:
    """Shorten a text to one printable line, cut in the middle because file names differ at their ends."""
    line = printable(" ".join(text.split()))
    if len(line) <= length:
        return line
    tail = (length - 1) // 2
    return f"{line[: length - 1 - tail]}…{line[len(line) - tail :]}"
