"""Backup and restore: one archive with a workspace's database and settings, and their checksums.

Left out is what can be made again (staged copies, progress files, the list of corrections), and model packs.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from facesort.clock import utc_text
from facesort.errors import WorkspaceError, because
from facesort.files import publish, sync_folder
from facesort.settings import load_settings
from facesort.store import Store
from facesort.version import __version__
from facesort.workspace import Workspace, lies_in

_MANIFEST = "manifest.json"
_MEMBERS = ("facesort.duckdb", "facesort.toml")
_FORMAT = 1
_CHUNK = 1 << 20
_MANIFEST_BYTES = 1 << 16
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    RuntimeError,
    ValueError,
    KeyError,
    TypeError,
)


@dataclass(frozen=True, slots=True)
class Backup:
    """Description of a backup.

    Parameters
    ----------
    created_at : str
        ISO 8601, UTC.
    version : str
        Of facesort when it was written.
    sizes : dict of str to int
        Bytes of each file in it.
    """

    path: Path
    created_at: str
    version: str
    sizes: dict[str, int]


def backup(workspace: Workspace, path: Path) -> Backup:
    """Copy the database and the settings into one new file that only its owner can read.

    Parameters
    ----------
    path : Path
        Must not exist; a zip archive whatever its name.

    Raises
    ------
    WorkspaceError
        If the file exists, cannot be written, or would lie in the source, the output or the workspace.
    WorkspaceBusyError
        While a sort is running.
    StoreLockedError
        If another program has the workspace open.
    """
    path = path.absolute()
    _refuse_places(workspace, path)
    with workspace.sorting_lock():
        workspace.open_store().close()  # a checkpoint: nothing is left in the write-ahead log
        # Held open, so that nobody writes meanwhile.
        with workspace.open_store(read_only=True), _new_archive(path) as archive:
            files = {name: _add(archive, name, workspace.root / name) for name in _MEMBERS}
            manifest = {
                "format": _FORMAT,
                "facesort": __version__,
                "created_at": utc_text(),
                "files": files,
            }
            archive.writestr(_MANIFEST, json.dumps(manifest, indent=1))
    return _described(path, manifest)


def _described(path: Path, manifest: dict[str, Any]) -> Backup:
    sizes = {name: int(manifest["files"][name]["size"]) for name in _MEMBERS}
    return Backup(path, str(manifest["created_at"]), str(manifest["facesort"]), sizes)


def _refuse_places(workspace: Workspace, path: Path) -> None:
    settings = workspace.settings
    places = (
        ("source", settings.source),
        ("output", settings.output),
        ("workspace", workspace.root),
    )
    for name, place in places:
        if lies_in(path, place):
            raise WorkspaceError(
                f"{path} would lie inside the {name} {place}, but it contains biometric data: choose another place"
            )


@contextmanager
def _new_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Write an archive under a temporary name, and rename it when it is complete and on the disk."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        temporary.unlink(missing_ok=True)  # of a backup that was interrupted
        with _private_file(temporary) as stream:
            with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                yield archive
            stream.flush()
            os.fsync(stream.fileno())
        publish(temporary, path)
        sync_folder(path.parent)
    except FileExistsError as error:
        raise WorkspaceError(f"{path} exists already: give another name") from error
    except OSError as error:
        raise WorkspaceError(
            f"{path} cannot be written {because(error)}, or give another place; the workspace is unchanged"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _private_file(path: Path) -> BinaryIO:
    """Create a file that only its owner can read."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY, 0o600), "wb")


_BINARY = getattr(os, "O_BINARY", 0)  # on Windows


def _add(archive: zipfile.ZipFile, name: str, path: Path) -> dict[str, Any]:
    """Add one file; returns the size and checksum of what was read."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as source, archive.open(name, "w", force_zip64=True) as member:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            member.write(chunk)
    return {"size": size, "sha256": digest.hexdigest()}


def restore(path: Path, root: Path) -> Backup:
    """Make a workspace from a backup, completely or not at all.

    Parameters
    ----------
    path : Path
        A file that `backup` wrote.
    root : Path
        Must not exist, or be empty.

    Raises
    ------
    WorkspaceError
        If the folder is not empty, or the file is not a backup, or is damaged.
    SchemaVersionError
        If a newer facesort wrote it.
    StoreError, SettingsError
        If what is in it cannot be used.
    """
    root = root.absolute()
    if os.path.lexists(root) and not (root.is_dir() and not any(root.iterdir())):
        raise WorkspaceError(f"{root} is not empty: give a new folder with --workspace")
    # Under a temporary name, until it is complete.
    folder = root.with_name(f".{root.name}.restoring")
    try:
        if folder.exists():
            shutil.rmtree(folder)  # of a restore that was interrupted
        folder.mkdir(parents=True, mode=0o700)
        found = _unpack(path, folder)
        Store.open(folder / "facesort.duckdb").close()
        load_settings(folder / "facesort.toml")
        if root.is_dir():
            root.rmdir()
        folder.rename(root)
        sync_folder(root.parent)
    except OSError as error:
        raise WorkspaceError(
            f"{path} cannot be restored to {root} {because(error)}, and run the command again"
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return found


def _unpack(path: Path, folder: Path) -> Backup:
    """Extract the expected files under fixed names, and compare their checksums."""
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = _manifest(archive)
            for name in _MEMBERS:
                listed = manifest["files"][name]
                _extract(archive, name, folder / name, (int(listed["size"]), str(listed["sha256"])))
            return _described(path, manifest)
    except _UNREADABLE as error:
        raise WorkspaceError(
            f"{path} is not a complete facesort backup ({error}): use another one; nothing was changed"
        ) from error


def _manifest(archive: zipfile.ZipFile) -> dict[str, Any]:
    with archive.open(_MANIFEST) as member:
        manifest = json.loads(member.read(_MANIFEST_BYTES))
    if manifest["format"] != _FORMAT:
        raise ValueError(f"its format is {manifest['format']}, this version reads {_FORMAT}")
    return dict(manifest)


def _extract(archive: zipfile.ZipFile, name: str, path: Path, listed: tuple[int, str]) -> None:
    digest, left = hashlib.sha256(), listed[0]
    with archive.open(name) as member, _private_file(path) as target:
        # Never more than listed: a small archive can unpack to any size.
        while chunk := member.read(min(_CHUNK, left + 1)):
            left -= len(chunk)
            if left < 0:
                break
            digest.update(chunk)
            target.write(chunk)
        target.flush()
        os.fsync(target.fileno())
    if left or digest.hexdigest() != listed[1]:
        raise ValueError(f"the checksum of {name} in it is wrong")
