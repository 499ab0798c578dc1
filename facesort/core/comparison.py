"""What a scan found, compared with what is known: which files are new, gone, replaced, or back.

Names, sizes and times decide.  The content is asked only where a clock was shifted, or where the user wants everything
to be checked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

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


Pair = tuple[KnownFile, FoundFile]
"""A path as it was, and as it is now."""


def compare(
    listing: Listing,
    known: Mapping[Place, KnownFile],
    order: Callable[[FoundFile], Any],
    sha256_of: Callable[[Place], str],
    *,
    everything: bool = False,
    on_checked: Callable[[int, int], None] | None = None,
) -> ScanResult:
    """Compare the files that were found with those that are known.

    Parameters
    ----------
    known : mapping of Place to KnownFile
        Of the sources that were listed, and of no other.
    order : callable
        Sort key of new files.
    sha256_of : callable
        Hex digest of the content that a file has now; may raise OSError.
    everything : bool
        Compare the content of all files that look unchanged, too.
    on_checked : callable of (done, total), optional
        Called after each file of `everything`.
    """
    left = dict(known)
    new: list[FoundFile] = []
    same: list[Pair] = []
    moved: list[Pair] = []
    changed: list[Pair] = []
    for found in listing.files:
        before = left.pop((found.source, found.path), None)
        if before is None:
            new.append(found)
        elif before.file.size != found.size:
            changed.append((before, found))
        elif before.file.mtime_ns == found.mtime_ns:
            same.append((before, found))
        else:
            (moved if before.state is FileState.PRESENT else changed).append((before, found))
    shifted = _shifted(moved, same, sha256_of, sample=len(moved) if everything else _SAMPLE)
    changed += [pair for pair in moved if pair[0].file.file_id not in shifted]
    check = _check(same, sha256_of, on_checked) if everything else _Check(same)
    changed += check.changed
    return ScanResult(
        new=tuple(sorted(new + [found for _, found in changed], key=order)),
        gone=_ids(
            before
            for place, before in left.items()
            if before.state is FileState.PRESENT and not _out_of_sight(place, listing.unreadable)
        ),
        replaced=_ids(before for before, _ in changed if before.state is not FileState.REPLACED),
        back=_ids(before for before, _ in check.same if before.state is not FileState.PRESENT),
        shifted=shifted,
        skipped=listing.skipped,
        unreadable=tuple(sorted(listing.unreadable.union(check.unreadable))),
        checked=check.done,
    )


def _ids(files: Iterable[KnownFile]) -> tuple[int, ...]:
    return tuple(sorted(known.file.file_id for known in files))


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
    moved: Iterable[Pair], same: Iterable[Pair], sha256_of: Callable[[Place], str], sample: int
) -> dict[int, int]:
    """Files whose clock was shifted, as id to new time.

    FAT and exFAT store local time in steps of two seconds, so the times of a whole folder may move by whole quarter
    hours after a journey or a change to summer time.  Another card may look just like that, so the content is asked.
    """
    folders: dict[Place, list[Pair]] = defaultdict(list)
    for pair in moved:
        folders[_folder(pair[1])].append(pair)
    if folders:
        for _, found in same:  # their clock did not move
            folders.pop(_folder(found), None)
    return {
        before.file.file_id: found.mtime_ns
        for pairs in folders.values()
        if _by_one_shift(pairs) and _same_content(pairs, sha256_of, sample)
        for before, found in pairs
    }


def _folder(found: FoundFile) -> Place:
    return found.source, found.path.rpartition("/")[0]


def _by_one_shift(pairs: Iterable[Pair]) -> bool:
    """Whether all times moved by the same number of quarter hours, within a step of FAT."""
    shifts = set()
    for before, found in pairs:
        shift = found.mtime_ns - before.file.mtime_ns
        quarters = round(shift / _QUARTER_HOUR)
        if abs(shift - quarters * _QUARTER_HOUR) > _FAT_STEP:
            return False
        shifts.add(quarters)
    return len(shifts) == 1 and 0 < abs(shifts.pop()) <= _WIDEST_SHIFT


def _same_content(pairs: Iterable[Pair], sha256_of: Callable[[Place], str], sample: int) -> bool:
    """Whether a few of the files, evenly spread, still hold what they held."""
    read = sorted(
        (found.source, found.path, before.sha256) for before, found in pairs if before.sha256
    )
    if len(read) > sample:
        read = [read[i * (len(read) - 1) // (sample - 1)] for i in range(sample)]
    try:
        return bool(read) and all(sha256_of((source, path)) == was for source, path, was in read)
    except OSError:
        return False  # it will be read again, and that will tell


@dataclass(slots=True)
class _Check:
    """What a check of files that look unchanged gave."""

    same: list[Pair] = field(default_factory=list)
    changed: list[Pair] = field(default_factory=list)
    unreadable: list[Place] = field(default_factory=list)
    done: int = 0


def _check(
    pairs: Iterable[Pair],
    sha256_of: Callable[[Place], str],
    on_checked: Callable[[int, int], None] | None,
) -> _Check:
    """Compare the content of files with what it was; those that were never read have nothing to be compared with."""
    check = _Check([pair for pair in pairs if not pair[0].sha256])
    read = [pair for pair in pairs if pair[0].sha256]
    for number, (before, found) in enumerate(read, start=1):
        place = (found.source, found.path)
        try:
            unchanged = sha256_of(place) == before.sha256
            check.done += 1
        except OSError:
            unchanged = True  # as far as anybody knows
            check.unreadable.append(place)
        (check.same if unchanged else check.changed).append((before, found))
        if on_checked:
            on_checked(number, len(read))
    return check
