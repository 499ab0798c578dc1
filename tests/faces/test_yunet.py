"""YuNet, compared with OpenCV's own class."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from faces.tiny_packs import write_model

from facesort.errors import PackError
from facesort.faces.engines.yunet import YuNetDetector
from facesort.images import load_photo
from facesort.pixels import averaged, fitted_size

FILE = "models/yunet/face_detection_yunet_2026may.onnx"


@pytest.mark.parametrize(
    "name", ["compreface/010_2.jpg", "compreface/016_8.jpg", "deepface/img1.jpg"]
)
def test_the_same_faces_as_opencvs(assets: Path, name: str) -> None:
    """Quick, of a photo of 640 px at most: then nothing is resized, as OpenCV does not."""
    photo = assets / "photos" / name
    pixels = load_photo(photo.read_bytes(), photo.name, max_megapixels=50).pixels
    small = averaged(pixels, fitted_size((pixels.shape[1], pixels.shape[0]), 640))
    ours = YuNetDetector(assets / FILE, 1).detect(small, quick=True)

    size = (small.shape[1], small.shape[0])
    theirs = cv2.FaceDetectorYN.create(str(assets / FILE), "", size, 0.6, 0.3, 5000)
    found = theirs.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))[1]
    found = found[np.argsort(-found[:, 14], kind="stable")]

    assert len(ours) == len(found) > 0
    boxes = np.hstack([found[:, :2], found[:, :2] + found[:, 2:4]])
    np.testing.assert_allclose(ours.boxes, boxes, atol=0.01)
    np.testing.assert_allclose(ours.landmarks, found[:, 4:14].reshape(-1, 5, 2), atol=0.01)
    np.testing.assert_allclose(ours.scores, found[:, 14], atol=1e-4)


def test_a_face_that_fills_the_frame_is_found(assets: Path) -> None:
    """YuNet was trained with faces of up to 300 px, so the photo is looked at once more, smaller."""
    photo = assets / "photos/deepface/img1.jpg"
    pixels = load_photo(photo.read_bytes(), photo.name, max_megapixels=50).pixels
    detector = YuNetDetector(assets / FILE, 1)
    (x0, y0, x1, y1), *_ = detector.detect(pixels).boxes.astype(int).tolist()
    margin = (x1 - x0) // 8
    close = np.ascontiguousarray(
        pixels[max(0, y0 - margin) : y1 + margin, max(0, x0 - margin) : x1 + margin]
    )
    found = detector.detect(close)
    assert found.scores[0] > 0.8
    left, top, right, bottom = found.boxes[0]
    assert right - left > 0.6 * close.shape[1]
    assert bottom - top > 0.6 * close.shape[0]


@pytest.mark.parametrize("name", ["000_5.jpg", "013_4.jpg", "015_6.jpg"])
def test_two_faces_beside_each_other_are_no_third(assets: Path, name: str) -> None:
    """The smaller of the two inputs shows one between them."""
    photo = assets / "photos/compreface" / name
    pixels = load_photo(photo.read_bytes(), photo.name, max_megapixels=50).pixels
    found = YuNetDetector(assets / FILE, 1).detect(pixels)
    noses = json.loads((photo.parent / "noses.json").read_text())[name]
    sizes = (found.boxes[:, 2:] - found.boxes[:, :2]).min(axis=1)
    at_the_edge = (found.boxes[:, 0] < sizes / 2) | (
        found.boxes[:, 2] > pixels.shape[1] - sizes / 2
    )
    assert len(noses) <= len(found) <= len(noses) + at_the_edge.sum()


def test_another_network_of_twelve_outputs_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path / "m.onnx", 12)
    model = onnx.load(tmp_path / "m.onnx")
    model.ir_version, model.opset_import[0].version = 8, 13  # which every ONNX Runtime reads
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(PackError, match=r"m\.onnx is no YuNet"):
        YuNetDetector(tmp_path / "m.onnx", 1)


def test_a_yunet_of_one_size_is_refused(assets: Path, tmp_path: Path) -> None:
    shutil.copy(assets / FILE, tmp_path / "m.onnx")
    (tmp_path / "m.onnx").chmod(0o644)
    model = onnx.load(tmp_path / "m.onnx")
    for length in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        length.dim_value = 320
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(PackError, match="one size only: take YuNet of 2026"):
        YuNetDetector(tmp_path / "m.onnx", 1)
