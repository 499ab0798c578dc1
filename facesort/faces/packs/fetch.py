"""Bring a published pack into the user's folder of packs: over the network, or from a folder that has its files."""

from __future__ import annotations

import json
import logging
import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO

from filelock import FileLock, Timeout

from facesort.errors import PackError, because
from facesort.faces.packs.download import Progress, PublishedFile, download
from facesort.faces.packs.files import MANIFEST, model_sha256, read_pack
from facesort.faces.packs.known import expected_hashes
from facesort.faces.packs.published import PublishedPack
from facesort.faces.protocol import ModelPack
from facesort.files import (
    Kind,
    kind_of,
    make_own_folder,
    open_regular,
    publish,
    remove_own,
    remove_own_folder,
    stream_synced,
    sync_folder,
    write_anew,
)

log = logging.getLogger(__name__)

_MOST_IN_ARCHIVE = 100
_LARGEST_UNPACKED = 1 << 30  # bytes of one model
_CHUNK = 1 << 20
_OF_A_KILLED = re.compile(r".*\.onnx|pack\.json")


def fetch_pack(
    pack: PublishedPack,
    packs: Path,
    *,
    origin: str | None = None,
    progress: Progress = lambda *_: None,
) -> ModelPack:
    """Download a pack into ``packs / NAME``, verify it, and record the hashes of its files.

    The pack appears under its name only when it is complete and verified; until then its files are in the hidden folder
    ``.fetching-NAME`` beside it, which an interrupted download leaves for the next one.  An existing pack is only read
    again.

    Parameters
    ----------
    packs : Path
        Created if missing; InsightFace's own is ``~/.insightface/models``.
    origin : str, optional
        A folder, or the address of one, that has the files in place of their publishers.

    Raises
    ------
    PackError
        If the download fails, a file is not the published one, or the folder cannot be written.
    """
    target = packs / pack.name
    if os.path.lexists(target):
        return read_pack(target)
    with building(target) as folder:
        for file in pack.files:
            _bring(file, folder, origin, progress)
        if pack.files[0].name.endswith(".zip"):
            _unpack(folder, pack.files[0].name)
    log.info("fetched %s into %s", pack.name, target)
    return read_pack(target)


def _bring(file: PublishedFile, folder: Path, origin: str | None, progress: Progress) -> None:
    if origin is None or re.match(r"https?://", origin):
        download(file, folder, mirror=origin, progress=progress)
        return
    source = Path(os.path.expanduser(origin)) / file.name
    if "://" in origin:
        raise PackError(f"--from {origin!r} is neither a folder nor an address of http or https")
    copied = copy_in(source, folder, most=file.size)
    if copied != file.sha256:
        remove_own(folder / file.name, below=folder)
        raise PackError(
            f"{source} is another file than its publisher's (SHA-256 {copied}, not {file.sha256}); it was not kept"
        )


@contextmanager
def building(target: Path) -> Iterator[Path]:
    """A hidden folder beside a pack's, which gets the pack's name when what was done in it went well.

    Raises
    ------
    PackError
        If another process is at it, or it cannot be written.
    """
    packs, name = target.parent, target.name
    hidden, lock_path = packs / f".fetching-{name}", packs / f".fetching-{name}.lock"
    try:
        packs.mkdir(parents=True, exist_ok=True)
        lock = FileLock(lock_path, timeout=0)
        lock.acquire()
    except Timeout:
        raise PackError(f"{name} is being fetched by another process: wait for it") from None
    except OSError as error:
        raise PackError(f"{packs} cannot be written {because(error)}") from error
    try:
        make_own_folder(hidden, below=packs)
        yield hidden
        _record(hidden, name)
        sync_folder(hidden)
        publish(hidden, target)
        sync_folder(packs)
    except FileExistsError as error:
        raise PackError(
            f"{target} is there already: move it away, or take what is there"
        ) from error
    except OSError as error:
        raise PackError(
            f"{target} cannot be written {because(error)}, and fetch it again"
        ) from error
    finally:
        with suppress(OSError):
            remove_own_folder(hidden, below=packs)  # if it is empty
        with suppress(OSError):  # Windows removes it with its release
            remove_own(lock_path, below=packs)
        lock.release()


def copy_in(source: Path, folder: Path, *, most: int) -> str:
    """Copy a file that somebody brings into a folder of facesort's own; returns its SHA-256.

    Raises
    ------
    PackError
        If it is not there, is a link, a device or anything else but a file, or has more bytes.
    """
    kind = kind_of(source)
    if kind is not Kind.FILE:
        raise PackError(f"{source} is {'not there' if kind is None else f'a {kind}, not a file'}")
    remove_own(folder / source.name, below=folder)
    try:
        stream = open_regular(source)
    except OSError as error:
        raise PackError(f"{source} cannot be read {because(error)}") from error
    with stream:
        return stream_synced(folder / source.name, _at_most(stream, most, source))


def _at_most(stream: IO[bytes], most: int, source: Path) -> Iterator[bytes]:
    left = most
    while True:
        try:
            chunk = stream.read(_CHUNK)
        except OSError as error:
            raise PackError(f"{source} cannot be read {because(error)}") from error
        if not chunk:
            return
        left -= len(chunk)
        if left < 0:
            raise PackError(f"{source} has more than {most:,} bytes: it is another file")
        yield chunk


def _unpack(folder: Path, archive: str) -> None:
    """Take the models out of an archive, whatever folders they are in, and remove it."""
    remove_own_folder(folder, _OF_A_KILLED, below=folder.parent)
    try:
        with zipfile.ZipFile(folder / archive) as packed:
            models = [info for info in packed.infolist() if info.filename.endswith(".onnx")]
            if len(models) > _MOST_IN_ARCHIVE:
                raise PackError(
                    f"{archive} has more than {_MOST_IN_ARCHIVE} models; nothing was kept"
                )
            for info in models:
                name = PurePosixPath(info.filename).name
                with packed.open(info) as stream:
                    stream_synced(folder / name, _at_most(stream, _LARGEST_UNPACKED, Path(name)))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        remove_own(folder / archive, below=folder)
        raise PackError(
            f"{archive} cannot be unpacked ({error}); it was not kept, try again"
        ) from error
    remove_own(folder / archive, below=folder)


def _record(folder: Path, name: str) -> None:
    """Check what InsightFace published, and write down the hashes of the models."""
    hashes = {path.name: model_sha256(path) for path in sorted(folder.glob("*.onnx"))}
    for file, expected in expected_hashes(list(hashes)).items():
        if hashes[file] != expected:
            remove_own(folder / file, below=folder)
            raise PackError(
                f"{file} of {name} is not the file that InsightFace published "
                f"(SHA-256 {hashes[file]}); it was not kept, try again"
            )
    read_pack(folder)
    record = json.dumps({"name": name, "files": hashes}, indent=2) + "\n"
    write_anew(folder / MANIFEST, record.encode(), below=folder)
