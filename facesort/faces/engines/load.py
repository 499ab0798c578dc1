"""From a model pack to the engine that runs it."""

from __future__ import annotations

from collections.abc import Callable

from facesort.errors import PackError
from facesort.faces.packs.files import model_sha256
from facesort.faces.protocol import FaceEngine, ModelPack
from facesort.settings import Backend


def _load(pack: ModelPack, threads: int, backend: Backend) -> FaceEngine:
    # Imported here: each engine's libraries take up to a second, and need not all be installed.
    if pack.kind == "insightface":
        from facesort.faces.engines.insightface_engine import InsightFaceEngine

        return InsightFaceEngine(pack, threads=threads, backend=backend)
    if pack.kind == "dlib":
        from facesort.faces.engines.dlib_engine import DlibEngine

        return DlibEngine(pack)
    if pack.kind == "synthetic":
        from facesort.faces.engines.synthetic import SyntheticEngine

        return SyntheticEngine(pack)
    raise PackError(
        f"model pack {pack.name} is of a kind that this facesort does not know: {pack.kind}"
    )


def load_engine(
    pack: ModelPack,
    *,
    threads: int,
    backend: Backend = "onnxruntime",
    load: Callable[[ModelPack, int, Backend], FaceEngine] = _load,
) -> FaceEngine:
    """Load a pack, and make sure that its files are still the ones it was resolved with, also while they are read.

    Parameters
    ----------
    pack : ModelPack
        As `find_packs` or `resolve_pack` gives it.
    threads : int
        For the inference, 1 or more; dlib and synthetic use one whatever is asked.
    backend : Backend
        Runs the recogniser of an InsightFace pack.
    load : callable
        Reads the files.

    Raises
    ------
    PackError
        If a file has changed or is gone, or what the engine needs is not installed.
    """
    _refuse_changed(pack)  # before anything in it is parsed
    engine = load(pack, threads, backend)
    _refuse_changed(pack)  # the libraries open the files again, by name
    return engine


def _refuse_changed(pack: ModelPack) -> None:
    for name, sha256 in pack.files:
        if pack.path is not None and model_sha256(pack.path / name) != sha256:
            raise PackError(
                f"{name} of model pack {pack.name} has changed: its embeddings would no longer compare "
                f"with stored ones. Restore the file in {pack.path}, or make a new workspace"
            )
