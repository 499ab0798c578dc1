"""Uploaded photos: on disk only while they are analysed, and only in the workspace."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pathvalidate import sanitize_filename

from facesort.workspace import Workspace


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
    with tempfile.TemporaryDirectory(prefix="upload-", dir=workspace.root) as folder:
        yield [_write(Path(folder) / str(number), *upload) for number, upload in enumerate(uploads)]


def _write(folder: Path, name: str, content: bytes) -> Path:
    folder.mkdir()
    safe = sanitize_filename(name.replace("\\", "/").rpartition("/")[2], platform="universal")
    path = folder / (safe.lstrip(" .") or "photo")
    path.write_bytes(content)
    return path
