"""Durable file writes, and a rename that never replaces a file."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import os
import sys
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from facesort.files.own import Kind, create_own, expect, open_own, open_regular, remove_own

_T = TypeVar("_T")

_AT_ONCE = 16  # threads that wait for the disk
_UNSUPPORTED = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM}


def file_sha256(path: Path, *, below: Path | None = None) -> str:
    """SHA-256 of a file's content, in hex; a pipe is refused instead of being waited for.

    Parameters
    ----------
    below : Path, optional
        Follow no link below this folder, as `open_own`; by default links are followed, as by `open_regular`.
    """
    with open_regular(path) if below is None else open_own(path, below=below) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]  # it has readinto


def write_synced(path: Path, data: bytes, *, private: bool = False) -> None:
    """Write a new file and wait until its content is on the disk; its name may not be until `sync_folder`.

    Parameters
    ----------
    private : bool
        Only its owner may read it, whatever the umask.

    Raises
    ------
    FileExistsError
        If anything has the name, also a link that leads nowhere; it is untouched.
    """
    with create_own(path, private=private) as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def write_anew(path: Path, data: bytes, *, below: Path, private: bool = False) -> None:
    """As `write_synced`; a file of ours that has the name, as of a run that was killed, is removed before.

    Parameters
    ----------
    below : Path
        As for `remove_own`.
    """
    try:
        write_synced(path, data, private=private)
    except FileExistsError:
        remove_own(path, below=below)
        write_synced(path, data, private=private)


def at_once(work: Callable[[_T], object], some: Collection[_T]) -> None:
    """Do something to several files that waits for the disk, which then writes many together: a tenth of the time.

    Raises
    ------
    OSError
        That of the first one which failed, when none is in work any more.
    """
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for _ in threads.map(work, some):
            pass


def stream_synced(path: Path, chunks: Iterable[bytes]) -> str:
    """As `write_synced`, for content that is larger than memory; returns its SHA-256 in hex."""
    digest = hashlib.sha256()
    with create_own(path, private=False) as stream:
        for chunk in chunks:
            digest.update(chunk)
            stream.write(chunk)
        stream.flush()
        os.fsync(stream.fileno())
    return digest.hexdigest()


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk; Windows has no such call and needs none."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))  # not a pipe
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:  # some network file systems cannot
            raise
    finally:
        os.close(handle)


def replace_json(path: Path, value: Any, *, durable: bool = True) -> None:
    """Replace a small JSON file, as `replace_file` does."""
    replace_file(path, json.dumps(value, indent=1).encode(), durable=durable)


def replace_file(path: Path, data: bytes, *, durable: bool = True, private: bool = True) -> None:
    """Replace one of our own small files by rename: readers see the old content or the new, never half.

    Parameters
    ----------
    durable : bool
        Wait until the new one would survive a power cut; else the old one may come back then.
    private : bool
        Only its owner can read it; else everybody can, whatever the umask.

    Raises
    ------
    NotOursError
        If a link, a folder or something else has its name, or that of the temporary file ``.<name>.new``.
    """
    temporary = path.with_name(f".{path.name}.new")
    expect(path, Kind.FILE, None)
    remove_own(temporary, below=path.parent)  # of a process that was killed
    try:
        write_synced(temporary, data, private=True)
        if not private:
            temporary.chmod(0o644)
        temporary.replace(path)
    except OSError:
        remove_own(temporary, below=path.parent)
        raise
    if durable:
        sync_folder(path.parent)


def publish(temporary: Path, target: Path) -> None:
    """Rename without replacing.

    Parameters
    ----------
    temporary, target : Path
        In the same folder.

    Raises
    ------
    FileExistsError
        If the target is there; it is untouched, and so is `temporary`.
    """
    if os.name == "nt":
        temporary.rename(target)  # Windows refuses to replace
        return
    for attempt in (_rename_exclusively, _link_and_unlink):
        try:
            attempt(temporary, target)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
        else:
            return
    # The file system supports neither call. Another program could create the target in the microseconds between
    # this check and the rename; everything that was there before is refused.
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, "exists already", str(target))
    temporary.rename(target)


def _rename_exclusively(temporary: Path, target: Path) -> None:
    """Linux' renameat2(RENAME_NOREPLACE) and macOS' renamex_np(RENAME_EXCL), which Python does not offer."""
    source, destination = os.fsencode(temporary), os.fsencode(target)
    library = _c_library()
    if sys.platform == "darwin":
        rename_excl = 0x4
        failed = library.renamex_np(source, destination, rename_excl)
    else:
        if not hasattr(library, "renameat2"):
            raise OSError(errno.ENOSYS, "renameat2 is not there")
        at_fdcwd, rename_noreplace = -100, 1
        failed = library.renameat2(at_fdcwd, source, at_fdcwd, destination, rename_noreplace)
    if failed:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(target))


@lru_cache(maxsize=1)
def _c_library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _link_and_unlink(temporary: Path, target: Path) -> None:
    os.link(temporary, target)
    temporary.unlink()
