"""``corrections.csv``: the output is append-only, so what turned out wrong there is listed for people to act on."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

from facesort.errors import WorkspaceError
from facesort.files import replace_file
from facesort.store import Store
from facesort.store.queries.corrections import Correction, corrections
from facesort.workspace import Workspace

_COLUMNS = ("file", "photo", "person", "why", "belongs_to")


def write_corrections(workspace: Workspace, store: Store) -> list[Correction]:
    """Write the list of files that are not right any more, in place of the last one.

    Returns
    -------
    list of Correction
        As written; the file has only its header if there is none.

    Raises
    ------
    WorkspaceError
        If it cannot be written.
    """
    found = corrections(store)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_COLUMNS)
    rows.writerows(
        (c.file, c.photo, c.person or c.file.split("/")[0], c.why, "; ".join(c.belongs_to))
        for c in found
    )
    # The mark tells spreadsheets that names are UTF-8.
    _replace(workspace.corrections, text.getvalue().encode("utf-8-sig"))
    return found


def _replace(path: Path, data: bytes) -> None:
    try:
        replace_file(path, data)
    except OSError as error:
        raise WorkspaceError(
            f"{path} cannot be written ({os.strerror(error.errno or 0)}): close it in other programs, or free some "
            "space, and run the command again; nothing else is affected"
        ) from error
