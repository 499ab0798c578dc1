"""Add packs from files that somebody brings, without a network."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from facesort.errors import PackError, because
from facesort.faces.packs.assemble import building, copy_in
from facesort.faces.packs.description import DESCRIPTION
from facesort.faces.packs.fetch import fetch_pack
from facesort.faces.packs.files import model_sha256, read_pack
from facesort.faces.packs.onnx_graph import LARGEST_MODEL
from facesort.faces.packs.published import PUBLISHED, PublishedPack
from facesort.faces.protocol import ModelPack
from facesort.files import Kind, kind_of

log = logging.getLogger(__name__)

_MOST_FILES = 10_000
_TAKEN = ("dlib", "synthetic")  # names of packs that need no folder


@dataclass(frozen=True, slots=True)
class Added:
    """A pack, and whether the same one was there before."""

    pack: ModelPack
    was_there: bool


def add_packs(folder: Path, packs: Path) -> list[Added]:
    """Copy the packs of a folder into the user's.

    A folder with a ``pack.toml`` is a pack, and called as the folder is; so is a folder in InsightFace's layout.  Files
    that are published, whatever they are called, become the packs that they belong to.

    Parameters
    ----------
    packs : Path
        Created if missing.

    Raises
    ------
    PackError
        If there is no complete pack in the folder, a file is a link or a device, or another pack has the name.
    """
    if not folder.is_dir():
        raise PackError(f"{folder} is no folder: give the one with the files of a model pack")
    if kind_of(folder / DESCRIPTION) is None:
        brought = _published_files(folder)
        complete = [pack for pack in PUBLISHED.values() if not _missing(pack, brought)]
        if complete:
            return [_published(pack, packs, brought) for pack in complete]
        _refuse_half(brought, folder)
    return [_folder(folder, packs)]


def _published(pack: PublishedPack, packs: Path, brought: Mapping[str, Path]) -> Added:
    was_there = os.path.lexists(packs / pack.name)
    return Added(fetch_pack(pack, packs, brought=brought), was_there)


def _published_files(folder: Path) -> dict[str, Path]:
    """Files of the folder that facesort knows, by SHA-256."""
    sizes = {file.size for pack in PUBLISHED.values() for file in pack.files}
    known = {file.sha256 for pack in PUBLISHED.values() for file in pack.files}
    found = {}
    try:
        for path in sorted(islice(folder.iterdir(), _MOST_FILES)):
            if kind_of(path) is Kind.FILE and path.stat().st_size in sizes:
                sha256 = model_sha256(path)
                if sha256 in known:
                    found[sha256] = path
    except OSError as error:
        raise PackError(f"{folder} cannot be read {because(error)}") from error
    return found


def _missing(pack: PublishedPack, brought: Mapping[str, Path]) -> list[str]:
    return [file.name for file in pack.files if file.sha256 not in brought]


def _refuse_half(brought: Mapping[str, Path], folder: Path) -> None:
    """Say which files lack, where some of a published pack are there, and nothing else makes a pack of the folder."""
    halves = [
        (pack, missing)
        for pack in PUBLISHED.values()
        if (missing := _missing(pack, brought)) and len(missing) < len(pack.files)
    ]
    if halves and not _is_pack(folder):
        raise PackError(
            "; ".join(
                f"{folder} lacks {', '.join(missing)} of {pack.name}" for pack, missing in halves
            )
            + ": put what lacks beside the others"
        )


def _is_pack(folder: Path) -> bool:
    try:
        read_pack(folder)
    except PackError:
        return False
    return True


def refuse_name(name: str, what_to_do: str) -> None:
    """Refuse what no folder of a pack can be called.

    Raises
    ------
    PackError
        If it is empty or hidden, or the name of a pack that needs no folder.
    """
    if not name or name.startswith(".") or name in _TAKEN:
        raise PackError(f"a pack cannot be called {name!r}: {what_to_do}")


def _folder(folder: Path, packs: Path) -> Added:
    """Copy a described folder, or one in InsightFace's layout: only what belongs to the pack."""
    pack = read_pack(folder)
    name = folder.resolve().name
    refuse_name(name, f"rename {folder}")
    target = packs / name
    if os.path.lexists(target):
        if read_pack(target).pack_id != pack.pack_id:
            raise _taken(target)
        return Added(read_pack(target), was_there=True)
    described = kind_of(folder / DESCRIPTION) is not None
    with building(target, goes_on=False) as hidden:
        for file, sha256 in pack.files:
            if copy_in(folder / file, hidden, file, most=LARGEST_MODEL) != sha256:
                raise PackError(f"{folder / file} changed while it was copied; try again")
        if described:
            copy_in(folder / DESCRIPTION, hidden, DESCRIPTION, most=LARGEST_MODEL)
    log.info("added %s as %s", folder, target)
    return Added(read_pack(target), was_there=False)


def _taken(target: Path) -> PackError:
    return PackError(
        f"{target} is another pack of that name: rename the folder that you bring, or move the other one away"
    )
