"""Figures and names in words."""

from __future__ import annotations

import unicodedata
from decimal import Decimal


def several(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: ``1 reference``, ``2,000 references``, ``2 people``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def plain(name: str) -> str:
    """A name as it is sorted and found: without capitals, accents and what is not seen, as joiners.

    Examples
    --------
    >>> sorted(["Zoe", "Émile", "ada"], key=plain)
    ['ada', 'Émile', 'Zoe']
    """
    letters = unicodedata.normalize("NFKD", name.casefold())
    return "".join(
        letter
        for letter in letters
        if not unicodedata.combining(letter) and unicodedata.category(letter) != "Cf"
    )


def thresholds_apart(one: float, other: float) -> tuple[str, str]:
    """Two thresholds that differ, with two decimals, or with as many as show that they do."""
    digits = next(n for n in range(2, 17) if n == 16 or f"{one:.{n}f}" != f"{other:.{n}f}")
    return f"{one:.{digits}f}", f"{other:.{digits}f}"


def share(value: float) -> str:
    """Format a share in [0, 1] with two significant digits: ``12.8 %``, ``0.0031 %``, ``0 %``."""
    part = 100 * value
    if part >= 1 or part == 0:
        return f"{part:.1f}".removesuffix(".0") + " %"
    return f"{Decimal(f'{part:.1e}').normalize():f} %"


def duration(seconds: float) -> str:
    """Format a time span: ``42 s``, ``3 min 05 s``, ``2 h 07 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def clock_time(ms: int) -> str:
    """Format a time within a clip: ``00:01:02.400``."""
    seconds, rest = divmod(ms, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:03d}"
