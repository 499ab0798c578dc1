"""Reversible conversion of paths to text that a database can store."""

from __future__ import annotations

# A POSIX file name is bytes; Python represents bytes that are not UTF-8 as lone surrogates U+DC80..U+DCFF, which
# UTF-8 cannot encode. They are stored as private-use characters instead. (A name that really contains one of these
# 128 characters is not restored correctly: the photo fails as `missing`.)
_ESCAPED = {0xDC80 + i: 0xEF80 + i for i in range(128)}
_RESTORED = {stored: raw for raw, stored in _ESCAPED.items()}


def to_text(path: str) -> str:
    """Convert a path to text that can be stored.

    Parameters
    ----------
    path : str
        As Python's `os` functions give it.
    """
    # Windows names may contain other lone surrogates; they become "?" and the photo fails as `missing`.
    return path.translate(_ESCAPED).encode("utf-8", "replace").decode("utf-8")


def from_text(text: str) -> str:
    """Inverse of `to_text`."""
    return text.translate(_RESTORED)
