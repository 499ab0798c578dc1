"""Find installed model packs, and resolve a name or folder to one.

A pack of kind ``described`` is a folder with a ``pack.toml``.  One of kind ``insightface`` is a folder with a detector
and a recogniser as ``*.onnx``; its other models (landmarks, age) are not used.  ``dlib`` consists of the installed
packages dlib and face_recognition_models; ``synthetic`` needs no files.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from facesort.errors import PackError
from facesort.faces.packs.description import DESCRIPTION
from facesort.faces.packs.files import dlib_pack, read_pack, synthetic_pack
from facesort.faces.packs.measured import as_measured
from facesort.faces.protocol import ModelPack
from facesort.files import kind_of

log = logging.getLogger(__name__)

_PREFERRED = "buffalo_l"
_HOW = (
    "`facesort packs fetch buffalo_l` downloads InsightFace's, `facesort packs fetch sface` one for paid work; "
    "pip install dlib-bin face_recognition_models gives dlib's"
)


def pack_roots(workspace: Path | None, env: Mapping[str, str], home: Path) -> list[Path]:
    """Folders in which packs are searched, in order of precedence.

    Parameters
    ----------
    workspace : Path or None
        Its ``packs`` folder comes first.
    env : mapping
        ``FACESORT_PACKS`` lists more folders, separated as in ``PATH``.
    home : Path
        Its ``.insightface/models``, InsightFace's own folder, comes last.
    """
    named = [Path(part) for part in env.get("FACESORT_PACKS", "").split(os.pathsep) if part]
    own = [] if workspace is None else [workspace / "packs"]
    return [*own, *named, own_packs(home)]


def own_packs(home: Path) -> Path:
    """Folder into which packs are fetched and added: InsightFace's own, whose packs other programs use as well."""
    return home / ".insightface" / "models"


def find_packs(roots: Sequence[Path]) -> list[ModelPack]:
    """All usable packs: folders in the order of the roots, then dlib, then synthetic.

    A pack hides others of the same name in later roots.  Unusable folders are logged.
    """
    packs = []
    for folder in _folders(roots).values():
        try:
            packs.append(read_pack(folder))
        except PackError as error:
            log.info("not a usable model pack: %s", error)
    dlib = dlib_pack()
    found = [*packs, *([] if dlib is None else [dlib]), synthetic_pack()]
    return [as_measured(pack) for pack in found]


def resolve_pack(name_or_path: str | None, roots: Sequence[Path]) -> ModelPack:
    """Find a pack by name or folder; it has the thresholds that were measured of it here, if any were.

    Parameters
    ----------
    name_or_path : str or None
        A pack's name or folder.  None: an installed InsightFace pack (preferably buffalo_l), else one with a
        ``pack.toml``, else dlib.
    roots : sequence of Path
        See `pack_roots`.

    Raises
    ------
    PackError
        If there is no such pack, it lacks a detector or a recogniser, or a file has changed since it was downloaded.
    """
    return as_measured(_resolved(name_or_path, roots))


def _resolved(name_or_path: str | None, roots: Sequence[Path]) -> ModelPack:
    if name_or_path is None:
        return _default_pack(roots)
    if name_or_path == "synthetic":
        return synthetic_pack()
    if name_or_path == "dlib":
        dlib = dlib_pack()
        if dlib is None:
            raise PackError("dlib is not installed; pip install dlib-bin face_recognition_models")
        return dlib
    folder = _folders(roots).get(name_or_path)
    if folder is not None:
        return read_pack(folder)
    given = os.path.expanduser(name_or_path)
    if os.path.isdir(given):  # unlike Path's methods, these accept any text
        return read_pack(Path(given))
    here = ", ".join(pack.name for pack in find_packs(roots))
    raise PackError(f"there is no model pack {name_or_path!r} here; found: {here}. {_HOW}")


def _default_pack(roots: Sequence[Path]) -> ModelPack:
    folders = _folders(roots)
    described = {name: kind_of(path / DESCRIPTION) is not None for name, path in folders.items()}
    for name in sorted(folders, key=lambda name: (described[name], name != _PREFERRED, name)):
        try:
            return read_pack(folders[name])
        except PackError as error:
            log.warning("skipping a model pack: %s", error)
    dlib = dlib_pack()
    if dlib is None:
        places = ", ".join(str(root) for root in roots)
        raise PackError(f"there is no model pack here (looked in {places}). {_HOW}")
    return dlib


def _folders(roots: Sequence[Path]) -> dict[str, Path]:
    """Folders with models, by name, also where unpacking nested a folder in one of the same name."""
    found: dict[str, Path] = {}
    for root in roots:
        for folder in _subfolders(root):
            nested = (folder, folder / folder.name)
            holding = next((path for path in nested if _may_be_pack(path)), None)
            if holding is not None:
                found.setdefault(folder.name, holding)
    return found


def _may_be_pack(folder: Path) -> bool:
    return (
        kind_of(folder / DESCRIPTION) is not None or next(folder.glob("*.onnx"), None) is not None
    )


def _subfolders(root: Path) -> Iterator[Path]:
    try:
        entries = sorted(root.iterdir()) if root.is_dir() else []
    except OSError as error:
        log.info("cannot look for model packs in %s: %s", root, error.strerror)
        return
    yield from (p for p in entries if p.is_dir() and not p.name.startswith("."))
