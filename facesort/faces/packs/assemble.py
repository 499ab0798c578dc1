"""How a pack's folder comes into being: in a hidden folder beside it, and under its name only when all is there."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO

from filelock import FileLock, Timeout

from facesort.errors import PackError, because
from facesort.faces.packs.description import DESCRIPTION
from facesort.faces.packs.files import MANIFEST, model_sha256, read_pack
from facesort.faces.packs.known import expected_hashes
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

_MOST_IN_ARCHIVE = 100
_LARGEST_UNPACKED = 1 << 30  # bytes of one model
_CHUNK = 1 << 20
_OF_A_PACK = re.compile(r".*\.onnx|.*\.dat|pack\.json|pack\.toml")
_ANY_BUT_A_PART = re.compile(r"(?s:.*)(?<!\.part)")  # a described file may have any name


@contextmanager
def building(target: Path, *, goes_on: bool) -> Iterator[Path]:
    """A hidden folder beside a pack's, which gets the pack's name when what was done in it went well and it is a pack.

    Parameters
    ----------
    target : Path
        The pack's folder; the one it is in is created if missing.
    goes_on : bool
        What is in the hidden folder stays when something fails, and is there the next time.

    Raises
    ------
    PackError
        If another process is at it, it cannot be written, or it is no pack in the end.
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
        if not goes_on:
            clear(hidden)
        yield hidden
        if kind_of(hidden / DESCRIPTION) is None:
            _record(hidden, name)
        _keep_only(hidden, read_pack(hidden))
        hidden.chmod(packs.stat().st_mode & 0o755 | 0o700)  # whoever reads other packs reads this
        sync_folder(hidden)
        publish(hidden, target)
        sync_folder(packs)
    except FileExistsError as error:
        raise PackError(f"{target} is there already: move it away, or use it") from error
    except OSError as error:
        raise PackError(
            f"{target} cannot be written {because(error)}, and run the same command again"
        ) from error
    finally:
        with suppress(OSError):  # it may be a link, which is not ours
            remove_own_folder(hidden, None if goes_on else _ANY_BUT_A_PART, below=packs)
        with suppress(OSError):  # Windows removes it with its release
            remove_own(lock_path, below=packs)
        lock.release()


def clear(folder: Path) -> None:
    """Remove what belongs to a pack from a folder of facesort's own; downloads stay."""
    for path in folder.iterdir():
        if _OF_A_PACK.fullmatch(path.name):
            remove_own(path, below=folder)


def _keep_only(folder: Path, pack: ModelPack) -> None:
    """Remove what an earlier command left that is no part of the pack: a download that broke off, another's model."""
    models = pack.kind == "insightface"  # all of InsightFace's stay: other programs use them
    named = {MANIFEST if models else DESCRIPTION} | {file for file, _ in pack.files}
    for path in folder.iterdir():
        if path.name not in named and not (models and path.suffix == ".onnx"):
            remove_own(path, below=folder)


def copy_in(source: Path, folder: Path, name: str, *, most: int) -> str:
    """Copy a file that somebody brings into a folder of facesort's own; returns its SHA-256.

    Raises
    ------
    PackError
        If it is not there, is a link, a device or anything else but a file, or has more bytes.
    """
    try:
        kind = kind_of(source)
        if kind is not Kind.FILE:
            raise PackError(
                f"{source} is {'not there' if kind is None else f'a {kind}, not a file'}"
            )
        stream = open_regular(source)
    except OSError as error:
        raise PackError(f"{source} cannot be read {because(error)}") from error
    remove_own(folder / name, below=folder)
    with stream:
        return stream_synced(folder / name, _at_most(stream, most, source))


def unpack(archive: Path) -> None:
    """Take the models out of an archive of InsightFace's, whatever folders they are in, and remove it.

    Raises
    ------
    PackError
        If it cannot be unpacked; it is removed then, too.
    """
    folder = archive.parent
    clear(folder)  # of one who was killed
    try:
        with zipfile.ZipFile(archive) as packed:
            models = [info for info in packed.infolist() if info.filename.endswith(".onnx")]
            if len(models) > _MOST_IN_ARCHIVE:
                raise PackError(f"{archive.name} has more than {_MOST_IN_ARCHIVE} models")
            for info in models:
                name = PurePosixPath(info.filename).name
                with packed.open(info) as stream:
                    stream_synced(folder / name, _at_most(stream, _LARGEST_UNPACKED, Path(name)))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise PackError(f"{archive.name} cannot be unpacked ({error}); try again") from error
    finally:
        remove_own(archive, below=folder)


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


def _record(folder: Path, name: str) -> None:
    """Check what InsightFace published, and write down the hashes of the models."""
    hashes = {path.name: model_sha256(path) for path in sorted(folder.glob("*.onnx"))}
    for file, expected in expected_hashes(list(hashes)).items():
        if hashes[file] != expected:
            raise PackError(
                f"{file} of {name} is not the file that InsightFace published "
                f"(SHA-256 {hashes[file]}); it was not kept, try again"
            )
    record = json.dumps({"name": name, "files": hashes}, indent=2) + "\n"
    write_anew(folder / MANIFEST, record.encode(), below=folder)
