"""What a scan found, compared with what is known: which files are new, gone, replaced, or back.

Names, sizes and times decide.  The content is asked only where a clock was shifted, or where the user wants everything
to be checked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from facesort.core.records import File

Place = tuple[str, str]
"""Name of a source, and POSIX path relative to its folder."""


class FileState(StrEnum):
    """State of a file that is known."""

    PRESENT = "present"
    GONE = "gone"
    REPLACED = "replaced"


class FoundFile(NamedTuple):
    """One photo file as a scan finds it; a tuple, because there may be a million.

    Parameters
    ----------
    source, path, size, mtime_ns
        As in `File`.
    """

    source: str
    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class KnownFile:
    """The newest version of a path.

    Parameters
    ----------
    sha256 : str
        Hex digest of its content; empty if it was never read.
    """

    file: File
    state: FileState
    sha256: str = ""


class SkippedFile(NamedTuple):
    """A file that is not treated as a photo.

    Parameters
    ----------
    reason : str
        A kind of file, such as ``video``; or ``symbolic_link`` (leads out of the sources), ``broken_link``,
        ``other_name`` (of a folder that is listed under another name), ``unreadable``.
    size : int
        In bytes; 0 where nobody asked.
    mtime_ns : int
        Nanoseconds since the epoch; 0 where nobody asked.
    """

    reason: str
    size: int = 0
    mtime_ns: int = 0


@dataclass(slots=True)
class Listing:
    """All files of the sources.

    Parameters
    ----------
    files : list of FoundFile
        Photos, in any order.
    skipped : dict of Place to SkippedFile
        All others.
    unreadable : set of Place
        Folders that could not be listed, and files whose size could not be read: nobody knows what is there.
    """

    files: list[FoundFile] = field(default_factory=list)
    skipped: dict[Place, SkippedFile] = field(default_factory=dict)
    unreadable: set[Place] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What has changed in the sources that were scanned; nothing is said about the others.

    Parameters
    ----------
    new : tuple of FoundFile
        In the order of the sources, and of their paths within one.
    gone, replaced, back : tuple of int
        Ids of known files: not found any more; another file is under the path now; found again after it was gone.
    shifted : dict of int to int
        Id to new time, of files that are the same although their clock moved.
    skipped : dict of Place to SkippedFile
        Every file that is not treated as a photo.
    unreadable : tuple of Place
        Folders that could not be listed, and files that could not be looked at.  What is known of them stays as it is.
    checked : int
        Files that looked unchanged, and whose content was compared with what it was.
    """

    new: tuple[FoundFile, ...] = ()
    gone: tuple[int, ...] = ()
    replaced: tuple[int, ...] = ()
    back: tuple[int, ...] = ()
    shifted: dict[int, int] = field(default_factory=dict)
    skipped: dict[Place, SkippedFile] = field(default_factory=dict)
    unreadable: tuple[Place, ...] = ()
    checked: int = 0
