"""Uploaded photos: on disk only while they are analysed, and only in the workspace."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pathvalidate import sanitize_filename

from facesort.files import create_own, make_own_folder, remove_own_folder
from facesort.workspace import Workspace, leave_alone


@contextmanager
def private_files(
    workspace: Workspace, uploads: Sequence[tuple[str, bytes]]
) -> Iterator[list[Path]]:
    """Write uploads to temporary files that only the owner can read.

    Parameters
    ----------
    uploads : sequence of (file name, content)
        Names as a browser sends them: never trusted as paths, and two may be the same.

    Yields
    ------
    list of Path
        In the same order; each still has its name as far as that is safe.
    """
    # In the workspace, because temporary folders of the system may be on another disk, or readable by others.
    folder = Path(tempfile.mkdtemp(prefix="upload-", dir=workspace.root))
    paths = [folder / str(number) / _safe(name) for number, (name, _) in enumerate(uploads)]
    try:
        for path, (_, content) in zip(paths, uploads, strict=True):
            make_own_folder(path.parent, below=workspace.root)
            with create_own(path, private=True) as stream:
                stream.write(content)
        yield paths
    finally:
        for path in paths:
            name = re.compile(re.escape(path.name))
            leave_alone(remove_own_folder(path.parent, name, below=workspace.root))
        leave_alone(remove_own_folder(folder, below=workspace.root))


def _safe(name: str) -> str:
    safe = sanitize_filename(name.replace("\\", "/").rpartition("/")[2], platform="universal")
    return safe.lstrip(" .") or "photo"
