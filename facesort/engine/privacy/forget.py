"""Forget: erase a person, or all unknown faces, from a workspace for good.

Files that can be made again are removed first: staged copies, progress files, uploads.  Then the database is rewritten
without the erased rows, and replaces the old one in one rename.  Before the rename everything is as it was, and
`forget` can be run again; after it the rows are gone, and the old file is overwritten where the disk allows it.  What
an interruption leaves behind is never the only copy of anything, and is removed when the workspace is used next.
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
from facesort.errors import StoreError, StoreLockedError, WorkspaceError, because
from facesort.files import sync_folder
from facesort.store import Store
from facesort.store.privacy import rewrite
from facesort.store.privacy.erasure import Erasure, Traces, of_person, of_unknown, traces_of
from facesort.workspace import Workspace

log = logging.getLogger(__name__)

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was erased from the workspace, and what was not touched.

    Parameters
    ----------
    traces : Traces
        What was known, and which files in the output stay.
    rows : dict of table to int
        Number of erased rows.
    files : tuple of Path
        Files that were removed from the workspace.
    """

    traces: Traces
    rows: dict[str, int]
    files: tuple[Path, ...]


def what_is_known(workspace: Workspace, name: str | None) -> Traces:
    """Find what `forget` would erase; changes nothing.

    Parameters
    ----------
    name : str or None
        Of a person; None: all unknown faces.

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
    return of_unknown(store) if name is None else of_person(store, name)


def forget(workspace: Workspace, name: str | None) -> Forgotten:
    """Erase a person, or all unknown faces, from the workspace.

    The commit log keeps the names of delivered files, folder included: `verify` checks the output against it.  Nothing
    outside of the workspace is touched.

    Parameters
    ----------
    name : str or None
        Of a person; None: all unknown faces.

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
    """Erase the embeddings and crops of unknown faces; their boxes stay.

    To be called with the sorting lock held and no database open.

    Returns
    -------
    int
        Number of faces.
    """
    with workspace.open_store() as store:
        faces = len(of_unknown(store, keep_boxes=True).faces)
    if faces:
        _rewrite(workspace, lambda store: of_unknown(store, keep_boxes=True))
        log.info("the embeddings and crops of %d unknown faces are erased", faces)
    return faces


def saved_runs(workspace: Workspace, runs: Path) -> list[Path]:
    """List the saved runs of this workspace: their notebooks may show names, and faces if asked for.

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
    """Replace the database by one without the chosen rows; returns their number by table."""
    old, new = workspace.database, workspace.new_database
    with workspace.open_store() as store:
        erasure = choose(store)
    seen = _stamp(old)
    try:
        rows = rewrite.write_without(old, new, erasure)
        if _stamp(old) != seen:
            raise StoreLockedError(
                f"{old} was changed by another program meanwhile; nothing was erased. Close that program and try again"
            )
        _replace(new, old)
    finally:
        workspace.remove_leftovers()
    return rows


def _stamp(database: Path) -> tuple[int, int, bool]:
    stat = database.stat()
    return stat.st_size, stat.st_mtime_ns, database.with_name(f"{database.name}.wal").exists()


def _replace(new: Path, old: Path) -> None:
    """Replace the old file by the new one, durably, and overwrite the old content."""
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
                    "the old database has another hard link, which still contains the erased data: remove it"
                )
            else:
                _overwrite(former.fileno())
    except OSError as error:
        raise StoreError(
            f"{old} cannot be replaced {because(error)}, and run the command again; nothing is lost"
        ) from error


def _overwrite(handle: int) -> None:
    """Overwrite a whole file; best effort, because disks may keep the old blocks."""
    size = os.fstat(handle).st_size
    os.lseek(handle, 0, os.SEEK_SET)
    for start in range(0, size, _CHUNK):
        os.write(handle, bytes(min(_CHUNK, size - start)))
    os.fsync(handle)


def _remove_files(workspace: Workspace) -> Iterator[Path]:
    """Remove files that show or name people and can be made again; yields their paths."""
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
        # Never the content of a hard link: it has another name elsewhere.
        if not path.is_symlink() and path.stat().st_nlink == 1:
            with path.open("rb+") as stream:
                _overwrite(stream.fileno())
        path.unlink()
    except OSError as error:
        raise WorkspaceError(
            f"{path} cannot be erased {because(error)}, and run the command again; nothing is erased from the database "
            "yet"
        ) from error
