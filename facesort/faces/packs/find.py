"""Model packs: which are here, which one is meant, and how another one comes.

A pack of kind ``insightface`` is a folder that holds a detector and a recogniser as ``*.onnx``; other
models in it (landmarks, age) are never opened.  ``dlib`` is the installed packages dlib and
face_recognition_models; ``synthetic`` needs no files.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from facesort.errors import PackError
from facesort.faces.packs.files import dlib_pack, read_pack, synthetic_pack
from facesort.faces.protocol import ModelPack

log = logging.getLogger(__name__)

_PREFERRED = "buffalo_l"
_HOW = (
    "`facesort packs fetch buffalo_l` downloads InsightFace's; "
    "pip install dlib-bin face_recognition_models gives dlib's"
)


def pack_roots(workspace: Path | None, env: Mapping[str, str], home: Path) -> list[Path]:
    """Where packs are looked for, first match first.

    Parameters
    ----------
    workspace : Path or None
        Its ``packs`` folder comes first.
    env : mapping
        ``FACESORT_PACKS`` may name more folders, separated as in ``PATH``.
    home : Path
        Its ``.insightface/models``, where InsightFace keeps its own, comes last.
    """
    named = [Path(part) for part in env.get("FACESORT_PACKS", "").split(os.pathsep) if part]
    own = [] if workspace is None else [workspace / "packs"]
    return [*own, *named, home / ".insightface" / "models"]


def find_packs(roots: Sequence[Path]) -> list[ModelPack]:
    """All packs that can be used here: folders in the order of the roots, then dlib, then synthetic.

    A name that an earlier root has hides a later one, and a folder that cannot be used is only logged.
    """
    packs = []
    for folder in _folders(roots).values():
        try:
            packs.append(read_pack(folder))
        except PackError as error:
            log.info("no model pack: %s", error)
    dlib = dlib_pack()
    return [*packs, *([] if dlib is None else [dlib]), synthetic_pack()]


def resolve_pack(name_or_path: str | None, roots: Sequence[Path]) -> ModelPack:
    """Find the pack that is meant.

    Parameters
    ----------
    name_or_path : str or None
        A pack's name, or its folder.  None takes an InsightFace pack that is here (buffalo_l before all
        others), else dlib.
    roots : sequence of Path
        See `pack_roots`.

    Raises
    ------
    PackError
        If there is none, or the folder holds no detector or no recogniser, or a file has changed since it
        was fetched.
    """
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
    if os.path.isdir(given):  # unlike Path's, both take any text for what it is: no folder
        return read_pack(Path(given))
    here = ", ".join(pack.name for pack in find_packs(roots))
    raise PackError(f"there is no model pack {name_or_path!r} here; there are {here}. {_HOW}")


def _default_pack(roots: Sequence[Path]) -> ModelPack:
    folders = _folders(roots)
    for name in sorted(folders, key=lambda name: (name != _PREFERRED, name)):
        try:
            return read_pack(folders[name])
        except PackError as error:
            log.warning("passing over a model pack: %s", error)
    dlib = dlib_pack()
    if dlib is None:
        places = ", ".join(str(root) for root in roots)
        raise PackError(f"there is no model pack here (looked in {places}). {_HOW}")
    return dlib


def _folders(roots: Sequence[Path]) -> dict[str, Path]:
    """Folders with models, by name; a zip that holds a folder of its own name may lie one level deeper."""
    found: dict[str, Path] = {}
    for root in roots:
        for folder in _subfolders(root):
            nested = (folder, folder / folder.name)
            holding = next((path for path in nested if next(path.glob("*.onnx"), None)), None)
            if holding is not None:
                found.setdefault(folder.name, holding)
    return found


def _subfolders(root: Path) -> Iterator[Path]:
    if root.is_dir():
        yield from sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
