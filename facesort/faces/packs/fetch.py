"""Download InsightFace's published packs; nothing else in facesort uses the network."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from facesort.errors import PackError, because
from facesort.faces.packs.files import MANIFEST, model_sha256, read_pack
from facesort.faces.packs.known import FETCHABLE, expected_hashes
from facesort.faces.protocol import ModelPack
from facesort.files import publish, write_synced

log = logging.getLogger(__name__)

Downloader = Callable[[str, Path], None]
"""Downloads the named pack into ``folder / name``."""


def insightface_download(name: str, folder: Path) -> None:
    """Download and unpack one of InsightFace's archives; its output goes to stderr."""
    from insightface.utils.storage import download  # takes 1 s to import

    with contextlib.redirect_stdout(sys.stderr):
        download("", name, force=True, root=str(folder))


def fetch_pack(name: str, root: Path, *, download: Downloader = insightface_download) -> ModelPack:
    """Download a pack into ``root / "models" / name``, verify it, and record the hashes of its files.

    The pack appears under its name only when it is complete and verified.  An existing one is only read again.

    Parameters
    ----------
    name : str
        One of `FETCHABLE`.
    root : Path
        Created if missing; InsightFace's own is ``~/.insightface``.
    download : callable
        Tests pass their own.

    Raises
    ------
    PackError
        If InsightFace publishes no pack of that name, the download fails, or a file is not the one that InsightFace
        published.
    """
    if name not in FETCHABLE:
        raise PackError(
            f"there is no model pack {name!r} to fetch; choose one of {', '.join(FETCHABLE)}"
        )
    target = root / "models" / name
    if os.path.lexists(target):
        return read_pack(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=target.parent) as scratch:
        folder = _download(name, Path(scratch), download)
        hashes = {path.name: model_sha256(path) for path in sorted(folder.glob("*.onnx"))}
        for file, expected in expected_hashes(list(hashes)).items():
            if hashes[file] != expected:
                raise PackError(
                    f"{file} of {name} is not the file that InsightFace published "
                    f"(SHA-256 {hashes[file]}); nothing was kept, try again"
                )
        read_pack(folder)
        record = json.dumps({"name": name, "files": hashes}, indent=2) + "\n"
        manifest = folder / MANIFEST
        if os.path.lexists(manifest):
            raise PackError(f"{name} came with a {MANIFEST} of its own; nothing was kept")
        write_synced(manifest, record.encode())
        try:
            publish(folder, target)
        except OSError as error:
            raise PackError(
                f"{target} cannot be written {because(error)}, and fetch it again"
            ) from error
    log.info("fetched %s into %s", name, target)
    return read_pack(target)


def _download(name: str, scratch: Path, download: Downloader) -> Path:
    """Download into a scratch folder; return the folder that holds the models."""
    try:
        download(name, scratch)  # errors of requests are OSErrors
    except (ImportError, OSError, RuntimeError, zipfile.BadZipFile) as error:
        raise PackError(
            f"{name} could not be downloaded ({error}); try again, or unpack InsightFace's {name}.zip "
            f"into {scratch.parent / name} yourself"
        ) from error
    nested = scratch / name / name  # antelopev2.zip contains a folder of the same name
    return nested if nested.is_dir() else scratch / name
