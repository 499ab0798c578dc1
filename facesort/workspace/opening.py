"""Making and opening a workspace: only its owner can read it."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path

from facesort.core.text.paths import is_of_the_system
from facesort.errors import (
    SettingsError,
    WorkspaceBusyError,
    WorkspaceError,
)
from facesort.files import (
    Kind,
    kind_of,
    make_own_folder,
)
from facesort.settings import Settings, load_settings, save_settings
from facesort.workspace.apart import refuse_nested
from facesort.workspace.foreign import unwritable
from facesort.workspace.workspace import Workspace

log = logging.getLogger(__name__)

# What an interrupted `create_workspace`, or a user who adds a model pack, may have left in the folder.
_OURS = {
    "packs",
    "state",
    "staging",
    "facesort.duckdb",
    "facesort.duckdb.wal",
    ".facesort.toml.new",
}
RESTORING = "restore.unfinished"  # in a folder that `restore` has not completed


def create_workspace(root: Path, settings: Settings) -> Workspace:
    """Create a workspace.

    Parameters
    ----------
    root : Path
        Created if missing; must not contain a workspace yet.

    Raises
    ------
    WorkspaceError
        If there is one already.
    SettingsError
        If source, output and workspace lie inside each other, or the source is missing.
    """
    root = root.absolute()
    _refuse_unfinished(root)
    if os.path.lexists(root / "facesort.toml"):
        raise WorkspaceError(
            f"{root} is a workspace already: use it, or give another folder with --workspace"
        )
    refuse_nested(root, settings)
    for place in settings.sources.values():
        if not os.path.isdir(place):  # unlike Path's, it says no where a name is too long
            raise SettingsError(
                f"source {place} is not a folder: check --source, or plug in the disk"
            )
    there = {path.name for path in root.iterdir()} if root.is_dir() else set()
    if not all(map(is_of_the_system, there - _OURS)):
        raise WorkspaceError(f"{root} is not empty: give a new or empty folder with --workspace")
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:  # also a file, or a link that leads nowhere
        raise unwritable(root, error) from error
    _restrict_to_owner(root)
    workspace = Workspace(root, settings)
    _make_folders(workspace)
    workspace.open_store().close()
    _restrict_database(workspace)
    save_settings(settings, root / "facesort.toml")  # last: it makes the folder a workspace
    return workspace


def is_workspace(root: Path) -> bool:
    """Whether a workspace was made there."""
    return kind_of(root / "facesort.toml") is not None


def open_workspace(root: Path) -> Workspace:
    """Open an existing workspace.

    Raises
    ------
    WorkspaceError
        If it is not a workspace.
    SettingsError
        If its settings are not valid.
    """
    root = root.absolute()
    _refuse_unfinished(root)
    if not is_workspace(root):
        raise WorkspaceError(
            f"{root} is not a workspace: make one with `facesort init -w {root} --source PHOTOS --output SORTED`"
        )
    settings = load_settings(root / "facesort.toml")
    refuse_nested(root, settings)
    _restrict_to_owner(root)  # it may have been copied, or unpacked from an archive
    workspace = Workspace(root, settings)
    _restrict_database(workspace)
    _make_folders(workspace)
    if workspace.leftovers():
        with suppress(WorkspaceBusyError), workspace.sorting_lock():
            pass  # taking the lock removed them; if it is held, they are in use
    return workspace


def _refuse_unfinished(root: Path) -> None:
    if os.path.lexists(root / RESTORING):
        raise WorkspaceError(
            f"{root} is not a whole workspace: `facesort restore` is at work there, or was interrupted. Run `facesort "
            f"restore BACKUP -w {root}` again, or delete the folder: it may contain biometric data"
        )


def _restrict_to_owner(root: Path) -> None:
    """Let only the owner read a folder; warn where that is not possible."""
    if not _is_open_to_others(root):
        return
    with suppress(OSError):  # owned by another user, or on a read-only disk
        root.chmod(0o700)
    if _is_open_to_others(root):  # FAT and exFAT have no permissions
        log.warning("%s contains biometric data, and other users of this machine can read it", root)


def _is_open_to_others(path: Path) -> bool:
    return os.name != "nt" and bool(path.stat().st_mode & 0o077)


def _restrict_database(workspace: Workspace) -> None:
    """Let only the owner read the database, as every other file; DuckDB creates it as the umask says."""
    path = workspace.database
    if kind_of(path) is not Kind.FILE or not _is_open_to_others(path):
        return
    if path.stat().st_nlink == 1:  # else it is also a file elsewhere, perhaps somebody else's
        with suppress(OSError):  # the folder keeps others out
            path.chmod(0o600)


def _make_folders(workspace: Workspace) -> None:
    """Create missing folders: copies and backups often leave out empty ones."""
    for folder in (workspace.state, workspace.staging):
        try:
            make_own_folder(folder, below=workspace.root)
        except OSError as error:
            readable = os.access(workspace.root, os.X_OK) and kind_of(folder) is None
            if readable and not os.access(workspace.root, os.W_OK):
                continue  # a read-only disk: it can be looked at, and whoever writes is told
            raise unwritable(folder, error) from error
