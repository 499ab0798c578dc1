"""Paths as text that a database can hold, reversibly."""

from __future__ import annotations

# A POSIX file name is bytes; Python shows bytes that are not UTF-8 as lone surrogates U+DC80..U+DCFF, which no UTF-8
# text can hold. They are stored as private-use characters instead (the mapping is our own; a name that really
# contains one of these 128 characters does not come back and ends as `missing`, with a reason, not lost).
_ESCAPED = {0xDC80 + i: 0xEF80 + i for i in range(128)}
_RESTORED = {stored: raw for raw, stored in _ESCAPED.items()}


def to_text(path: str) -> str:
    """Make a path storable.

    Parameters
    ----------
    path : str
        As Python's `os` functions give it.
    """
    # Windows names may hold other lone surrogates; they become "?" and the file ends as `missing`.
    return path.translate(_ESCAPED).encode("utf-8", "replace").decode("utf-8")


def from_text(text: str) -> str:
    """Inverse of `to_text`."""
    return text.translate(_RESTORED)
