"""Check that the source and output disks are still there, before anything is concluded from a missing file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from facesort.core.paths import from_text
from facesort.errors import OutputError, SourceGoneError, because
from facesort.files import sync_folder
from facesort.reasons import Reason

_SUSPICIOUS = {Reason.MISSING, Reason.UNREADABLE}
_IN_A_ROW = 3
_SAMPLE = 20


@dataclass(frozen=True, slots=True)
class RootFolder:
    """A source or output folder as it was when the run started.

    Parameters
    ----------
    device, inode : int
        Another pair later means that a disk was unplugged, or another one mounted.
    """

    path: Path
    device: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> RootFolder:
        """Identify a folder that exists."""
        stat = path.stat()
        return cls(path, stat.st_dev, stat.st_ino)

    @classmethod
    def maybe_missing(cls, path: Path) -> RootFolder:
        """Identify a folder that need not exist; if it does not, `is_there` is always False."""
        try:
            return cls.of(path)
        except OSError:
            return cls(path, -1, -1)

    def is_there(self) -> bool:
        """Whether the path is still the same folder on the same disk."""
        try:
            return self.path.is_dir() and RootFolder.of(self.path) == self
        except OSError:
            return False


@dataclass(slots=True)
class SourceMonitor:
    """Tells a photo that cannot be read from a disk that is gone.

    Parameters
    ----------
    pending, done : sequence of str
        Photos of the job, relative to the root; a few of each are tried before the disk is considered gone.
    """

    root: RootFolder
    pending: Sequence[str]
    done: Sequence[str]
    _in_a_row: int = 0

    def check(self, failure: Reason | None) -> None:
        """Note how one photo ended; after several failures in a row, check the disk.

        Raises
        ------
        SourceGoneError
            If the disk is gone.
        """
        self._in_a_row = self._in_a_row + 1 if failure in _SUSPICIOUS else 0
        if not self._in_a_row:
            return
        # A lost disk can remain as an empty folder, or as one whose files give input/output errors. If the user only
        # deleted photos, those that were read before are still there.
        lost = self._in_a_row >= _IN_A_ROW and not (
            self._readable(self.pending)
            or (
                failure is Reason.MISSING
                and _any_exists(self.root.path, map(from_text, _spread(self.done)))
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
    """A few paths, evenly spread and from the end: those are least likely to be in the system's cache."""
    return paths[:: -max(len(paths) // _SAMPLE, 1)]


def check_source(path: Path, known: Sequence[str]) -> RootFolder:
    """Check the source folder at the start of a sort.

    Parameters
    ----------
    known : sequence of str
        Paths of photos that were scanned before, relative to the folder.

    Raises
    ------
    SourceGoneError
        If the folder is missing or empty, or holds none of the known photos: an empty mount point must not look
        like 16,000 deleted photos.
    """
    try:
        with os.scandir(path) as entries:
            empty = not any(entries)
    except OSError as error:
        raise SourceGoneError(
            f"source {path} cannot be read {because(error)}, and run `facesort sort` again: it resumes by itself"
        ) from error
    if known and (empty or not _any_exists(path, map(from_text, known))):
        raise SourceGoneError(
            f"source {path} holds none of the {len(known)} photos that were scanned before: it looks like an empty "
            "mount point or another disk. Mount the right one and run `facesort sort` again; if the folder was moved, "
            "change `source` in the workspace's facesort.toml"
        )
    if empty:
        raise SourceGoneError(f"source {path} is empty: check the folder, or plug in the disk")
    return RootFolder.of(path)


def check_output(
    path: Path, written: Sequence[str], accepted: RootFolder | None = None
) -> RootFolder:
    """Check the output folder at the start of a sort; create it if nothing was written there yet.

    Parameters
    ----------
    written : sequence of str
        A few files that were written before, relative to the folder.
    accepted : RootFolder, optional
        A folder that need not hold any of them, because the user said so.

    Raises
    ------
    OutputError
        If it is missing or not writable, or holds none of these files.
    """
    if written and not _any_exists(path, written) and accepted != RootFolder.maybe_missing(path):
        raise OutputError(another_output(path))
    try:
        made = [folder for folder in (path, *path.parents) if not folder.exists()]
        path.mkdir(parents=True, exist_ok=True)
        for folder in made:  # or a power cut could lose the folder and everything in it
            sync_folder(folder.parent)
    except OSError as error:
        raise OutputError(
            f"output {path} cannot be created {because(error)}, or change the folder in facesort.toml"
        ) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise OutputError(
            f"output {path} is read-only: change its permissions or mount it writable"
        )
    return RootFolder.of(path)


def another_output(path: Path) -> str:
    """Say that none of what was written to the output is there, and how to go on."""
    return (
        f"output {path} holds none of the files that were written to it before: it looks unmounted or emptied. "
        "Mount the right disk and run the command again. If the folder was moved or copied, or is lost, "
        "`facesort verify --accept-output DIR` makes DIR the output (an empty folder too), and "
        "`facesort verify --repair` writes what is missing in it again"
    )


def _any_exists(root: Path, paths: Iterable[str]) -> bool:
    return any(os.path.lexists(root / path) for path in paths)
