"""Folders of a source, opened so that nobody can exchange them or their files for links meanwhile.

Where the system can, a folder is opened once, and what is in it is looked at through that handle.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple

from facesort.images import HEAD_BYTES, PhotoKind, photo_kind

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)  # Windows has none of these
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _NO_FOLLOW
_FILE = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _NO_FOLLOW | getattr(os, "O_BINARY", 0)
BY_HANDLE = os.scandir in os.supports_fd and os.open in os.supports_dir_fd
_JUNCTION = getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", 0)  # Windows' link to a folder

Reach = tuple[str, int | None]
"""A path, and the handle of the folder that it is relative to."""


class Folder(NamedTuple):
    """A folder to be listed.

    Parameters
    ----------
    source, path : str
        Under which its files are listed.
    real : str
        Its path without links, as the system gives it.
    identity : tuple of (int, int)
        Device and inode, as far as its parent told.
    plain : bool
        Whether its files may be photos; else they are hidden, or the system's.
    linked : bool
        Whether it is reached through a link.
    """

    source: str
    path: str
    real: str
    identity: tuple[int, int]
    plain: bool = True
    linked: bool = False

    @property
    def prefix(self) -> str:
        """What the paths of its files begin with."""
        return f"{self.path}/" if self.path else ""


class OpenFolder(NamedTuple):
    """A folder that is being listed; without a handle on Windows."""

    folder: Folder
    handle: int | None
    found: os.stat_result

    def entries(self) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
        """What is in it."""
        return os.scandir(self.folder.real if self.handle is None else self.handle)

    def reach(self, name: str) -> Reach:
        """How to open a file in it."""
        if self.handle is None:
            return os.path.join(self.folder.real, name), None
        return name, self.handle

    def subfolder(self, entry: os.DirEntry[str], path: str) -> Sequence[Folder]:
        """A folder in it, unless it need not be listed."""
        source, _, real, _, plain, linked = self.folder
        plain = plain and photo_kind(f"{entry.name}/a.jpg") is PhotoKind.PHOTO
        if linked and not plain:
            return ()  # it is listed under its own name
        inode = 0 if self.handle is None else entry.inode()  # Windows would have to open it
        real = os.path.join(real, entry.name)
        return (Folder(source, path, real, (self.found.st_dev, inode), plain, linked),)


@contextmanager
def opened(folder: Folder) -> Iterator[OpenFolder]:
    """Open a folder.

    Raises
    ------
    OSError
        If it cannot be opened, or was exchanged for a link since its parent was listed.
    """
    handle = os.open(folder.real, _FOLDER) if BY_HANDLE else None
    try:
        found = os.stat(folder.real if handle is None else handle)
        # A mounted disk has another number than its parent told, and some file systems give no lasting ones.
        if identity_of(found) != folder.identity and os.path.realpath(folder.real) != folder.real:
            raise OSError(errno.ELOOP, "has become a link", folder.real)
        yield OpenFolder(folder, handle, found)
    finally:
        if handle is not None:
            os.close(handle)


def identity_of(found: os.stat_result) -> tuple[int, int]:
    """Device and inode."""
    return found.st_dev, found.st_ino


def is_link(entry: os.DirEntry[str]) -> bool:
    """Whether it is a link, or what Windows has instead of one."""
    if entry.is_symlink():
        return True
    if os.name != "nt":
        return False
    tag = getattr(entry.stat(follow_symlinks=False), "st_reparse_tag", 0)
    return bool(_JUNCTION) and tag == _JUNCTION


def read_head(reach: Reach, expected: os.stat_result) -> bytes:
    """First bytes of a file.

    Raises
    ------
    OSError
        If it cannot be read, or was exchanged for something else since it was looked at.
    """
    path, folder = reach
    with os.fdopen(os.open(path, _FILE, dir_fd=folder), "rb") as stream:
        found = os.fstat(stream.fileno())
        here = folder is not None or identity_of(found) == identity_of(expected)
        if not stat.S_ISREG(found.st_mode) or not (here or os.path.realpath(path) == path):
            raise OSError(errno.ESTALE, "has become something else", path)
        return stream.read(HEAD_BYTES)
