"""Read one model pack and identify it by the hashes of its files."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from facesort.errors import PackError, because
from facesort.faces.packs.description import DESCRIPTION, read_description
from facesort.faces.packs.known import FREE, UNKNOWN, licence_of, recommended_thresholds
from facesort.faces.packs.onnx_graph import LARGEST_MODEL, read_graph
from facesort.faces.protocol import Detector, Licence, ModelPack, Recogniser
from facesort.files import file_sha256, kind_of, open_regular

MANIFEST = "pack.json"
"""File beside the models of a downloaded pack: their SHA-256 when they were downloaded."""

_MANIFEST_LIMIT = 1 << 20
_MOST_MODELS = 100
# Increment a version when the same files start to give different embeddings.
_DESCRIBED = 1
_FORMER_NAMES = {
    ("scrfd", "arcface"): ("insightface", 3),
    ("dlib", "dlib"): ("dlib", 2),
    ("synthetic", "synthetic"): ("synthetic", 2),
}
_DLIB_FILES = ("shape_predictor_5_face_landmarks.dat", "dlib_face_recognition_resnet_model_v1.dat")


def read_pack(folder: Path) -> ModelPack:
    """Read a folder as its ``pack.toml`` describes it; without one, as InsightFace's.

    Raises
    ------
    PackError
        If the folder is not as described; without a description, if a detector or a recogniser is missing, a file is
        not ONNX, or a hash is not the one in ``pack.json``.
    """
    folder = folder.absolute()  # workers may have another working directory
    if kind_of(folder / DESCRIPTION) is not None:
        return _described(folder)
    return _insightface(folder)


def _insightface(folder: Path) -> ModelPack:
    """Read an InsightFace folder; its first detector and first recogniser by name are used."""
    detector = recogniser = None
    models = sorted(islice(folder.glob("*.onnx"), _MOST_MODELS + 1))
    if len(models) > _MOST_MODELS:
        raise PackError(f"{folder} has more than {_MOST_MODELS} .onnx files: it is no model pack")
    for path in models:
        graph = read_graph(path)
        if graph.is_detector:
            detector = detector or path
        elif graph.is_recogniser:
            recogniser = recogniser or path
    if detector is None or recogniser is None:
        lacks = " and ".join(
            what
            for what, path in (("detector", detector), ("recogniser", recogniser))
            if path is None
        )
        raise PackError(
            f"{folder} has no {lacks} among its .onnx files; a model pack needs both: an SCRFD detector "
            f"with landmarks and an ArcFace recogniser, or a {DESCRIPTION} that says what is there"
        )
    files = tuple((path.name, model_sha256(path)) for path in (detector, recogniser))
    _check_manifest(folder, files)
    (found, found_sha256), (told, told_sha256) = files
    return _pack(
        "insightface",
        folder,
        Detector("scrfd", found, found_sha256, licence_of(found_sha256)),
        Recogniser("arcface", told, told_sha256, licence_of(told_sha256)),
    )


def _described(folder: Path) -> ModelPack:
    """Read a folder with a ``pack.toml``; a licence that facesort knows goes before a stated one, thresholds do not."""
    said = read_description(folder / DESCRIPTION)
    found, told = said.detector, said.recogniser
    for half in (found, told):
        _check_file(folder / half.file, half.sha256)
    if found.kind != "dlib":
        graph = read_graph(folder / found.file)
        if not (graph.is_yunet if found.kind == "yunet" else graph.is_detector):
            raise PackError(f"{folder / found.file} is no {found.kind} detector with landmarks")
    if told.kind != "dlib":
        graph = read_graph(folder / told.file)
        if not graph.is_recogniser or graph.inputs[0][2] != told.side:
            raise PackError(
                f"{folder / told.file} does not take one picture of {told.side} x {told.side} px"
            )
        if graph.lengths[0] not in (0, told.dim):
            raise PackError(
                f"{folder / told.file} gives {graph.lengths[0]} numbers per face, not {told.dim} as {DESCRIPTION} says"
            )
    plain = told.kind == "sface"
    pack = _pack(
        "described",
        folder,
        Detector(found.kind, found.file, found.sha256, _licence(found.sha256, found.stated)),
        Recogniser(
            told.kind,
            told.file,
            told.sha256,
            _licence(told.sha256, told.stated),
            colour=told.colour,
            mean=0.0 if plain else told.mean,
            scale=1.0 if plain else told.scale,
            dim=told.dim,
        ),
    )
    if (given := said.thresholds) is None:
        return pack
    return replace(
        pack,
        strict=given.strict,
        loose=given.loose,
        calibrated=True,
        widest_loose=given.widest_loose,
        measured_on=given.measured_on,
    )


def _licence(sha256: str, stated: Licence) -> Licence:
    known = licence_of(sha256)
    return stated if known is UNKNOWN else known


def _check_file(path: Path, sha256: str) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise PackError(f"{path} of a model pack cannot be read {because(error)}") from error
    if size > LARGEST_MODEL:  # it would be read for ever
        raise PackError(f"{path} is larger than a model can be")
    if model_sha256(path) != sha256:
        raise PackError(
            f"{path} is not the file that {DESCRIPTION} beside it describes: get the pack again, or describe this file"
        )


def dlib_pack() -> ModelPack | None:
    """Read the dlib pack; None unless dlib and face_recognition_models are installed.

    face_recognition_models is located but not imported: its import fails since Python 3.12.
    """
    models = importlib.util.find_spec("face_recognition_models")
    if importlib.util.find_spec("dlib") is None or models is None or models.origin is None:
        return None
    folder = Path(models.origin).parent / "models"
    if not all((folder / name).is_file() for name in _DLIB_FILES):
        return None
    (points, points_sha256), (resnet, resnet_sha256) = (
        (name, model_sha256(folder / name)) for name in _DLIB_FILES
    )
    return _pack(
        "dlib",
        folder,
        Detector("dlib", points, points_sha256, licence_of(points_sha256)),
        Recogniser("dlib", resnet, resnet_sha256, licence_of(resnet_sha256)),
    )


def synthetic_pack() -> ModelPack:
    """Describe the synthetic pack, which needs no files."""
    return _pack(
        "synthetic",
        None,
        Detector("synthetic", None, None, FREE),
        Recogniser("synthetic", None, None, FREE),
    )


def model_sha256(path: Path) -> str:
    """SHA-256 of a model file, in hex.

    Raises
    ------
    PackError
        If it cannot be read.
    """
    try:
        return file_sha256(path)
    except OSError as error:
        raise PackError(f"{path} of a model pack cannot be read {because(error)}") from error


def _check_manifest(folder: Path, files: Sequence[tuple[str, str]]) -> None:
    """Refuse files that differ from what `fetch_pack` recorded."""
    path = folder / MANIFEST
    if kind_of(path) is None:
        return
    try:
        with open_regular(path) as stream:
            recorded = dict(json.loads(stream.read(_MANIFEST_LIMIT))["files"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise PackError(
            f"{path} cannot be read; delete {folder} and fetch the pack again"
        ) from error
    for name, sha256 in files:
        if recorded.get(name) != sha256:
            raise PackError(
                f"{folder / name} has changed since it was fetched; delete {folder} and fetch it again"
            )


def is_former(pack: ModelPack, pack_id: str) -> bool:
    """Whether an id is of the same files as an older facesort prepared pictures for them."""
    scheme, version = _scheme(pack.detector, pack.recogniser)
    earlier = range(1, version)
    return pack_id in {_identity(pack.files, f"{scheme}-{former}") for former in earlier}


def _scheme(detector: Detector, recogniser: Recogniser) -> tuple[str, int]:
    """How pictures are prepared, as far as embeddings depend on it, and the version of the code that does it.

    Packs that were there before ``pack.toml`` have the names that they had then, described or not: what was embedded
    stays comparable.
    """
    kinds = (detector.kind, recogniser.kind)
    prepared = (recogniser.colour, recogniser.mean, recogniser.scale)
    if kinds in _FORMER_NAMES and prepared == ("RGB", None, None):
        return _FORMER_NAMES[kinds]
    return f"described {kinds} {prepared}", _DESCRIBED


def _identity(files: Sequence[tuple[str, str]], scheme: str) -> str:
    hashes = sorted(sha256 for _, sha256 in files)
    return hashlib.sha256("\n".join([*hashes, scheme]).encode()).hexdigest()


def _pack(kind: str, path: Path | None, detector: Detector, recogniser: Recogniser) -> ModelPack:
    known = recommended_thresholds(recogniser.sha256 or "", detector.kind)
    scheme, version = _scheme(detector, recogniser)
    pack = ModelPack(
        name=kind if path is None or kind == "dlib" else path.name,
        kind=kind,
        path=path,
        pack_id="",
        detector=detector,
        recogniser=recogniser,
        strict=known.strict,
        loose=known.loose,
        calibrated=known.calibrated or kind == "synthetic",
        widest_loose=known.widest_loose,
        measured_on=known.measured_on,
    )
    return replace(pack, pack_id=_identity(pack.files, f"{scheme}-{version}"))
