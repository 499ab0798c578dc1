"""Scan: list the photos in a stable order, by names, sizes and times only; contents are read once, later."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from facesort.core import comparison
from facesort.core.comparison import FoundFile, KnownFile, Place, SkippedFile, compare
from facesort.core.paths import from_text, to_text
from facesort.core.records import Photo
from facesort.engine.job.places import SourceRoot, find_roots, refuse_gone
from facesort.engine.job.walk import Walk
from facesort.engine.sources.root_folder import RootFolder
from facesort.errors import SettingsError, because, short_of
from facesort.files import file_sha256
from facesort.images import PhotoKind, photo_kind

log = logging.getLogger(__name__)

_SECOND = 1_000_000_000
_QUARTER_HOUR = 900 * _SECOND
_WIDEST_SHIFT = 26 * 3600 * _SECOND + 2 * _SECOND


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What a scan found.

    Parameters
    ----------
    new : tuple of Photo
        Not known before; in the order of their paths, with the next free ids.
    skipped : dict of str to str
        Path to reason, for every file that is not treated as a photo.
    unreadable : tuple of str
        Folders that could not be listed, and files whose size could not be read.
    """

    new: tuple[Photo, ...]
    skipped: dict[str, str]
    unreadable: tuple[str, ...]


def scan(
    places: Mapping[str, Path],
    known: Iterable[KnownFile],
    skipped: Mapping[Place, SkippedFile] = MappingProxyType({}),
    apart: Sequence[RootFolder] = (),
    *,
    everything: bool = False,
    order: Callable[[FoundFile], Any] | None = None,
    on_checked: Callable[[int, int], None] | None = None,
) -> comparison.ScanResult:
    """List the sources that are there, and compare them with what is known.

    Parameters
    ----------
    places : mapping of str to Path
        Name of each source to its folder.  Files of other sources stay as they are.
    known : iterable of KnownFile
        The newest version of each path.
    skipped : mapping of Place to SkippedFile
        What the last scan left out: not opened again as long as its size and time are the same.
    apart : sequence of RootFolder
        Folders that must not be inside a source.
    everything : bool
        Compare the content of all files that look unchanged, too.
    order : callable, optional
        Sort key of new files of one source, before their paths.
    on_checked : callable of (done, total), optional
        Called after each file of `everything`.

    Raises
    ------
    SettingsError
        If a source, or one of `apart`, is inside a source.
    SourceGoneError
        If a source is missing, or disappears meanwhile.
    """
    roots = find_roots(places)
    rank = {source: number for number, source in enumerate(places)}
    known_at = {(k.file.source, k.file.path): k for k in known if k.file.source in rank}

    def key(found: FoundFile) -> tuple[int, Any, str]:
        return rank[found.source], order(found) if order else None, found.path

    listing = Walk(roots, known_at, skipped, apart).run()
    result = compare(
        listing,
        known_at,
        key,
        partial(_sha256, roots),
        everything=everything,
        on_checked=on_checked,
    )
    refuse_gone(roots)
    return result


def _sha256(roots: Sequence[SourceRoot], place: Place) -> str:
    """Hash a file of a source as it is now, also through a link that leads into a source."""
    source, path = place
    root = next(root for root in roots if root.source == source)
    real = os.path.realpath(os.path.join(root.real, from_text(path)))
    below = next((root.real for root in roots if root.holds(real)), None)
    if below is None:
        raise OSError(errno.ELOOP, "leads out of the sources", path)
    try:
        return file_sha256(Path(real), below=Path(below))
    except OSError as error:
        if short := short_of(error):
            raise short from error
        raise


def scan_source(
    root: Path, known: Mapping[str, Photo], apart: Sequence[RootFolder] = ()
) -> ScanResult:
    """List the source.

    Parameters
    ----------
    known : mapping of path to Photo
        Newest version of each photo that was scanned before.
    apart : sequence of RootFolder
        Folders that must not be inside the source.

    Returns
    -------
    ScanResult
        A file that was replaced is a new photo under the same path.

    Raises
    ------
    SettingsError
        If one of `apart` is inside the source.
    """
    # There may be a million, and stat_results would take ten times the memory.
    found: list[tuple[str, int, int]] = []
    below = len(os.path.join(root, ""))
    skipped: dict[str, str] = {}
    unreadable: list[str] = []
    for entry in _walk(root, unreadable, apart):
        path = to_text(entry.path[below:].replace(os.sep, "/"))
        kind = photo_kind(path)
        if kind is not PhotoKind.PHOTO:
            skipped[path] = kind.value
        elif entry.is_symlink():
            skipped[path] = "symbolic_link"
        elif (stat := _stat(entry, unreadable)) is not None and not (
            path in known and _same_file(known[path], stat)
        ):
            found.append((path, stat.st_size, stat.st_mtime_ns))
    found.sort()
    first = max((photo.photo_id for photo in known.values()), default=0) + 1
    new = tuple(Photo(first + i, *file) for i, file in enumerate(found))
    return ScanResult(new, skipped, tuple(unreadable))


def _walk(
    root: Path, unreadable: list[str], apart: Sequence[RootFolder]
) -> Iterator[os.DirEntry[str]]:
    """Every file below a folder; links to folders are not followed, so the walk stays inside and cannot loop."""
    folders = [str(root)]
    while folders:
        folder = folders.pop()
        try:
            _refuse_apart(apart, folder)
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif entry.is_symlink() or entry.is_file():
                        yield entry
        except OSError as error:
            if short_of(error):
                raise
            log.warning("folder %s cannot be listed %s", folder, because(error))
            unreadable.append(folder)


def _refuse_apart(apart: Sequence[RootFolder], folder: str) -> None:
    """Compare by inode: a folder that is mounted twice (in a container, for example) has two names."""
    here = os.stat(folder)
    for root in apart:
        if (here.st_dev, here.st_ino) == (root.device, root.inode):
            raise SettingsError(
                f"{folder} in the source is the same folder as {root.path}: source, output and workspace must be three "
                "folders apart from each other"
            )


def _stat(entry: os.DirEntry[str], unreadable: list[str]) -> os.stat_result | None:
    """Size and time of a file; None if it was deleted since its folder was listed, or cannot be read."""
    try:
        return entry.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        if short_of(error):
            raise
        log.warning("file %s cannot be read %s", entry.path, because(error))
        unreadable.append(entry.path)
        return None


def _same_file(known: Photo, stat: os.stat_result) -> bool:
    """Whether a file is the one that was scanned before.

    FAT and exFAT store local time in steps of two seconds, so the time of the same file may shift by whole quarter
    hours after a journey or a change to summer time, by 26 hours at most: no two time zones are further apart.
    """
    moved = abs(known.mtime_ns - stat.st_mtime_ns)
    if known.size != stat.st_size or moved > _WIDEST_SHIFT:
        return False
    shift = moved % _QUARTER_HOUR
    return min(shift, _QUARTER_HOUR - shift) <= 2 * _SECOND
