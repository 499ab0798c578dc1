"""``corrections.csv``: the list of files in the append-only output that are no longer right."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from pathlib import Path

from facesort.core.text.foreign_text import csv_text
from facesort.errors import WorkspaceError, because
from facesort.files import read_own, replace_file
from facesort.store import Store
from facesort.store.queries.delivery.corrections import Correction, corrections
from facesort.workspace import Workspace

log = logging.getLogger(__name__)

_COLUMNS = ("file", "source", "photo", "person", "why", "belongs_to")


def write_corrections(workspace: Workspace, store: Store) -> list[Correction]:
    """Write the list of files that are no longer right, in place of the last one.

    Returns
    -------
    list of Correction
        As written; the file has only its header if there is none.

    Raises
    ------
    WorkspaceError
        If it cannot be written.
    """
    found = listed(workspace, store)
    _write(workspace, found)
    return found


def listed(workspace: Workspace, store: Store) -> list[Correction]:
    """Files of the output that are no longer right; those of somebody who was forgotten only while they are there.

    Their paths have that person's name: once the files are deleted, no list brings it back.
    """
    output = workspace.settings.output
    return [
        found
        for found in corrections(store)
        if found.person is not None or os.path.lexists(output / found.file)
    ]


def update_corrections(workspace: Workspace, store: Store) -> None:
    """Write the list after a change that is stored already, and stands even if the list cannot be written."""
    found = listed(workspace, store)
    try:
        if found or workspace.corrections.exists():
            _write(workspace, found)
    except WorkspaceError as error:
        log.warning("%s", error)


def _write(workspace: Workspace, found: Iterable[Correction]) -> None:
    rows = (
        (c.file, c.source, c.photo, c.person or "", c.why, "; ".join(c.belongs_to)) for c in found
    )
    # The byte order mark tells spreadsheets that names are UTF-8.
    _replace(workspace.corrections, csv_text([_COLUMNS, *rows]).encode("utf-8-sig"))


def _holds(path: Path, data: bytes) -> bool:
    try:
        return read_own(path, below=path.parent, limit=len(data)) == data
    except OSError:
        return False


def _replace(path: Path, data: bytes) -> None:
    try:
        if not _holds(path, data):
            replace_file(path, data)
    except OSError as error:
        raise WorkspaceError(
            f"{path} cannot be written {because(error)}; the next `facesort rematch` writes it, and nothing else is "
            "affected"
        ) from error
