"""What recognisers are given, against the code of those who publish them; the networks are drawn at random."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from insightface.model_zoo import ArcFaceONNX
from onnx import TensorProto, helper, numpy_helper

from facesort.core.records import Detections
from facesort.errors import PackError
from facesort.faces.engines.insightface_models import OnnxRecogniser
from facesort.faces.protocol import Licence, Recogniser

RANDOM = np.random.default_rng(5)
FACES = RANDOM.integers(0, 256, (4, 112, 112, 3), np.uint8)
SFACE = Recogniser("sface", "net.onnx", "0" * 64, Licence("free"), mean=0.0, scale=1.0, dim=128)
AURAFACE = Recogniser("arcface", "net.onnx", "0" * 64, Licence("free"), dim=512)


def network(folder: Path, dim: int) -> Path:
    """A convolution with random weights: 1 x 3 x 112 x 112 in, 1 x dim out."""
    image = helper.make_tensor_value_info("data", TensorProto.FLOAT, [1, 3, 112, 112])
    vector = helper.make_tensor_value_info("fc1", TensorProto.FLOAT, [1, dim])
    weights = RANDOM.normal(0, 1e-3, (dim, 3, 112, 112)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["data", "w"], ["conv"]),
        helper.make_node("Flatten", ["conv"], ["fc1"]),
    ]
    graph = helper.make_graph(
        nodes, "random", [image], [vector], [numpy_helper.from_array(weights, "w")]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.save(model, folder / "net.onnx")
    return folder / "net.onnx"


def loaded(file: Path, half: Recogniser) -> OnnxRecogniser:
    return OnnxRecogniser(file, half, threads=1, backend="onnxruntime")


class Recorder:
    """A session that keeps what it is given."""

    def __init__(self, session: Any) -> None:
        self.session, self.given = session, []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.session, name)

    def run(self, names: Any, feeds: dict[str, np.ndarray]) -> Any:
        self.given += [np.array(tensor) for tensor in feeds.values()]
        return self.session.run(names, feeds)


def given_to(recogniser: OnnxRecogniser, crops: np.ndarray) -> np.ndarray:
    recorder = Recorder(recogniser._arcface.session)
    recogniser._arcface.session = recorder
    recogniser.embed(crops)
    return np.concatenate(recorder.given)


def test_sface_is_given_what_opencv_gives_it(tmp_path: Path) -> None:
    file = network(tmp_path, 128)
    ours = loaded(file, SFACE)
    theirs = cv2.FaceRecognizerSF.create(str(file), "")
    embedded = ours.embed(FACES)
    for face, vector in zip(FACES, embedded, strict=True):
        bgr = cv2.cvtColor(face, cv2.COLOR_RGB2BGR)
        reference = theirs.feature(bgr)[0]
        np.testing.assert_allclose(vector, reference / np.linalg.norm(reference), atol=2e-6)
    # As FaceRecognizerSF::feature makes it (modules/objdetect/src/face_recognize.cpp).
    blobs = [
        cv2.dnn.blobFromImage(
            cv2.cvtColor(face, cv2.COLOR_RGB2BGR), 1, (112, 112), (0, 0, 0), True, False
        )
        for face in FACES
    ]
    np.testing.assert_array_equal(given_to(ours, FACES), np.concatenate(blobs))


def test_auraface_is_given_what_insightface_gives_it(tmp_path: Path) -> None:
    """Its publisher loads it with InsightFace."""
    file = network(tmp_path, 512)
    ours = loaded(file, AURAFACE)
    theirs = ArcFaceONNX(str(file))
    recorder = theirs.session = Recorder(theirs.session)
    vectors = [theirs.get_feat(cv2.cvtColor(face, cv2.COLOR_RGB2BGR))[0] for face in FACES]
    np.testing.assert_array_equal(given_to(ours, FACES), np.concatenate(recorder.given))
    expected = np.stack([vector / np.linalg.norm(vector) for vector in vectors])
    np.testing.assert_allclose(ours.embed(FACES), expected, atol=1e-6)


@pytest.mark.parametrize("seed", range(8))
def test_faces_are_cut_out_as_opencv_does(tmp_path: Path, seed: int) -> None:
    """Its rounded mean of the template moves the crop by 0.0001 px, so here and there by one grey level."""
    random = np.random.default_rng(seed)
    file = network(tmp_path, 128)
    picture = random.integers(0, 256, (30, 40, 3), np.uint8)
    picture = cv2.resize(picture, (800, 600), interpolation=cv2.INTER_CUBIC)
    face = np.array([[38, 52], [74, 52], [56, 72], [42, 92], [71, 92]]) + random.normal(
        0, 2, (5, 2)
    )
    angle, size = random.uniform(-0.6, 0.6), random.uniform(0.4, 3)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * size
    points = ((face - 56) @ turn.T + (400, 300)).astype(np.float32)
    found = Detections(np.zeros((1, 4), np.float32), points[None], np.ones(1, np.float32))
    (ours,) = loaded(file, SFACE).align(picture, found)
    row = np.concatenate([np.zeros(4), points.reshape(-1), [1]]).astype(np.float32)[None]
    theirs = cv2.FaceRecognizerSF.create(str(file), "").alignCrop(picture, row)
    apart = np.abs(ours.astype(int) - theirs.astype(int))
    assert apart.max() <= 1
    assert (apart > 0).mean() < 0.01


@pytest.mark.parametrize(
    ("colour", "mean", "scale"), [("RGB", 127.5, 128.0), ("BGR", 0.0, 255.0), ("BGR", 104.0, 1.0)]
)
def test_colour_mean_and_scale_are_as_described(
    tmp_path: Path, colour: str, mean: float, scale: float
) -> None:
    half = Recogniser(
        "arcface",
        "net.onnx",
        "0" * 64,
        Licence("free"),
        colour=colour,
        mean=mean,
        scale=scale,  # type: ignore[arg-type]
    )
    given = given_to(loaded(network(tmp_path, 64), half), FACES)
    channels = FACES if colour == "RGB" else FACES[..., ::-1]
    expected = (channels.astype(np.float64).transpose(0, 3, 1, 2) - mean) / scale
    np.testing.assert_allclose(given, expected, atol=1e-5)


def test_another_length_of_vectors_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="gives 64 numbers per face, not 128 as described"):
        loaded(network(tmp_path, 64), SFACE)
