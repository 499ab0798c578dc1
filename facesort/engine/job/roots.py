"""Is the disk still there?  Checks of the source and output roots before anything is concluded from a missing file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from facesort.core.paths import from_text
from facesort.errors import OutputError, SourceGoneError
from facesort.files import sync_folder
from facesort.reasons import Reason

_SUSPICIOUS = {Reason.MISSING, Reason.UNREADABLE}
_IN_A_ROW = 3
_SAMPLE = 20


@dataclass(frozen=True, slots=True)
class Root:
    """A root folder as it was when the job started.

    Parameters
    ----------
    device, inode : int
        Another pair later means that a disk was unplugged, or another one mounted.
    """

    path: Path
    device: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> Root:
        """Remember a folder that is there."""
        stat = path.stat()
        return cls(path, stat.st_dev, stat.st_ino)

    @classmethod
    def or_none(cls, path: Path) -> Root:
        """Remember a folder that need not be there; one that is not never `is_there`."""
        try:
            return cls.of(path)
        except OSError:
            return cls(path, -1, -1)

    def is_there(self) -> bool:
        """Whether it still is the same folder on the same disk."""
        try:
            return self.path.is_dir() and Root.of(self.path) == self
        except OSError:
            return False


@dataclass(slots=True)
class SourceWatch:
    """Tells photos that cannot be read from a disk that cannot.

    Parameters
    ----------
    pending, done : sequence of str
        Photos of the job, relative to the root; a few spread over each are asked before the disk is given up.
    """

    root: Root
    pending: Sequence[str]
    done: Sequence[str]
    _in_a_row: int = 0

    def saw(self, failure: Reason | None) -> None:
        """Take note of how one photo ended.

        Raises
        ------
        SourceGoneError
            If it is the disk, and not the photo, that cannot be read.
        """
        self._in_a_row = self._in_a_row + 1 if failure in _SUSPICIOUS else 0
        if not self._in_a_row:
            return
        # A lost disk can linger as an empty folder, or as one whose files give input/output errors. Photos that the
        # user deleted are no lost disk: then those that were read before are still there.
        lost = self._in_a_row >= _IN_A_ROW and not (
            self._readable(self.pending)
            or (
                failure is Reason.MISSING
                and _any_there(self.root.path, map(from_text, _spread(self.done)))
            )
        )
        if lost or not self.root.is_there():
            raise SourceGoneError(
                f"source {self.root.path} is gone: plug in the disk and run `facesort sort` again. "
                "What is committed stays; the batch in work starts again"
            )

    def _readable(self, paths: Sequence[str]) -> bool:
        for path in _spread(paths):
            with suppress(OSError):
                if _is_readable(self.root.path / from_text(path)):
                    return True
        return False


def _is_readable(path: Path) -> bool:
    if not path.is_file():  # a pipe would be waited for
        return False
    with path.open("rb") as stream:
        stream.read(1)
    return True


def _spread(paths: Sequence[str]) -> Sequence[str]:
    """A few, from all over: the last ones are hardly in the system's cache."""
    return paths[:: -max(len(paths) // _SAMPLE, 1)]


def check_source(path: Path, known: Sequence[str]) -> Root:
    """Check the source root at the start of a sort.

    Parameters
    ----------
    known : sequence of str
        Paths of photos that were there before, relative to the root.

    Raises
    ------
    SourceGoneError
        If the root is missing or empty, or none of the photos known from before is there: an empty mount
        point must not look like 16,000 deleted photos.
    """
    try:
        with os.scandir(path) as entries:
            empty = not any(entries)
    except OSError as error:
        raise SourceGoneError(
            f"source {path} cannot be read ({os.strerror(error.errno or 0)}): plug in the disk and run "
            "`facesort sort` again, it resumes by itself"
        ) from error
    if known and (empty or not _any_there(path, map(from_text, known))):
        raise SourceGoneError(
            f"source {path} holds none of the {len(known)} photos that were scanned before: it looks like an empty "
            "mount point or another disk. Mount the right one and run `facesort sort` again"
        )
    if empty:
        raise SourceGoneError(f"source {path} is empty: check the folder, or plug in the disk")
    return Root.of(path)


def check_output(path: Path, written: Sequence[str]) -> Root:
    """Check the output root at the start of a sort; make it if nothing was written there yet.

    Parameters
    ----------
    written : sequence of str
        A few files that must be there, relative to the root.

    Raises
    ------
    OutputError
        If it is missing or not writable, or none of the files is there.
    """
    if written and not _any_there(path, written):
        raise OutputError(
            f"output {path} holds none of the files that were written to it before: it looks unmounted or emptied. "
            "Mount the right disk and run `facesort sort` again"
        )
    try:
        made = [folder for folder in (path, *path.parents) if not folder.exists()]
        path.mkdir(parents=True, exist_ok=True)
        for folder in made:  # or a power cut could take the output with all that is in it
            sync_folder(folder.parent)
    except OSError as error:
        raise OutputError(
            f"output {path} cannot be made ({os.strerror(error.errno or 0)}): plug in the disk or change the folder "
            "in facesort.toml"
        ) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise OutputError(
            f"output {path} is read-only: change its permissions or mount it writable"
        )
    return Root.of(path)


def _any_there(root: Path, paths: Iterable[str]) -> bool:
    return any(os.path.lexists(root / path) for path in paths)
