"""The offset of a camera's clock, as a user types it."""

from __future__ import annotations

import re

from facesort.errors import SettingsError

MAX_OFFSET = 36_525 * 86_400  # a hundred years: a camera without a battery starts in 1970 or 2000
_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_OFFSET = re.compile(
    r"(?P<sign>[+-]?)\s*(?:(?P<d>\d+)\s*d)?\s*"
    r"(?:(?P<clock>\d{1,2}:[0-5]\d:[0-5]\d)|(?:(?P<h>\d+)\s*h)?\s*(?:(?P<m>\d+)\s*m(?:in)?)?\s*(?:(?P<s>\d+)\s*s)?)",
    re.ASCII | re.IGNORECASE,
)


def parse_offset(text: str) -> int:
    """Seconds to add to a clock: ``+1h3m``, ``-45s``, ``1:03:00``, ``+2d`` or ``0``.

    Raises
    ------
    SettingsError
        If it is none of these, or more than a hundred years.
    """
    typed = text.strip().replace("\N{MINUS SIGN}", "-")
    if re.fullmatch(r"[+-]?0+", typed, re.ASCII):
        return 0
    found = _OFFSET.fullmatch(typed)
    if found is None or not any(found[name] for name in ("clock", *_UNITS)) or len(typed) > 40:
        raise SettingsError(
            f"{text[:40]!r} is not a clock offset: write it as +1h3m, -45s, +2d, 1:03:00 (hours, minutes, seconds) or 0"
        )
    seconds = sum(int(found[name] or 0) * size for name, size in _UNITS.items())
    if found["clock"]:
        hours, minutes, rest = map(int, found["clock"].split(":"))
        seconds += hours * 3_600 + minutes * 60 + rest
    if seconds > MAX_OFFSET:
        raise SettingsError(f"a clock offset of {text[:40]!r} is more than a hundred years")
    return -seconds if found["sign"] == "-" else seconds


def offset_text(seconds: int) -> str:
    """An offset as `parse_offset` reads it: ``+1h3m``, ``-45s``, ``0``."""
    rest, words = abs(seconds), "+" if seconds > 0 else "-"
    for name, size in _UNITS.items():
        number, rest = divmod(rest, size)
        words += f"{number}{name}" if number else ""
    return words if seconds else "0"
