"""What a scan found, compared with what is known: which files are new, gone, replaced, or back.

Names, sizes and times decide.  The content is asked only where a clock was shifted, or where the user wants everything
to be checked.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Set
from dataclasses import dataclass, field
from typing import Any

from facesort.core.sources.files import FileState, FoundFile, KnownFiles, Listing, Place, ScanResult

_SECOND = 1_000_000_000
_QUARTER_HOUR = 900 * _SECOND
_FAT_STEP = 2 * _SECOND
_WIDEST_SHIFT = 26 * 4  # quarter hours: no two time zones are further apart
_SAMPLE = 3

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
