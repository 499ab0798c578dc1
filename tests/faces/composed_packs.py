"""Packs of a detector and a recogniser that were not published together, of the weights in the shared assets."""

from __future__ import annotations

import hashlib
from pathlib import Path

from facesort.faces.packs.description import (
    DESCRIPTION,
    DescribedDetector,
    DescribedRecogniser,
    Description,
)
from facesort.faces.packs.files import dlib_pack

DETECTORS = {
    "yunet": "yunet/face_detection_yunet_2026may.onnx",
    "scrfd": "mbf128/det_500m.onnx",
    "scrfd_2.5g": "scrfd_2.5g/scrfd_2.5g_bnkps.onnx",
}
RECOGNISERS = {
    "arcface": ("mbf128/MobileFaceNet.onnx", 128),
    "arcface int8": ("buffalo_sc_int8/w600k_mbf_int8.onnx", 512),
}


def composed(folder: Path, models: Path, detector: str, recogniser: str) -> Path:
    """Link a detector and a recogniser of the assets into a folder, and describe them."""
    found = models / DETECTORS[detector]
    if recogniser == "dlib":
        dlib = dlib_pack()
        assert dlib is not None
        assert dlib.path is not None
        assert dlib.recogniser.file is not None
        told, prepared = (
            dlib.path / dlib.recogniser.file,
            {"side": 150, "template": "dlib", "dim": 128},
        )
    else:
        name, dim = RECOGNISERS[recogniser]
        told, prepared = models / name, {"side": 112, "dim": dim}
    folder.mkdir(parents=True, exist_ok=True)
    for path in (found, told):
        (folder / path.name).symlink_to(path)
    description = Description(
        detector=DescribedDetector.model_validate(
            _half(found) | {"kind": detector.partition("_")[0]}
        ),
        recogniser=DescribedRecogniser.model_validate(
            _half(told) | prepared | {"kind": recogniser.partition(" ")[0]}
        ),
    )
    (folder / DESCRIPTION).write_text(description.toml())
    return folder


def _half(path: Path) -> dict[str, object]:
    return {
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "licence": "see the README of the assets",
        "licence_source": "the assets",
    }
