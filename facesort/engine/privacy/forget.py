"""Forget: erase a person, or all unknown faces, from a workspace for good.

Files that can be made again are removed first: staged copies, progress files, uploads.  Then the database is rewritten
without the erased rows, derivatives that it does not list are erased, and it replaces the old one in one rename.
Before the rename nothing is lost, and `forget` can be run again; after it the rows are gone, and the old file is
overwritten where the disk allows it.  What an interruption leaves behind is never the only copy of anything, and is
removed when the workspace is used next.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from facesort.core.delivery.routing import is_target, partial_name
from facesort.engine.delivery.corrections import update_corrections
from facesort.engine.delivery.thumbnails import update_pointer
from facesort.engine.privacy import known_backups
from facesort.engine.privacy.known_backups import KnownBackup
from facesort.engine.privacy.own_files import erase_derivatives, erase_files, overwrite
from facesort.errors import OutputError, StoreError, StoreLockedError, because
from facesort.files import NotOursError, remove_own, sync_folder
from facesort.store import Store
from facesort.store.privacy import rewrite
from facesort.store.privacy.erasure import Erasure, Traces, of_person, of_unknown, traces_of
from facesort.store.queries.delivery.commit_log import some_targets
from facesort.store.queries.delivery.derivatives import needed_files
from facesort.workspace import Workspace

log = logging.getLogger(__name__)

_SAMPLE = 1000  # files by which the output is recognised


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was erased from the workspace, and what was not touched.

    Parameters
    ----------
    traces : Traces
        What was known, and which files were delivered.
    deleted : tuple of str
        Delivered files that are no longer in the output: their paths were erased as well.
    rows : dict of table to int
        Number of erased rows.
    files, left : tuple of Path
        What was removed from the workspace, and what is in it that facesort did not make.
    backups : tuple of KnownBackup
        Archives of the workspace, and what could not be removed or seen of them.
    """

    traces: Traces
    deleted: tuple[str, ...]
    rows: dict[str, int]
    files: tuple[Path, ...]
    left: tuple[Path, ...]
    backups: tuple[KnownBackup, ...]

    @property
    def delivered(self) -> tuple[str, ...]:
        """Files that were delivered for them and are in the output, as far as can be seen."""
        deleted = set(self.deleted)
        return tuple(file for file in self.traces.delivered if file not in deleted)


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

    The commit log keeps the paths of delivered files that are still in the output, folder included: `verify` checks
    them.  Once they are deleted, forgetting the same name again erases their paths.  Nothing outside of the workspace
    is touched but backups and copies that were never finished.

    Parameters
    ----------
    name : str or None
        Of a person; None: all unknown faces.

    Raises
    ------
    WorkspaceBusyError
        While a sort or a publish is running.
    GalleryError
        If nobody is known under that name.
    StoreLockedError
        If another program has the workspace open.
    StoreError, WorkspaceError, OutputError
        If the disk is full or fails; nothing is lost then.
    """
    with workspace.sorting_lock(), workspace.publishing_lock():
        with workspace.open_store() as store:
            traces = _without_half_copies(workspace, traces_of(store, _chosen(store, name)))
            deleted = _no_longer_there(workspace, store, traces) if name is not None else ()
        backups = known_backups.settle(workspace.root)
        files, left = erase_files(workspace)
        rows, derivatives = rewrite_database(
            workspace, lambda store: replace(_chosen(store, name), deleted=deleted)
        )
        with workspace.open_store() as store:
            update_corrections(workspace, store)
            update_pointer(workspace, store)
        files += derivatives
        return Forgotten(traces, deleted, rows, tuple(files), tuple(left), tuple(backups))


def _without_half_copies(workspace: Workspace, traces: Traces) -> Traces:
    """Remove what an interrupted sort began to copy for the person; what is complete counts as delivered.

    No later sort would: the database forgets what was planned.
    """
    output, there = workspace.settings.output, []
    for file in filter(is_target, traces.begun):
        target = output / file
        half = target.with_name(partial_name(target.name, workspace.mark))
        try:
            remove_own(half, below=output)
        except NotOursError:
            log.warning("%s is something else, or its folder is a link: it stays", half)
        except OSError as error:
            raise OutputError(
                f"{half}, an unfinished copy, cannot be removed {because(error)}, and run the command again; nothing "
                "is erased yet"
            ) from error
        if not output.is_dir() or os.path.lexists(target):
            there.append(file)
    return replace(traces, delivered=(*traces.delivered, *there))


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
        rewrite_database(workspace, lambda store: of_unknown(store, keep_boxes=True))
        log.info("the embeddings and crops of %d unknown faces are erased", faces)
    return faces


def _no_longer_there(workspace: Workspace, store: Store, traces: Traces) -> tuple[str, ...]:
    """Which of the delivered files are gone from the output; none if its disk may not be there."""
    output = workspace.settings.output
    if not any(os.path.lexists(output / file) for file in some_targets(store, _SAMPLE)):
        return ()
    return tuple(file for file in traces.delivered if not os.path.lexists(output / file))


def rewrite_database(
    workspace: Workspace, choose: Callable[[Store], Erasure]
) -> tuple[dict[str, int], list[Path]]:
    """Replace the database by one without the chosen rows, and without what was deleted in it before.

    To be called with the sorting lock held and no database open.

    Returns
    -------
    dict of table to int
        Rows that were left out.
    list of Path
        Derivatives that were erased.
    """
    old, new = workspace.database, workspace.new_database
    with workspace.open_store() as store:
        erasure = choose(store)
    seen = _stamp(old)
    workspace.refuse_foreign_database(new)
    try:
        rows = rewrite.write_without(old, new, erasure)
        if _stamp(old) != seen:
            raise StoreLockedError(
                f"{old} was changed by another program meanwhile; nothing was erased. Close that program and try again"
            )
        with Store.open(new, read_only=True) as store:
            needed = {file.name for file in needed_files(store)}
        erased = erase_derivatives(workspace, needed)
        _replace(new, old)
    finally:
        workspace.remove_leftovers()
    return rows, erased


def _stamp(database: Path) -> tuple[int, int, bool]:
    stat = database.stat()
    return stat.st_size, stat.st_mtime_ns, database.with_name(f"{database.name}.wal").exists()


def _replace(new: Path, old: Path) -> None:
    """Replace the old file by the new one, durably, and overwrite the old content."""
    try:
        new.chmod(0o600)
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
                overwrite(former.fileno())
    except OSError as error:
        raise StoreError(
            f"{old} cannot be replaced {because(error)}, and run the command again; nothing is lost"
        ) from error
