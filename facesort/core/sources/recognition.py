"""Which source a folder is: told by its files, not by where it is mounted.

The files that are known of a source are its marker.  A few of them are looked for; only if none is as it was, the
content of at most three is compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import cached_property
from typing import NamedTuple, Protocol, TypeVar

SAMPLE = 50  # known files that are looked for
LOOKED_AT = 500  # files of a folder that are looked at, if none of the sample is as it was
COMPARED = 3  # files whose content, or capture time, is compared

T = TypeVar("T")


class Stamp(NamedTuple):
    """Size in bytes and modification time in ns of a file."""

    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class MarkerFile:
    """A file that was in the source at the last sort.

    Parameters
    ----------
    path : str
        POSIX, relative to the folder of the source.
    sha256 : str
        Empty if it was not read yet, or could not be.
    taken_at : datetime or None
        By the camera's clock.
    """

    path: str
    stamp: Stamp
    sha256: str = ""
    taken_at: datetime | None = None


@dataclass(frozen=True, eq=False)
class Marker:
    """What a source is known by.

    Parameters
    ----------
    files : int
        How many there are.
    sample : sequence of MarkerFile
        At most `SAMPLE`, spread.
    everything : callable
        Gives all of them.
    gone : callable
        Gives those that were there before, and were not at the last sort.
    """

    files: int
    sample: Sequence[MarkerFile]
    everything: Callable[[], Sequence[MarkerFile]]
    gone: Callable[[], Sequence[MarkerFile]] = tuple

    @cached_property
    def index(self) -> _Index:
        """All of them, asked for once."""
        return _Index(self.everything())


class Folder(Protocol):
    """A folder that may be the source."""

    def at(self, path: str) -> Stamp | None:
        """The file at a path; None if there is none."""

    def some(self, limit: int) -> Sequence[tuple[str, Stamp]]:
        """Up to so many of its files."""

    def sha256(self, path: str) -> str:
        """Of a file; empty if it cannot be read."""

    def taken_at(self, path: str) -> datetime | None:
        """When a photo was taken, by the camera's clock; None if it does not say so."""


class Match(Enum):
    """What a folder is to a source."""

    SAME = "holds its files"
    RENAMED = "holds its photos under other names"
    EDITED = "holds other files under the names of its files"
    BACK = "holds files that were gone"
    OTHER = "holds other files"
    EMPTY = "holds no file"

    @property
    def is_certain(self) -> bool:
        """Whether content, or name, size and time agree."""
        return self in {Match.SAME, Match.RENAMED}


def recognise(marker: Marker, folder: Folder) -> Match:
    """Judge the folder in which a source was at the last sort: one file that is left will do."""
    if any(folder.at(known.path) == known.stamp for known in marker.sample):
        return Match.SAME
    found = folder.some(LOOKED_AT)
    if not found:
        return Match.EMPTY
    known = marker.index
    if any(known.stamp_at(path) == stamp for path, stamp in found):
        return Match.SAME
    suspects = known.suspects(found)
    # Another card may hold a copy of one of the photos: most of what is there must be known by content.
    renamed = 2 * len(suspects) >= min(len(found), marker.files)
    for path, contents in spread(suspects, COMPARED):
        if (path in known.by_path or renamed) and folder.sha256(path) in contents:
            return Match.SAME if path in known.by_path else Match.RENAMED
    if 2 * sum(stamp in known.unread for _, stamp in found) >= min(len(found), marker.files):
        return Match.RENAMED  # a sort was interrupted before it read anything
    gone = {(was.path, was.stamp) for was in marker.gone()}
    if not gone.isdisjoint(found):
        return Match.BACK
    return _judge_names(known, [path for path, _ in found if path in known.by_path], folder)


def _judge_names(known: _Index, paths: Sequence[str], folder: Folder) -> Match:
    """Tell photos that were all edited from another card of a camera that counts the same: by the capture times."""
    dated = [path for path in paths if known.by_path[path].taken_at is not None]
    times = [(known.by_path[p].taken_at, folder.taken_at(p)) for p in spread(dated, COMPARED)]
    told = [was == is_now for was, is_now in times if is_now is not None]
    another = len(told) == COMPARED and not any(told)
    return Match.OTHER if another or not paths else Match.EDITED


def recognise_elsewhere(marker: Marker, folder: Folder) -> Match:
    """Judge a folder in which the source was not before: most of its files must be there, as they were or renamed."""
    there = [(known, folder.at(known.path)) for known in marker.sample]
    as_they_were = [known for known, stamp in there if stamp == known.stamp]
    if as_they_were and 2 * len(as_they_were) >= len(marker.sample):
        return Match.SAME
    sized = [known for known, stamp in there if stamp and stamp.size == known.stamp.size]
    if 2 * len(sized) >= len(marker.sample) and _agree(
        folder, [(known.path, {known.sha256}) for known in sized if known.sha256]
    ):
        return Match.SAME  # copied without its times, or a clock was changed
    found = folder.some(LOOKED_AT)
    if not found:
        return Match.EMPTY
    suspects = marker.index.suspects(found)
    most = 2 * len(suspects) >= max(len(found), min(marker.files, LOOKED_AT))
    return Match.RENAMED if most and _agree(folder, suspects) else Match.OTHER


def _agree(folder: Folder, expected: Sequence[tuple[str, set[str]]]) -> bool:
    """Whether the content of a few files is what it was."""
    few = spread(expected, COMPARED)
    return bool(few) and all(folder.sha256(path) in contents for path, contents in few)


class _Index:
    """All known files of a source, by path; their contents by size and time, and by size."""

    def __init__(self, files: Sequence[MarkerFile]) -> None:
        self.by_path = {known.path: known for known in files}
        self.unread = {known.stamp for known in files if not known.sha256}
        self.by_stamp: defaultdict[Stamp, set[str]] = defaultdict(set)
        self.by_size: defaultdict[int, set[str]] = defaultdict(set)
        for known in files:
            if known.sha256:
                self.by_stamp[known.stamp].add(known.sha256)
                self.by_size[known.stamp.size].add(known.sha256)

    def stamp_at(self, path: str) -> Stamp | None:
        """Size and time that a file had."""
        return self.by_path[path].stamp if path in self.by_path else None

    def suspects(self, found: Sequence[tuple[str, Stamp]]) -> list[tuple[str, set[str]]]:
        """Files with a known size and time, or else size, and what they would hold."""
        timed = [(path, self.by_stamp[stamp]) for path, stamp in found if stamp in self.by_stamp]
        return timed or [
            (path, self.by_size[stamp.size]) for path, stamp in found if stamp.size in self.by_size
        ]


def spread(items: Sequence[T], number: int) -> list[T]:
    """So many of the items, at most, evenly spread."""
    return (
        [items[i * len(items) // number] for i in range(number)]
        if len(items) > number
        else list(items)
    )
