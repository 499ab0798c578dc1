"""Restore: a workspace from a backup.

It is unpacked where it will stay, beside a marker that is removed at the end.  So an interrupted restore lies under the
name that the user gave, every command that opens the folder says so, and restoring again takes its place.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from facesort.core.text.paths import is_of_the_system
from facesort.engine.privacy import known_backups
from facesort.engine.privacy.archive import DATABASE, SETTINGS, NotABackupError, extract, opened
from facesort.engine.privacy.backup import Backup, warn_of_older_version
from facesort.engine.privacy.known_backups import LIST
from facesort.errors import WorkspaceBusyError, WorkspaceError, because
from facesort.files import remove_own, remove_own_folder, sync_folder, write_synced
from facesort.settings import load_settings
from facesort.store import Store
from facesort.workspace import RESTORING, refuse_nested

_LOCK = "sort.lock"
_SPILL = f"{DATABASE}.tmp"  # DuckDB's, while a database of an older version is brought up to date
_SPILLED = re.compile(r"duckdb_temp_.+")
_MADE = (DATABASE, f"{DATABASE}.wal", SETTINGS, LIST, f".{LIST}.new")
_SENTENCE = (
    b"`facesort restore` is at work here, or was interrupted: this is not a whole workspace.\n"
)


def restore(path: Path, root: Path) -> Backup:
    """Make a workspace from a backup, completely or not at all.

    Parameters
    ----------
    path : Path
        A file that `backup` wrote.
    root : Path
        Must not exist, or be empty, or be what an interrupted restore left.

    Raises
    ------
    WorkspaceError
        If the folder is not empty, or the file is not a backup, or is damaged.
    WorkspaceBusyError
        If another process restores to the same folder.
    SchemaVersionError
        If a newer facesort wrote it.
    StoreError, SettingsError
        If what is in it cannot be used, or the folder lies in its source or its output.
    """
    root = root.absolute()
    _refuse_filled(root)
    warn_of_older_version(root.with_name(f".{root.name}.restoring"))
    try:
        with _unfinished_workspace(root):
            with opened(path) as (archive, manifest):
                extract(archive, manifest, root)
            Store.open(root / DATABASE).close()
            refuse_nested(root, load_settings(root / SETTINGS))  # no database into a delivery
            known_backups.start(
                root, path.absolute(), manifest.created_at
            )  # it is one of this workspace
    except NotABackupError as error:
        raise WorkspaceError(
            f"{path} is not a complete facesort backup ({error}): use another one; nothing was changed"
        ) from error
    except OSError as error:
        raise WorkspaceError(
            f"{path} cannot be restored to {root} {because(error)}, and run the command again"
        ) from error
    return Backup.of(path, manifest)


def _refuse_filled(root: Path) -> None:
    """Refuse a place where there is anything but what an interrupted restore left."""
    if not os.path.lexists(root):
        return
    there = {entry.name for entry in root.iterdir()} if root.is_dir() else {""}
    if RESTORING in there:
        there -= {RESTORING, _SPILL, *_MADE}
    if not all(map(is_of_the_system, there - {_LOCK})):
        raise WorkspaceError(f"{root} is not empty: give a new folder with --workspace")


@contextmanager
def _unfinished_workspace(root: Path) -> Iterator[None]:
    """A folder that only its owner can read, and that no command takes for a workspace until it is complete."""
    is_new = not root.is_dir()
    root.parent.mkdir(parents=True, exist_ok=True)
    root.mkdir(mode=0o700, exist_ok=True)
    lock = FileLock(root / _LOCK, timeout=0, mode=0o600)
    try:
        lock.acquire()
    except Timeout:
        raise WorkspaceBusyError(
            f"{root} is being restored by another process: wait for it, or give another folder with --workspace"
        ) from None
    try:
        _clear(root)
        _mark(root)
        yield
        sync_folder(root)
        remove_own(root / RESTORING, below=root)
        sync_folder(root)
        sync_folder(root.parent)
    except BaseException:
        _clear(root)
        lock.release()
        remove_own(root / _LOCK, below=root)
        if is_new:
            remove_own_folder(root, below=root.parent)
        raise
    finally:
        lock.release()


def _mark(root: Path) -> None:
    with suppress(OSError):  # on a disk without permissions
        root.chmod(0o700)
    write_synced(root / RESTORING, _SENTENCE, private=True)
    sync_folder(root)
    sync_folder(root.parent)


def _clear(root: Path) -> None:
    """Remove what a restore made, the marker last."""
    for name in _MADE:
        remove_own(root / name, below=root)
    remove_own_folder(root / _SPILL, _SPILLED, below=root)
    remove_own(root / RESTORING, below=root)
