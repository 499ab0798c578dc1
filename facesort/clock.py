"""The time, in the two forms in which it is kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives the time in UTC, without time zone."""


def utc_now() -> datetime:
    """UTC without a time zone, as the database stores it."""
    return datetime.now(UTC).replace(tzinfo=None)


def utc_text() -> str:
    """ISO 8601 in UTC to the second, as JSON files hold it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
