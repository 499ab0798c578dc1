"""What a scan found, compared with what is known: which files are new, gone, replaced, or back.

Names, sizes and times decide.  The content is asked only where a clock was shifted, or where the user wants everything
to be checked.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from sys import intern
from typing import Any, NamedTuple, Self

from facesort.core.records import File

_SECOND = 1_000_000_000
_QUARTER_HOUR = 900 * _SECOND
_FAT_STEP = 2 * _SECOND
_WIDEST_SHIFT = 26 * 4  # quarter hours: no two time zones are further apart
_SAMPLE = 3

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


Pair = tuple[int, FoundFile]
"""Row of a path as it was, and the path as it is now."""


def compare(
    listing: Listing,
    known: KnownFiles,
    order: Callable[[FoundFile], Any],
    sha256_of: Callable[[Place], str],
    *,
    sources: Collection[str] | None = None,
    everything: bool = False,
    on_checked: Callable[[int, int], None] | None = None,
) -> ScanResult:
    """Compare the files that were found with those that are known.

    Parameters
    ----------
    order : callable
        Sort key of new files.
    sha256_of : callable
        Hex digest of the content that a file has now; may raise OSError.
    sources : collection of str, optional
        Those that were listed; files of others stay as they are.  Default: all.
    everything : bool
        Compare the content of all files that look unchanged, too.
    on_checked : callable of (done, total), optional
        Called after each file of `everything`.
    """
    seen = bytearray(len(known))
    for row in listing.unchanged:
        seen[row] = True
    new: list[FoundFile] = []
    same = array("q", listing.unchanged)
    moved: list[Pair] = []
    changed: list[Pair] = []
    for found in listing.files:
        before = known.row_of(found.source, found.path)
        if before is None:
            new.append(found)
            continue
        seen[before] = True
        if known.sizes[before] != found.size:
            changed.append((before, found))
        elif known.times[before] == found.mtime_ns:
            same.append(before)
        else:
            is_there = known.state(before) is FileState.PRESENT
            (moved if is_there else changed).append((before, found))
    sample = len(moved) if everything else _SAMPLE
    shifted = _shifted(known, moved, same, sha256_of, sample=sample)
    changed += [pair for pair in moved if known.ids[pair[0]] not in shifted]
    check = _check(known, same, sha256_of, on_checked) if everything else _Check(same)
    changed += [(row, _as_it_was(known, row)) for row in check.changed]
    return ScanResult(
        new=tuple(sorted(new + [found for _, found in changed], key=order)),
        gone=_ids(
            known,
            (
                row
                for row in known.rows(sources)
                if not seen[row]
                and known.state(row) is FileState.PRESENT
                and not _out_of_sight(known.place(row), listing.unreadable)
            ),
        ),
        replaced=_ids(
            known, (row for row, _ in changed if known.state(row) is not FileState.REPLACED)
        ),
        back=_ids(known, (row for row in check.same if known.state(row) is not FileState.PRESENT)),
        shifted=shifted,
        skipped=listing.skipped,
        unreadable=tuple(sorted(listing.unreadable.union(check.unreadable))),
        checked=check.done,
    )


def _ids(known: KnownFiles, rows: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(known.ids[row] for row in rows))


def _as_it_was(known: KnownFiles, row: int) -> FoundFile:
    return FoundFile(*known.place(row), known.sizes[row], known.times[row])


def _out_of_sight(place: Place, unreadable: Set[Place]) -> bool:
    """Whether a file, or a folder that it is in, could not be looked at."""
    source, path = place
    while unreadable:
        if (source, path) in unreadable:
            return True
        if not path:
            break
        path = path.rpartition("/")[0]
    return False


def _shifted(
    known: KnownFiles,
    moved: Iterable[Pair],
    same: Iterable[int],
    sha256_of: Callable[[Place], str],
    sample: int,
) -> dict[int, int]:
    """Files whose clock was shifted, as id to new time.

    FAT and exFAT store local time in steps of two seconds, so the times of a whole folder may move by whole quarter
    hours after a journey or a change to summer time.  Another card may look just like that, so the content is asked.
    """
    folders: dict[Place, list[Pair]] = defaultdict(list)
    for pair in moved:
        folders[_folder(pair[1][:2])].append(pair)
    if folders:
        for row in same:  # their clock did not move
            folders.pop(_folder(known.place(row)), None)
    return {
        known.ids[row]: found.mtime_ns
        for pairs in folders.values()
        if _by_one_shift(known, pairs) and _same_content(known, pairs, sha256_of, sample)
        for row, found in pairs
    }


def _folder(place: Place) -> Place:
    return place[0], place[1].rpartition("/")[0]


def _by_one_shift(known: KnownFiles, pairs: Iterable[Pair]) -> bool:
    """Whether all times moved by the same number of quarter hours, within a step of FAT."""
    shifts = set()
    for row, found in pairs:
        shift = found.mtime_ns - known.times[row]
        quarters = round(shift / _QUARTER_HOUR)
        if abs(shift - quarters * _QUARTER_HOUR) > _FAT_STEP:
            return False
        shifts.add(quarters)
    return len(shifts) == 1 and 0 < abs(shifts.pop()) <= _WIDEST_SHIFT


def _same_content(
    known: KnownFiles, pairs: Iterable[Pair], sha256_of: Callable[[Place], str], sample: int
) -> bool:
    """Whether a few of the files, evenly spread, still hold what they held."""
    read = sorted(
        (found.source, found.path, was) for row, found in pairs if (was := known.sha256(row))
    )
    if len(read) > sample:
        read = [read[i * (len(read) - 1) // (sample - 1)] for i in range(sample)]
    try:
        return bool(read) and all(sha256_of((source, path)) == was for source, path, was in read)
    except OSError:
        return False  # it will be read again, and that will tell


@dataclass(slots=True)
class _Check:
    """What a check of files that look unchanged gave, as rows."""

    same: array[int]
    changed: list[int] = field(default_factory=list)
    unreadable: list[Place] = field(default_factory=list)
    done: int = 0


def _check(
    known: KnownFiles,
    rows: Iterable[int],
    sha256_of: Callable[[Place], str],
    on_checked: Callable[[int, int], None] | None,
) -> _Check:
    """Compare the content of files with what it was; those that were never read have nothing to be compared with."""
    check, read = _Check(array("q")), array("q")
    for row in rows:
        (read if known.sha256(row) else check.same).append(row)
    for number, row in enumerate(read, start=1):
        place = known.place(row)
        try:
            unchanged = sha256_of(place) == known.sha256(row)
            check.done += 1
        except OSError:
            unchanged = True  # as far as anybody knows
            check.unreadable.append(place)
        (check.same if unchanged else check.changed).append(row)
        if on_checked:
            on_checked(number, len(read))
    return check
