"""Read the files of a source, whole or part by part, and tell clips from pictures."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from threading import Lock

from facesort.errors import ImageError, short_of
from facesort.files import open_regular
from facesort.images import HEAD_BYTES, PhotoKind, kind_by_content, photo_kind
from facesort.reasons import Reason

_PART_BYTES = 1 << 22
_hashing = Lock()


def read_photo(path: Path, max_file_mb: float, *, limit: int = -1) -> bytes:
    """Read a whole file, once.

    Parameters
    ----------
    limit : int
        Only so many bytes from its start are read; -1: all.

    Raises
    ------
    ImageError
        ``missing``, ``unreadable``, ``empty_file`` or ``too_large``.
    ResourceError
        If this process is out of file handles or memory, which is not the photo's fault.
    """
    with reading():
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # reading a pipe would block, a device never ends
            raise ImageError(Reason.UNREADABLE, "it is not a regular file any more")
        refuse_size(found.st_size, max_file_mb)
        with path.open("rb") as stream:
            data = stream.read(limit)
    refuse_size(len(data), max_file_mb)
    return data


def refuse_size(size: int, max_file_mb: float) -> None:
    """Raise unless a file has some content, and not more than the limit.

    Raises
    ------
    ImageError
        ``empty_file`` or ``too_large``.
    """
    if not size:
        raise ImageError(Reason.EMPTY_FILE, "0 bytes")
    if size > max_file_mb * 1e6:
        raise ImageError(
            Reason.TOO_LARGE,
            f"{size / 1e6:.0f} MB, the limit photos.max_file_mb is {max_file_mb:g}",
        )


@contextmanager
def reading() -> Iterator[None]:
    """Turn what a disk says while a file is read into a reason.

    Raises
    ------
    ImageError
        ``missing`` or ``unreadable``.
    ResourceError
        If this process is out of file handles or memory.
    """
    try:
        yield
    except FileNotFoundError:
        raise ImageError(Reason.MISSING, "it was there when the source was scanned") from None
    except OSError as error:
        raise short_of(error) or ImageError(
            Reason.UNREADABLE, os.strerror(error.errno or 0)
        ) from error


def read_parts(path: Path) -> Iterator[bytes]:
    """Read a file of any size, a few MB at a time.

    Raises
    ------
    ImageError
        ``missing`` or ``unreadable``.
    ResourceError
        If this process is out of file handles or memory.
    """
    with reading(), open_regular(path) as stream:
        while part := stream.read(_PART_BYTES):
            yield part


def sha256_of(path: Path) -> str:
    """SHA-256 of a file of any size, in hex; raises what `read_parts` does."""
    digest = hashlib.sha256()
    for part in read_parts(path):
        digest.update(part)
    return digest.hexdigest()


def version_of(path: Path) -> tuple[int, int]:
    """Size and time of a file, which change with its content; raises what `reading` does."""
    with reading():
        found = path.stat()
    return found.st_size, found.st_mtime_ns


def sha256_once(path: Path) -> str:
    """As `sha256_of`; a file that was hashed in this process and has not changed since is not read again."""
    with _hashing:
        return _sha256_of_version(path, version_of(path))


@lru_cache(maxsize=256)
def _sha256_of_version(path: Path, version: tuple[int, int]) -> str:
    del version
    return sha256_of(path)


def is_clip(path: Path) -> bool:
    """Whether a file is a clip by its content; so is one that is called so and starts like nothing known.

    Raises
    ------
    ImageError
        If it cannot be read.
    """
    head = read_photo(path, float("inf"), limit=HEAD_BYTES)
    size, _ = version_of(path)
    return kind_by_content(head, size, photo_kind(path.name)) is not PhotoKind.PHOTO


def is_video(data: bytes, name: str) -> bool:
    """Whether content that is called a photo is a clip."""
    return kind_by_content(data[:HEAD_BYTES], len(data), photo_kind(name)) is PhotoKind.VIDEO
