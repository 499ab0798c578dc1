"""Fetch a published pack: from its publishers, or from a folder or a server that has the same files."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from facesort.errors import PackError
from facesort.faces.packs.assemble import building, copy_in, unpack
from facesort.faces.packs.description import DESCRIPTION
from facesort.faces.packs.download import Progress, PublishedFile, download
from facesort.faces.packs.files import read_pack
from facesort.faces.packs.published import PublishedPack
from facesort.faces.protocol import ModelPack
from facesort.files import remove_own, write_anew

log = logging.getLogger(__name__)


def fetch_pack(
    pack: PublishedPack,
    packs: Path,
    *,
    origin: str | None = None,
    brought: Mapping[str, Path] = MappingProxyType({}),
    progress: Progress = lambda *_: None,
) -> ModelPack:
    """Put a pack into ``packs / NAME``, verified; it appears there only when it is complete.

    Until then its files are in the hidden folder ``.fetching-NAME`` beside it, which an interrupted download leaves for
    the next one.  An existing pack is only read again.  Of models in an archive only the archive's hash is known:
    any folder in InsightFace's layout passes for one of InsightFace's packs.

    Parameters
    ----------
    packs : Path
        Created if missing; InsightFace's own is ``~/.insightface/models``.
    origin : str, optional
        A folder, or the address of one, that has the files in place of their publishers.
    brought : mapping of str to Path
        Files that are here already, by SHA-256, whatever they are called.

    Raises
    ------
    PackError
        If the download fails, a file is not the published one, the folder cannot be written, or another pack has the
        name.
    """
    target = packs / pack.name
    if os.path.lexists(target):
        return _already_there(pack, target)
    with building(target, goes_on=True) as folder:
        for file in pack.files:
            if file.sha256 in brought:
                _copy(file, brought[file.sha256], folder)
            else:
                _bring(file, folder, origin, progress)
        if pack.description is None:
            unpack(folder / pack.files[0].name)
        else:
            write_anew(folder / DESCRIPTION, pack.description.toml().encode(), below=folder)
    log.info("fetched %s into %s", pack.name, target)
    return read_pack(target)


def _already_there(pack: PublishedPack, target: Path) -> ModelPack:
    found = read_pack(target)
    if pack.description is None:
        same = found.kind == "insightface"
    else:
        same = {sha256 for _, sha256 in found.files} == {file.sha256 for file in pack.files}
    if not same:
        raise PackError(
            f"{target} is another pack of that name: move it away, and run the same command again"
        )
    return found


def _bring(file: PublishedFile, folder: Path, origin: str | None, progress: Progress) -> None:
    if origin is None or re.match(r"https?://", origin):
        download(file, folder, mirror=origin, progress=progress)
    elif "://" in origin:
        raise PackError(f"--from {origin!r} is neither a folder nor an address of http or https")
    else:
        _copy(file, Path(os.path.expanduser(origin)) / file.name, folder)


def _copy(file: PublishedFile, source: Path, folder: Path) -> None:
    copied = copy_in(source, folder, file.name, most=file.size)
    if copied != file.sha256:
        remove_own(folder / file.name, below=folder)
        raise PackError(
            f"{source} is another file than its publisher's (SHA-256 {copied}, not {file.sha256}); it was not kept"
        )
