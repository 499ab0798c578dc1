"""Forget: take what is known of a person, or of all strangers, out of a workspace for good.

What can be made again goes first: staged copies, progress files, uploads.  Then the database is written anew without
them, and takes the place of the old one in one rename: before it everything is as it was, and `forget` can be run
again; after it they are gone, and the old file's content is overwritten where that is possible.  What an interruption
leaves behind is never the only copy of anything, and is removed when the workspace is used next.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from facesort.engine.delivery.corrections import update_corrections
from facesort.errors import StoreError, StoreLockedError, WorkspaceError
from facesort.files import sync_folder
from facesort.store import Store
from facesort.store.privacy import rewrite
from facesort.store.privacy.erasure import Erasure, Traces, of_person, of_strangers, traces_of
from facesort.workspace import Workspace

log = logging.getLogger(__name__)

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was taken out of the workspace, and what it left alone.

    Parameters
    ----------
    traces : Traces
        What was there, and which files in the output stay.
    rows : dict of table to int
        Rows that are gone.
    files : tuple of Path
        Files in the workspace that are gone.
    """

    traces: Traces
    rows: dict[str, int]
    files: tuple[Path, ...]


def what_is_known(workspace: Workspace, name: str | None) -> Traces:
    """What `forget` would take out; changes nothing.

    Parameters
    ----------
    name : str or None
        Of a person; None: all faces that are nobody's.

    Raises
    ------
    GalleryError
        If nobody is known under that name.
    StoreLockedError
        While a sort is running.
    """
    with workspace.open_store() as store:
        return traces_of(store, _chosen(store, name))


def _chosen(store: Store, name: str | None) -> Erasure:
    return of_strangers(store) if name is None else of_person(store, name)


def forget(workspace: Workspace, name: str | None) -> Forgotten:
    """Take a person, or all strangers, out of the workspace as if they had never been in it.

    The commit log keeps the names of files that were delivered, folder included: it is what `verify` checks the output
    against.  Nothing outside of the workspace is touched.

    Parameters
    ----------
    name : str or None
        Of a person; None: all faces that are nobody's.

    Raises
    ------
    WorkspaceBusyError
        While a sort is running.
    GalleryError
        If nobody is known under that name.
    StoreLockedError
        If another program has the workspace open.
    StoreError, WorkspaceError
        If the disk is full or fails; nothing is lost then.
    """
    with workspace.sorting_lock():
        with workspace.open_store() as store:
            traces = traces_of(store, _chosen(store, name))
        files = tuple(_remove_files(workspace))
        rows = _rewrite(workspace, lambda store: _chosen(store, name))
        with workspace.open_store() as store:
            update_corrections(workspace, store)
        return Forgotten(traces, rows, files)


def drop_unknown(workspace: Workspace) -> int:
    """Take embeddings and crops of unknown faces out of the workspace; where they were found stays.

    To be called with the sorting lock held and no database open.

    Returns
    -------
    int
        Number of faces that lost them.
    """
    with workspace.open_store() as store:
        faces = len(of_strangers(store, keep_boxes=True).faces)
    if faces:
        _rewrite(workspace, lambda store: of_strangers(store, keep_boxes=True))
        log.info("embeddings and crops of %d unknown faces are dropped", faces)
    return faces


def saved_runs(workspace: Workspace, runs: Path) -> list[Path]:
    """Saved runs of this workspace: their notebooks may show names, and faces if they were asked for.

    Parameters
    ----------
    runs : Path
        Folder with one folder per run.
    """
    return [
        summary.parent
        for summary in sorted(runs.glob("*/summary.json"))
        if _is_run_of(workspace, summary)
    ]


def _is_run_of(workspace: Workspace, summary: Path) -> bool:
    """Whether a run names this workspace, by whatever path it was reached then."""
    try:
        value = json.loads(summary.read_text(encoding="utf-8"))
        return workspace.root.samefile(value["parameters"]["workspace"])
    except (OSError, ValueError, KeyError, TypeError):
        return False  # of something else, half written, or of a workspace that is gone


def _rewrite(workspace: Workspace, choose: Callable[[Store], Erasure]) -> dict[str, int]:
    """Replace the database by one without what is chosen; returns the rows that are gone, by table."""
    old, new = workspace.database, workspace.new_database
    with workspace.open_store() as store:
        erasure = choose(store)
    seen = _stamp(old)
    try:
        rows = rewrite.write_without(old, new, erasure)
        if _stamp(old) != seen:
            raise StoreLockedError(
                f"{old} was changed by another program meanwhile; nothing was forgotten. Close it and try again"
            )
        _replace(new, old)
    finally:
        workspace.remove_leftovers()
    return rows


def _stamp(database: Path) -> tuple[int, int, bool]:
    stat = database.stat()
    return stat.st_size, stat.st_mtime_ns, database.with_name(f"{database.name}.wal").exists()


def _replace(new: Path, old: Path) -> None:
    """Put the new file in the place of the old one, durably, and write over the old one."""
    try:
        with new.open("rb+") as stream:
            os.fsync(stream.fileno())
        if os.name == "nt":  # an open file cannot be replaced there
            new.replace(old)
            return
        with old.open("rb+") as former:
            new.replace(old)
            sync_folder(old.parent)
            if os.fstat(former.fileno()).st_nlink:
                log.warning(
                    "the old database has another name, a hard link: that one is left alone"
                )
            else:
                _overwrite(former.fileno())
    except OSError as error:
        raise StoreError(
            f"{old} cannot be replaced ({os.strerror(error.errno or 0)}): free some space on the workspace's disk and "
            "run the command again; nothing is lost"
        ) from error


def _overwrite(handle: int) -> None:
    """Write over the whole of a file; best effort, because disks may keep what was there before."""
    size = os.fstat(handle).st_size
    os.lseek(handle, 0, os.SEEK_SET)
    for start in range(0, size, _CHUNK):
        os.write(handle, bytes(min(_CHUNK, size - start)))
    os.fsync(handle)


def _remove_files(workspace: Workspace) -> Iterator[Path]:
    """Remove what shows or names people and can be made again; yields what is gone."""
    root = workspace.root
    folders = [
        workspace.staging,
        workspace.state,
        *root.glob("upload-*"),
        *root.glob("*.duckdb.tmp"),
    ]
    found = [path for folder in folders if not folder.is_symlink() for path in folder.rglob("*")]
    for path in (*found, *root.glob(f"{workspace.corrections.stem}*.csv")):
        if path.is_symlink() or (path.is_file() and path != workspace.owner):
            _remove(path)
            yield path
    for folder in root.glob("upload-*"):
        shutil.rmtree(folder, ignore_errors=True)  # empty by now


def _remove(path: Path) -> None:
    try:
        # Never what has another name elsewhere.
        if not path.is_symlink() and path.stat().st_nlink == 1:
            with path.open("rb+") as stream:
                _overwrite(stream.fileno())
        path.unlink()
    except OSError as error:
        raise WorkspaceError(
            f"{path} cannot be erased ({os.strerror(error.errno or 0)}): free some space on the workspace's disk, look "
            "at its permissions, and run the command again; nobody is forgotten yet"
        ) from error
