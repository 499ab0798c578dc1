"""Figures in words."""

from __future__ import annotations


def several(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: ``1 reference``, ``2,000 references``, ``2 people``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
