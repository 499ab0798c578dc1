"""The archive of a backup: a zip with a workspace's database and settings, and their checksums.

One that is read may come from anybody: whatever it says of itself, only the expected members are read, and never more
of them than its manifest lists.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from facesort.files import NotOursError, create_own, open_own, open_regular
from facesort.settings import problems

MANIFEST = "manifest.json"
DATABASE = "facesort.duckdb"
SETTINGS = "facesort.toml"
MEMBERS = (DATABASE, SETTINGS)
_CHUNK = 1 << 20
_MANIFEST_BYTES = 1 << 16
_SETTINGS_BYTES = 1 << 20
# What zipfile and zlib raise for archives that are damaged, or made to.
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    RuntimeError,
    ValueError,
    KeyError,
    OverflowError,
)


class _Member(BaseModel):
    model_config = ConfigDict(strict=True)

    size: int = Field(ge=0)
    sha256: str


class Manifest(BaseModel):
    """What an archive says of itself.

    Parameters
    ----------
    facesort : str
        Version that wrote it.
    created_at : str
        ISO 8601, UTC.
    files : dict of str to _Member
        Size and checksum of the database and of the settings.
    """

    model_config = ConfigDict(strict=True)

    format: Literal[1] = 1
    facesort: str
    created_at: str
    files: dict[str, _Member]


class NotABackupError(ValueError):
    """A file is not an archive of facesort, or is damaged; the message says why."""


class _SmallReads(io.BufferedReader):
    """A file of which little is read at once: zipfile reads the list of members whole, however long it says it is."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read up to `size` bytes."""
        whole = size is None or size < 0
        data = super().read(_CHUNK + 1 if whole else min(size or 0, _CHUNK + 1))
        if len(data) > _CHUNK:
            raise zipfile.BadZipFile("its list of members is too long")
        return data


@contextmanager
def opened(path: Path) -> Iterator[tuple[zipfile.ZipFile, Manifest]]:
    """Open an archive and read its manifest.

    Raises
    ------
    NotABackupError
        If it is not a file or not a whole backup; also later, from whatever is read of it.
    OSError
        If it cannot be read.
    """
    try:
        with (
            open_regular(path) as file,
            _SmallReads(io.FileIO(file.fileno(), closefd=False)) as stream,
            zipfile.ZipFile(stream) as archive,
        ):
            with _member(archive, MANIFEST) as member:
                text = member.read(_MANIFEST_BYTES)
            yield archive, Manifest.model_validate_json(text)
    except NotOursError as error:
        raise NotABackupError(f"it {error.strerror}") from error
    except ValidationError as error:
        raise NotABackupError(f"its manifest: {problems(error)[0]}") from error
    except _UNREADABLE as error:
        raise NotABackupError(str(error).partition("\n")[0]) from error


def made_at(path: Path) -> str | None:
    """When an archive was made; None if it is not one.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    try:
        with opened(path) as (_, manifest):
            return manifest.created_at
    except NotABackupError:
        return None


def _member(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    if archive.getinfo(name).compress_type not in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
        raise zipfile.BadZipFile(
            f"{name} is compressed in another way"
        )  # zipfile cannot bound those
    return archive.open(name)


def extract(archive: zipfile.ZipFile, manifest: Manifest, folder: Path) -> None:
    """Extract database and settings into a folder, under fixed names, and compare their checksums.

    Raises
    ------
    NotABackupError
        If they are not as listed.
    OSError
        If the disk is full or fails; what was extracted stays.
    """
    for name in MEMBERS:
        if name not in manifest.files:
            raise NotABackupError(f"its manifest does not list {name}")
    needed = sum(manifest.files[name].size for name in MEMBERS)
    if needed > shutil.disk_usage(folder).free:
        raise OSError(errno.ENOSPC, f"it unpacks to {needed:,} bytes, and the disk has less")
    if manifest.files[SETTINGS].size > _SETTINGS_BYTES:
        raise NotABackupError(f"its {SETTINGS} has more than {_SETTINGS_BYTES:,} bytes")
    for name in MEMBERS:
        _extract(archive, name, folder / name, manifest.files[name])


def _extract(archive: zipfile.ZipFile, name: str, path: Path, listed: _Member) -> None:
    digest, left = hashlib.sha256(), listed.size
    with _member(archive, name) as member, create_own(path, private=True) as target:
        # Never more than listed: a small archive can unpack to any size.
        while chunk := member.read(min(_CHUNK, left + 1)):
            left -= len(chunk)
            if left < 0:
                break
            digest.update(chunk)
            target.write(chunk)
        target.flush()
        os.fsync(target.fileno())
    if left or digest.hexdigest() != listed.sha256:
        raise NotABackupError(f"the checksum of {name} in it is wrong")


def fill(archive: zipfile.ZipFile, folder: Path, manifest: Manifest) -> Manifest:
    """Add database and settings of a workspace, and the manifest; returns it with what was read."""
    files = {name: _add(archive, name, folder / name) for name in MEMBERS}
    complete = manifest.model_copy(update={"files": files})
    archive.writestr(MANIFEST, complete.model_dump_json(indent=1))
    return complete


def _add(archive: zipfile.ZipFile, name: str, path: Path) -> _Member:
    """Add one file; returns the size and checksum of what was read."""
    digest, size = hashlib.sha256(), 0
    with (
        open_own(path, below=path.parent) as source,
        archive.open(name, "w", force_zip64=True) as member,
    ):
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            member.write(chunk)
    return _Member(size=size, sha256=digest.hexdigest())
