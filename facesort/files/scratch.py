"""A folder for what must not outlast its process: what a killed one leaves there, the next one removes."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import TYPE_CHECKING

from facesort.files.own import Kind, kind_of

if TYPE_CHECKING:
    from filelock import FileLock

log = logging.getLogger(__name__)

_LOCK = "in-use.lock"
_TRIES, _AGAIN_S = 20, 0.02  # while others still write into a folder that is removed
_HAS_USERS = hasattr(os, "getuid")  # on Windows each has a temporary folder of their own


@contextmanager
def scratch_folder(prefix: str) -> Iterator[Path]:
    """A new folder among the system's temporary ones, for its owner only; removed at the end, with all that is in it.

    Parameters
    ----------
    prefix : str
        Of its name; `sweep_scratch` knows it by that.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    from filelock import Timeout

    while True:
        folder = Path(mkdtemp(prefix=prefix))
        lock = _lock_of(folder)
        with suppress(Timeout):  # somebody who sweeps came between, and removes it
            lock.acquire()
            break
    try:
        yield folder
    finally:
        _remove(folder, lock)


def sweep_scratch(prefix: str) -> None:
    """Remove the folders of `scratch_folder` whose processes were killed; of this user only, never through a link."""
    from filelock import Timeout

    for folder in Path(gettempdir()).glob(f"{prefix}*"):
        try:
            is_own = not _HAS_USERS or folder.lstat().st_uid == os.getuid()
            # One without its lock is being made: nothing is in it yet.
            if is_own and kind_of(folder) is Kind.FOLDER and kind_of(folder / _LOCK) is Kind.FILE:
                lock = _lock_of(folder)
                lock.acquire()
                _remove(folder, lock)
        except Timeout:
            continue  # it is in use
        except OSError as error:
            log.warning("%s of a process that was killed is left: remove it (%s)", folder, error)


def _lock_of(folder: Path) -> FileLock:
    from filelock import FileLock

    return FileLock(folder / _LOCK, timeout=0, mode=0o600)


def _remove(folder: Path, lock: FileLock) -> None:
    """Remove a folder whose lock is held, and that last: by it the next process knows what one left that was killed."""
    if os.name == "nt":  # there nothing is removed that is open
        lock.release()
    try:
        for is_last in (*[False] * _TRIES, True):
            try:
                _empty(folder)
                (folder / _LOCK).unlink(missing_ok=True)
                folder.rmdir()
                return
            except FileNotFoundError:  # a call that still unpacks has removed its own meanwhile
                if not folder.exists():
                    return
            except OSError:  # or has written more
                if is_last:
                    raise
            time.sleep(_AGAIN_S)
    finally:
        lock.release()


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if kind_of(path) is Kind.FOLDER:
            shutil.rmtree(path)
        elif path.name != _LOCK:
            path.unlink(missing_ok=True)
