"""Check that the output disk is there, before anything is concluded from a missing file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from facesort.engine.sources.root_folder import RootFolder
from facesort.errors import OutputError, because
from facesort.files import sync_folder


def check_output(
    path: Path, written: Sequence[str], accepted: RootFolder | None = None
) -> RootFolder:
    """Check the output folder at the start of a sort; create it if nothing was written there yet.

    Parameters
    ----------
    written : sequence of str
        A few files that were written before, relative to the folder.
    accepted : RootFolder, optional
        A folder that need not hold any of them, because the user said so.

    Raises
    ------
    OutputError
        If it is missing or not writable, or holds none of these files.
    """
    if (
        written
        and not any(os.path.lexists(path / copy) for copy in written)
        and accepted != RootFolder.maybe_missing(path)
    ):
        raise OutputError(another_output(path))
    try:
        made = [folder for folder in (path, *path.parents) if not folder.exists()]
        path.mkdir(parents=True, exist_ok=True)
        for folder in made:  # or a power cut could lose the folder and everything in it
            sync_folder(folder.parent)
    except OSError as error:
        raise OutputError(
            f"output {path} cannot be created {because(error)}, or change the folder in facesort.toml"
        ) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise OutputError(
            f"output {path} is read-only: change its permissions or mount it writable"
        )
    return RootFolder.of(path)


def another_output(path: Path) -> str:
    """Say that none of what was written to the output is there, and how to go on."""
    return (
        f"output {path} holds none of the files that were written to it before: it looks unmounted or emptied. "
        "Mount the right disk and run the command again. If the folder was moved or copied, or is lost, "
        "`facesort verify --accept-output DIR` makes DIR the output (an empty folder too), and "
        "`facesort verify --repair` writes what is missing in it again"
    )
