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
from facesort.faces.packs.known import (
    UNCALIBRATED,
    Recommendation,
    licence_of,
    recommended_thresholds,
)
from facesort.faces.packs.onnx_graph import read_graph
from facesort.faces.protocol import ModelPack
from facesort.files import file_sha256, kind_of, open_regular

MANIFEST = "pack.json"
"""File beside the models of a downloaded pack: their SHA-256 when they were downloaded."""

_MANIFEST_LIMIT = 1 << 20
_MOST_MODELS = 100
# Increment a version when the same files start to give different embeddings.
_PREPROCESSING = {"insightface": 3, "dlib": 2, "synthetic": 2}
_DLIB_FILES = ("shape_predictor_5_face_landmarks.dat", "dlib_face_recognition_resnet_model_v1.dat")


def read_pack(folder: Path) -> ModelPack:
    """Read an InsightFace folder; its first detector and first recogniser by name are used.

    Raises
    ------
    PackError
        If one of the two is missing, a file is not ONNX, or a hash is not the one in ``pack.json``.
    """
    folder = folder.absolute()  # workers may have another working directory
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
            f"with landmarks and an ArcFace recogniser"
        )
    files = tuple((path.name, model_sha256(path)) for path in (detector, recogniser))
    _check_manifest(folder, files)
    hashes = [sha256 for _, sha256 in files]
    return _pack("insightface", folder, files, recommended_thresholds(hashes[1:]))


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
    files = tuple((name, model_sha256(folder / name)) for name in _DLIB_FILES)
    return _pack("dlib", folder, files, recommended_thresholds([sha256 for _, sha256 in files]))


def synthetic_pack() -> ModelPack:
    """Describe the synthetic pack, which needs no files."""
    return _pack("synthetic", None, (), replace(UNCALIBRATED, calibrated=True))


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
    hashes = [sha256 for _, sha256 in pack.files]
    earlier = range(1, _PREPROCESSING[pack.kind])
    return pack_id in {_identity(hashes, pack.kind, version) for version in earlier}


def _identity(hashes: Sequence[str], kind: str, version: int) -> str:
    return hashlib.sha256("\n".join([*sorted(hashes), f"{kind}-{version}"]).encode()).hexdigest()


def _pack(
    kind: str, path: Path | None, files: tuple[tuple[str, str], ...], thresholds: Recommendation
) -> ModelPack:
    hashes = [sha256 for _, sha256 in files]
    name = path.name if kind == "insightface" and path is not None else kind
    return ModelPack(
        name=name,
        kind=kind,
        path=path,
        pack_id=_identity(hashes, kind, _PREPROCESSING[kind]),
        files=files,
        strict=thresholds.strict,
        loose=thresholds.loose,
        calibrated=thresholds.calibrated,
        widest_loose=thresholds.widest_loose,
        licence="Drawn by facesort itself; free."
        if kind == "synthetic"
        else licence_of(name, hashes),
    )
