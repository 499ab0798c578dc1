"""Paths as text that a database can store, and names that are not the user's."""

from __future__ import annotations

# A POSIX file name is bytes; Python represents bytes that are not UTF-8 as lone surrogates U+DC80..U+DCFF, which
# UTF-8 cannot encode. They are stored as private-use characters instead. A name that really contains one of these 128
# characters would not be restored correctly: the scan lists it as `unreadable`.
_ESCAPED = {0xDC80 + i: 0xEF80 + i for i in range(128)}
_RESTORED = {stored: raw for raw, stored in _ESCAPED.items()}

SYSTEM_FOLDERS = frozenset(
    {
        "#recycle",
        "$recycle.bin",
        "@eadir",
        "__macosx",
        "lost+found",
        "system volume information",
    }
)
"""Folders that systems and network disks make by themselves, in lower case."""
SYSTEM_FILES = frozenset({"desktop.ini", "ehthumbs.db", "thumbs.db"})
"""The same of files."""


def to_text(path: str) -> str:
    """Convert a path to text that can be stored.

    Parameters
    ----------
    path : str
        As Python's `os` functions give it.
    """
    # Windows names may contain other lone surrogates; they become "?", and the scan lists them as `unreadable`.
    return path.translate(_ESCAPED).encode("utf-8", "replace").decode("utf-8")


def from_text(text: str) -> str:
    """Inverse of `to_text`."""
    return text.translate(_RESTORED)


def is_of_the_system(name: str) -> bool:
    """Whether a file or folder is one that systems and network disks make by themselves, or a hidden one."""
    return name.startswith(".") or name.casefold() in SYSTEM_FOLDERS | SYSTEM_FILES
