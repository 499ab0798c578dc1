"""Opening, creating and deleting facesort's own files, never through a link.

Not defended against: another program of the same user that exchanges a folder for a link meanwhile.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from enum import StrEnum
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)  # Windows has none of these
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)  # a pipe would be waited for
_BINARY = getattr(os, "O_BINARY", 0)
_MOUNT_POINT = getattr(
    stat, "IO_REPARSE_TAG_MOUNT_POINT", 0
)  # a junction, Windows' link to a folder
READ_LIMIT = 1 << 24


class Kind(StrEnum):
    """What is at a path."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    PIPE = "named pipe"
    SOCKET = "socket"
    DEVICE = "device"


class NotOursError(OSError):
    """Something else is where a file or a folder of facesort's own belongs.

    Parameters
    ----------
    path : Path
        Where it is.
    what : str
        What is wrong with it, as the rest of a sentence: "is a link".
    code : int
        The `errno` that is nearest.
    """

    def __init__(self, path: Path, what: str, code: int = errno.EINVAL) -> None:
        super().__init__(code, what, str(path))


def at_fault(path: Path, error: OSError) -> Path:
    """What an error about a path names: what is in the way of facesort's own file, else the path itself."""
    return Path(error.filename) if isinstance(error, NotOursError) else path


def kind_of(path: Path) -> Kind | None:
    """What is at a path, without following a link there; None if there is nothing."""
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    mode = found.st_mode
    if stat.S_ISLNK(mode) or (_MOUNT_POINT and _reparse_tag(found) == _MOUNT_POINT):
        return Kind.LINK
    kinds = {
        stat.S_IFREG: Kind.FILE,
        stat.S_IFDIR: Kind.FOLDER,
        stat.S_IFIFO: Kind.PIPE,
        stat.S_IFSOCK: Kind.SOCKET,
    }
    return kinds.get(stat.S_IFMT(mode), Kind.DEVICE)


def _reparse_tag(found: os.stat_result) -> int:
    return int(getattr(found, "st_reparse_tag", 0))


def _refuse_links(path: Path, below: Path) -> None:
    """Raise unless every folder between `below` and a path is a real one; `below` itself may be reached by a link."""
    parts = path.relative_to(below).parts
    if ".." in parts:
        raise ValueError(f"{path} has a part '..'")
    folder = below
    for name in parts[:-1]:
        folder = folder / name
        expect(folder, Kind.FOLDER, None)


def expect(path: Path, *expected: Kind | None) -> Kind | None:
    """What is at a path; raise unless it is one of the kinds expected (None: nothing).

    Raises
    ------
    NotOursError
        If it is something else.
    FileNotFoundError
        If there is nothing.
    """
    kind = kind_of(path)
    if kind in expected:
        return kind
    if kind is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    codes = {Kind.LINK: errno.ELOOP, Kind.FOLDER: errno.EISDIR, Kind.FILE: errno.ENOTDIR}
    wanted = "a file" if Kind.FILE in expected else "a folder"
    raise NotOursError(
        path, f"is a {kind}, where facesort has {wanted} of its own", codes.get(kind, errno.EINVAL)
    )


def open_own(path: Path, *, below: Path, write: bool = False) -> BinaryIO:
    """Open a file of facesort's own.

    Parameters
    ----------
    path : Path
        In `below`, or in a folder of it.
    below : Path
        The workspace or run folder: no link below it is followed.
    write : bool
        Open for changing it as well.

    Raises
    ------
    NotOursError
        If it is a link, a pipe, a device or a folder, or one of the folders on the way to it is a link.
    OSError
        If it is missing or cannot be opened.
    """
    _refuse_links(path, below)
    expect(path, Kind.FILE)
    access = os.O_RDWR if write else os.O_RDONLY
    return os.fdopen(_opened(path, access | _NO_FOLLOW), "rb+" if write else "rb")


def open_regular(path: Path) -> BufferedReader:
    """Open a file that the user named, following links; a pipe or a device is refused instead of being waited for.

    Raises
    ------
    NotOursError
        If it is not a regular file.
    OSError
        If it is missing or cannot be opened.
    """
    if not stat.S_ISREG(path.stat().st_mode):  # opening a device may have effects
        raise NotOursError(path, "is not a regular file")
    return os.fdopen(_opened(path, os.O_RDONLY), "rb")


def _opened(path: Path, access: int) -> int:
    return _regular(os.open(path, access | _NO_WAIT | _BINARY), path)


def _regular(handle: int, path: Path) -> int:
    if not stat.S_ISREG(os.fstat(handle).st_mode):  # exchanged meanwhile
        os.close(handle)
        raise NotOursError(path, "is not a regular file")
    return handle


def read_own(path: Path, *, below: Path, limit: int = READ_LIMIT) -> bytes:
    """Content of a small file of facesort's own.

    Parameters
    ----------
    path, below : Path
        As for `open_own`.
    limit : int
        Bytes; a file that is larger is not one that facesort wrote.

    Raises
    ------
    NotOursError
        If it is not a regular file, is reached through a link, or is larger.
    OSError
        If it is missing or cannot be read.
    """
    with open_own(path, below=below) as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise NotOursError(path, f"has more than {limit:,} bytes", errno.EFBIG)
    return data


def create_own(path: Path, *, private: bool) -> BinaryIO:
    """Create a file for writing, where there is nothing yet.

    Parameters
    ----------
    private : bool
        Only its owner may read it, whatever the umask; else as the umask says.

    Raises
    ------
    FileExistsError
        If anything has the name; it is untouched, also where it is a link.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | _BINARY
    return os.fdopen(os.open(path, flags, 0o600 if private else 0o666), "wb")


def append_own(path: Path, *, below: Path) -> BinaryIO:
    """Open a file of facesort's own for adding to its end; it is made if it is not there, for its owner only.

    What is written at once is there as a whole, whoever else adds to it.

    Raises
    ------
    NotOursError
        As `open_own`.
    """
    _refuse_links(path, below)
    expect(path, Kind.FILE, None)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | _NO_FOLLOW | _NO_WAIT | _BINARY
    return os.fdopen(_regular(os.open(path, flags, 0o600), path), "ab", buffering=0)


def make_own_folder(folder: Path, *, below: Path) -> None:
    """Create a folder that only its owner can read, if it is missing.

    Raises
    ------
    NotOursError
        If something else has its name, also a link to a folder.
    """
    _refuse_links(folder, below)
    if expect(folder, Kind.FOLDER, None) is None:
        folder.mkdir(mode=0o700, exist_ok=True)


def remove_own(path: Path, *, below: Path) -> None:
    """Remove a file that facesort made; nothing happens if it is not there.

    Raises
    ------
    NotOursError
        If something else has its name, or one of the folders on the way to it is a link; it is untouched.
    """
    _refuse_links(path, below)
    if expect(path, Kind.FILE, None) is not None:
        path.unlink(missing_ok=True)


def remove_own_folder(
    folder: Path, names: re.Pattern[str] | None = None, *, below: Path
) -> list[Path]:
    """Remove the files in a folder that have names which facesort gives, and the folder if it is empty then.

    Parameters
    ----------
    names : re.Pattern, optional
        What the whole name of a file of ours looks like; by default no file is, and only an empty folder is removed.

    Returns
    -------
    list of Path
        What is left in it because facesort did not make it.

    Raises
    ------
    NotOursError
        If the folder is a link or something else, or is reached through a link; nothing is removed.
    """
    _refuse_links(folder, below)
    if expect(folder, Kind.FOLDER, None) is None:
        return []
    left = []
    for path in sorted(folder.iterdir()):
        if names and names.fullmatch(path.name) and kind_of(path) is Kind.FILE:
            path.unlink()
        else:
            left.append(path)
    if not left:
        folder.rmdir()
    return left
