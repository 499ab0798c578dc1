"""Is the disk still there?  Checks of the source and output roots before anything is concluded from a missing file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from facesort.core.paths import from_text
from facesort.errors import OutputError, SourceGoneError

__all__ = ["Root", "check_output", "check_source"]


@dataclass(frozen=True, slots=True)
class Root:
    """A root folder as it was when the job started.

    Parameters
    ----------
    path : Path
    device : int
        ``st_dev``: another number later means that a disk was unplugged, or another one mounted.
    """

    path: Path
    device: int

    @classmethod
    def of(cls, path: Path) -> Root:
        """Remember a folder that is there."""
        return cls(path, path.stat().st_dev)

    def is_there(self) -> bool:
        """Whether it still is the same folder on the same disk."""
        try:
            return self.path.is_dir() and self.path.stat().st_dev == self.device
        except OSError:
            return False


def check_source(path: Path, known: Sequence[str]) -> Root:
    """Check the source root at the start of a sort.

    Parameters
    ----------
    path : Path
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
    path : Path
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
        path.mkdir(parents=True, exist_ok=True)
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
