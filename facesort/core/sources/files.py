"""Files of sources: what is known of them, what a scan finds, and what has changed."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from sys import intern
from typing import NamedTuple, Self

from facesort.core.records import File

Place = tuple[str, str]
"""Name of a source, and POSIX path relative to its folder."""


class FileState(StrEnum):
    """State of a file that is known."""

    PRESENT = "present"
    GONE = "gone"
    REPLACED = "replaced"


class FoundFile(NamedTuple):
    """One photo file as a scan finds it; a tuple, because of a new job there may be a million.

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


class KnownFiles:
    """The newest version of every path that a scan has seen; in columns, as a million objects would take 700 MB.

    Parameters
    ----------
    contents : callable
        Gives the SHA-256 of what files held when they were read, by file_id; asked once, and only if contents are to be
        compared.
    """

    def __init__(self, contents: Callable[[], Mapping[int, str]] = dict) -> None:
        self._contents = contents
        self._sha256: Mapping[int, str] | None = None
        self._rows: dict[str, dict[str, int]] = {}
        self._paths: list[str] = []
        self._sources: list[str] = []
        self.ids, self.sizes, self.times = array("q"), array("q"), array("q")
        self._present = bytearray()
        self._replaced = bytearray()

    @classmethod
    def of(cls, files: Iterable[KnownFile]) -> Self:
        """From files in the order of their ids."""
        files = list(files)
        found = cls(lambda: {one.file.file_id: one.sha256 for one in files})
        for one in files:
            file = one.file
            found.add(*(file.file_id, file.source, file.path, file.size, file.mtime_ns), one.state)
        return found

    def add(
        self, file_id: int, source: str, path: str, size: int, mtime_ns: int, state: str
    ) -> None:
        """Add a file, in place of an earlier version of its path."""
        self._rows.setdefault(source, {})[path] = len(self._paths)
        self._paths.append(path)
        self._sources.append(intern(source))
        self.ids.append(file_id)
        self.sizes.append(size)
        self.times.append(mtime_ns)
        self._present.append(state == FileState.PRESENT)
        self._replaced.append(state == FileState.REPLACED)

    def __len__(self) -> int:
        """Number of rows, those of earlier versions included."""
        return len(self._paths)

    def row_of(self, source: str, path: str) -> int | None:
        """Row of a path; None if it was never seen."""
        of_source = self._rows.get(source)
        return None if of_source is None else of_source.get(path)

    def rows(self, sources: Collection[str] | None = None) -> Iterator[int]:
        """Rows of the newest versions of all paths, or those of some sources; in order."""
        of = self._rows if sources is None else [name for name in self._rows if name in sources]
        newest = bytearray(len(self))
        for source in of:
            for row in self._rows[source].values():
                newest[row] = True
        return (row for row, is_newest in enumerate(newest) if is_newest)

    def place(self, row: int) -> Place:
        """Where the file is."""
        return self._sources[row], self._paths[row]

    def file(self, row: int) -> File:
        """The file as it was."""
        return File(self.ids[row], *self.place(row), self.sizes[row], self.times[row])

    def state(self, row: int) -> FileState:
        """What had become of it."""
        if self._present[row]:
            return FileState.PRESENT
        return FileState.REPLACED if self._replaced[row] else FileState.GONE

    def looks_as(self, row: int, size: int, mtime_ns: int) -> bool:
        """Whether size and time are what they were."""
        return self.sizes[row] == size and self.times[row] == mtime_ns

    def unchanged(self, source: str, path: str, size: int, mtime_ns: int) -> int | None:
        """Row of a file that was there before as it is now; None if it was not."""
        row = self.row_of(source, path)
        if row is None or not (self._present[row] and self.looks_as(row, size, mtime_ns)):
            return None
        return row

    def sha256(self, row: int) -> str:
        """Hex digest of its content; empty if it was never read."""
        if self._sha256 is None:
            self._sha256 = self._contents()
        return self._sha256.get(self.ids[row], "")


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
        Photos, in any order; but for those in `unchanged`.
    unchanged : array of int
        Rows of known files that are there as they were before: of most scans, nearly all.
    skipped : dict of Place to SkippedFile
        All others.
    unreadable : set of Place
        Folders that could not be listed, and files whose size could not be read: nobody knows what is there.
    """

    files: list[FoundFile] = field(default_factory=list)
    skipped: dict[Place, SkippedFile] = field(default_factory=dict)
    unreadable: set[Place] = field(default_factory=set)
    unchanged: array[int] = field(default_factory=partial(array, "q"))


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
