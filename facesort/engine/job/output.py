"""The output folder: recognised by what was written to it, or accepted in another place."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from facesort.core.text.paths import is_of_the_system
from facesort.engine.delivery.verify import Verification, verify_output
from facesort.engine.job.roots import check_output
from facesort.engine.sources.root_folder import RootFolder
from facesort.errors import OutputError, resources_explained
from facesort.files import read_own, remove_own, replace_json
from facesort.settings import save_settings
from facesort.store import Store
from facesort.store.queries.delivery.commit_log import LoggedWrite, some_targets, verified_writes
from facesort.store.queries.delivery.corrections import no_longer_needed
from facesort.workspace import Workspace, refuse_nested


def open_output(workspace: Workspace, store: Store) -> RootFolder:
    """Check the output folder before anything is written to it.

    Raises
    ------
    OutputError
        If it is missing, not writable, or holds none of the files that were written to it, and was not accepted.
    """
    return check_output(
        workspace.settings.output, some_targets(store, 1000), accepted=_accepted(workspace)
    )


def accept_output(
    workspace: Workspace,
    folder: Path,
    watch: Callable[[Sequence[LoggedWrite]], Iterable[LoggedWrite]] = iter,
) -> Verification:
    """Make a folder the output: the old one in another place, a copy of it, or an empty one instead of it.

    Parameters
    ----------
    folder : Path
        Must exist; nothing in it is changed.
    watch : callable of (sequence of LoggedWrite) to iterable of the same
        Wraps what is verified; for progress bars.

    Returns
    -------
    Verification
        What is in it of all that was written to the output; `repair_output` adds what is missing.

    Raises
    ------
    OutputError
        If it is not a writable folder, or holds files but none of those that were written to the output.
    SettingsError
        If it lies in the source or the workspace, or they in it, or the settings cannot be saved.
    WorkspaceBusyError
        While a sort is running.
    """
    settings = workspace.settings.model_copy(update={"output": folder.resolve()})
    with resources_explained(), workspace.sorting_lock():
        if not settings.output.is_dir():
            raise OutputError(
                f"{settings.output} is not a folder: plug in the disk or make the folder, and run the command again"
            )
        refuse_nested(workspace.root, settings)
        root = check_output(settings.output, [])
        with workspace.open_store(read_only=True) as store:
            writes, unneeded = written(store)
        result = verify_output(root.path, watch(writes)).excusing(unneeded)
        if writes and not result.verified and not _is_empty(root.path):
            raise OutputError(
                f"{root.path} holds files, but none of the {len(writes)} that were written to the output: give the "
                "folder in which they are, or an empty one to begin again"
            )
        _remember(workspace, root, needed=not result.verified)
        if settings.output != workspace.settings.output:
            save_settings(settings, workspace.root / "facesort.toml")
    return result


def written(store: Store) -> tuple[list[LoggedWrite], set[str]]:
    """All files that were written, and those of them that may be gone."""
    return verified_writes(store), no_longer_needed(store)


# --- the mark of an empty output that was accepted ------------------------------------------------


def _mark(workspace: Workspace) -> Path:
    return workspace.state / "output.json"


def _accepted(workspace: Workspace) -> RootFolder | None:
    try:
        value = json.loads(read_own(_mark(workspace), below=workspace.root))
        return RootFolder(Path(value["path"]), int(value["device"]), int(value["inode"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _remember(workspace: Workspace, root: RootFolder, *, needed: bool) -> None:
    """Remember an empty folder until something is in it; one that holds copies is recognised by them."""
    try:
        if needed:
            value = {"path": str(root.path), "device": root.device, "inode": root.inode}
            replace_json(_mark(workspace), value)
        else:
            remove_own(_mark(workspace), below=workspace.root)
    except OSError as error:
        raise OutputError(f"{root.path} cannot be accepted: {error}") from error


def _is_empty(folder: Path) -> bool:
    """Whether no file is in it, except those that systems put on their disks."""
    for _, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not is_of_the_system(name)]
        if not all(map(is_of_the_system, files)):
            return False
    return True
