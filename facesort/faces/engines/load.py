"""Load the engine of a model pack."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from facesort.errors import PackError
from facesort.faces.engines.composed import ComposedEngine, FaceDetector
from facesort.faces.packs.files import model_sha256
from facesort.faces.protocol import FaceEngine, ModelPack
from facesort.settings import Backend

if TYPE_CHECKING:
    from facesort.faces.engines.dlib_models import FivePoints


def _load(pack: ModelPack, threads: int, backend: Backend) -> FaceEngine:
    # Imported here: the libraries take up to a second to import and are not all installed everywhere.
    if {pack.detector.kind, pack.recogniser.kind} == {"synthetic"}:
        from facesort.faces.engines.synthetic import SyntheticEngine

        return SyntheticEngine(pack)
    if pack.path is None or pack.detector.file is None or pack.recogniser.file is None:
        raise _unknown(pack)
    detector, points = _detector(pack, pack.path / pack.detector.file, threads)
    file, kind = pack.path / pack.recogniser.file, pack.recogniser.kind
    if kind == "dlib":
        from facesort.faces.engines.dlib_models import DlibRecogniser

        return ComposedEngine(pack, detector, DlibRecogniser(file, points))
    if kind in ("arcface", "sface") and points is None:
        from facesort.faces.engines.insightface_models import OnnxRecogniser

        recogniser = OnnxRecogniser(file, pack.recogniser, threads=threads, backend=backend)
        return ComposedEngine(pack, detector, recogniser)
    raise _unknown(pack)


def _detector(pack: ModelPack, file: Path, threads: int) -> tuple[FaceDetector, FivePoints | None]:
    """Load the detector, and dlib's points if it is dlib's."""
    kind = pack.detector.kind
    if kind == "scrfd":
        from facesort.faces.engines.insightface_models import ScrfdDetector

        return ScrfdDetector(file, threads), None
    if kind == "yunet":
        from facesort.faces.engines.yunet import YuNetDetector

        return YuNetDetector(file, threads), None
    if kind == "dlib":
        from facesort.faces.engines.dlib_models import DlibDetector, FivePoints

        points = FivePoints(file)
        return DlibDetector(points), points
    raise _unknown(pack)


def _unknown(pack: ModelPack) -> PackError:
    return PackError(
        f"model pack {pack.name} is of unknown kind ({pack.detector.kind} and {pack.recogniser.kind}): "
        "upgrade facesort, or use another pack"
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
