"""Load the engine of a model pack."""

from __future__ import annotations

from collections.abc import Callable

from facesort.errors import PackError
from facesort.faces.packs.files import model_sha256
from facesort.faces.protocol import FaceEngine, ModelPack
from facesort.settings import Backend


def _load(pack: ModelPack, threads: int, backend: Backend) -> FaceEngine:
    # Imported here: the libraries take up to a second to import and are not all installed everywhere.
    kinds = (pack.detector.kind, pack.recogniser.kind)
    if kinds == ("scrfd", "arcface") and pack.recogniser.mean is None:
        from facesort.faces.engines.insightface_engine import InsightFaceEngine

        return InsightFaceEngine(pack, threads=threads, backend=backend)
    if kinds == ("dlib", "dlib"):
        from facesort.faces.engines.dlib_engine import DlibEngine

        return DlibEngine(pack)
    if kinds == ("synthetic", "synthetic"):
        from facesort.faces.engines.synthetic import SyntheticEngine

        return SyntheticEngine(pack)
    raise PackError(
        f"model pack {pack.name} is of unknown kind ({' and '.join(kinds)}): upgrade facesort, or use another pack"
    )


def load_engine(
    pack: ModelPack,
    *,
    threads: int,
    backend: Backend = "onnxruntime",
    load: Callable[[ModelPack, int, Backend], FaceEngine] = _load,
) -> FaceEngine:
    """Load a pack, and verify before and after that its files have not changed since it was resolved.

    Parameters
    ----------
    pack : ModelPack
        From `find_packs` or `resolve_pack`.
    threads : int
        For inference, 1 or more; dlib and synthetic always use one.
    backend : Backend
        Runs the recogniser of an InsightFace pack.
    load : callable
        Tests pass their own.

    Raises
    ------
    PackError
        If a file has changed or is missing, or a required library is not installed.
    """
    _refuse_changed(pack)  # before anything in it is parsed
    engine = load(pack, threads, backend)
    _refuse_changed(pack)  # the libraries open the files again, by name
    return engine


def _refuse_changed(pack: ModelPack) -> None:
    for name, sha256 in pack.files:
        if pack.path is not None and model_sha256(pack.path / name) != sha256:
            raise PackError(
                f"{name} of model pack {pack.name} has changed, so its embeddings could not be compared with stored "
                f"ones. Restore the file in {pack.path}, or make a new workspace"
            )
