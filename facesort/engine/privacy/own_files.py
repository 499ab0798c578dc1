"""Files of a workspace that show or name people and can be made again: `forget` erases them first.

They are known by the names that facesort gives.  Everything else stays, and is named to the user.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from facesort.engine.delivery.derivative_folder import DerivativeFolder
from facesort.engine.privacy.known_backups import LIST
from facesort.errors import WorkspaceError, because
from facesort.files import Kind, kind_of, open_own, remove_own, remove_own_folder
from facesort.workspace import Workspace

_CHUNK = 1 << 20
_DEPTH = 3
_STATE = "(progress|heartbeat|counted|looked_at)"
# Paths of what is erased, part by part; a name with a dot and `.new` is that of an interrupted write.
_ERASED = tuple(
    tuple(map(re.compile, parts))
    for parts in (
        ("staging", r"\d{6,}", r"[0-9a-f]{64}\.jpg"),
        ("clips", r"[0-9a-f]{64}", r"\d{6,}\.npz|\.\d{6,}\.npz\.new"),
        ("state", rf"{_STATE}\.json|\.{_STATE}\.json\.new"),
        ("state", r"index\.(parquet|jsonl)"),
        ("state", "batches", r"\d{6,}\.json|\.\d{6,}\.json\.new"),
        (r"upload-\w{8}", r"\d+", r"[^/]+"),  # of an older facesort
        (r"facesort\.duckdb\.tmp", r"duckdb_temp_[^/]+"),
        (r"corrections\.csv|\.corrections\.csv\.new",),
        ("derivatives", r"persons\.json|\.persons\.json\.new"),
    )
)
_EMPTY = tuple(
    tuple(map(re.compile, parts))
    for parts in (
        ("staging", r"\d{6,}"),
        ("clips", r"[0-9a-f]{64}"),
        ("clips",),
        (r"upload-\w{8}", r"\d+"),
        (r"upload-\w{8}",),
        (r"facesort\.duckdb\.tmp",),
    )
)
# What stays: no people in it, or it is rewritten, or it belongs to the process that forgets.
_KEPT = frozenset(
    {
        ("facesort.toml",),
        ("facesort.duckdb",),
        ("facesort.duckdb.wal",),
        ("sort.lock",),
        ("publish.lock",),
        (LIST,),
        ("state", "owner.json"),
        ("state", "output.json"),
    }
)


def erase_files(workspace: Workspace) -> tuple[list[Path], list[Path]]:
    """Erase such files, but not derivatives: see `erase_derivatives`.

    Returns
    -------
    list of Path
        What was erased.
    list of Path
        What is left because facesort did not make it, or not under this name.

    Raises
    ------
    WorkspaceError
        If the disk is full or fails.
    """
    root = workspace.root
    erased, left = [], []
    derivatives = set(DerivativeFolder.of(workspace).others(()))
    for path in _entries(root, _DEPTH):
        parts = path.relative_to(root).parts
        if kind_of(path) is Kind.FILE and _matches(parts, _ERASED):
            _erase(path, root)
            erased.append(path)
        elif path not in derivatives and parts not in _KEPT and parts[0] != workspace.packs.name:
            left.append(path)
    _remove_empty_folders(root)
    return erased, left


def erase_derivatives(workspace: Workspace, needed: Collection[str]) -> list[Path]:
    """Erase derivatives but those with some names; returns what was erased.

    Raises
    ------
    WorkspaceError
        If the disk fails.
    """
    erased = list(DerivativeFolder.of(workspace).others(needed))
    for path in erased:
        _erase(path, workspace.root)
    return erased


def _entries(folder: Path, depth: int) -> Iterator[Path]:
    """Whatever is in a folder and those below it that is not itself a folder; no link is followed."""
    for path in sorted(folder.iterdir()):
        if depth > 1 and kind_of(path) is Kind.FOLDER:
            yield from _entries(path, depth - 1)
        else:
            yield path


def _matches(parts: tuple[str, ...], rules: tuple[tuple[re.Pattern[str], ...], ...]) -> bool:
    return any(
        len(rule) == len(parts)
        and all(p.fullmatch(part) for p, part in zip(rule, parts, strict=True))
        for rule in rules
    )


def _remove_empty_folders(root: Path) -> None:
    folders = [
        path for path in (*root.glob("*/*"), *root.glob("*")) if kind_of(path) is Kind.FOLDER
    ]
    for path in folders:
        if _matches(path.relative_to(root).parts, _EMPTY):
            remove_own_folder(path, below=root)


def _erase(path: Path, root: Path) -> None:
    try:
        with open_own(path, below=root, write=True) as stream:
            # Never the content of a hard link: it has another name elsewhere.
            if os.fstat(stream.fileno()).st_nlink == 1:
                overwrite(stream.fileno())
        remove_own(path, below=root)
    except OSError as error:
        raise WorkspaceError(
            f"{path} cannot be erased {because(error)}, and run the command again; nothing is erased from the database "
            "yet"
        ) from error


def overwrite(handle: int) -> None:
    """Overwrite a whole file; best effort, because disks may keep the old blocks."""
    size = os.fstat(handle).st_size
    os.lseek(handle, 0, os.SEEK_SET)
    for start in range(0, size, _CHUNK):
        os.write(handle, bytes(min(_CHUNK, size - start)))
    os.fsync(handle)
