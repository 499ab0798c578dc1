"""A quantised pack is written only if it decides as the original, and nothing else is left behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from faces.tiny_packs import write_model
from onnx import TensorProto, helper, numpy_helper

from facesort.core.calibration.agreement import Agreement, agreement, decisions
from facesort.core.records import Crops
from facesort.engine.calibration import quantise
from facesort.errors import InsufficientTrialsError, PackError
from facesort.faces.engines.quantise import network_inputs, quantise_recogniser
from facesort.faces.packs.files import read_pack, synthetic_pack
from facesort.faces.protocol import ModelPack

SIDE = 112


def write_recogniser(path: Path) -> None:
    """A convolution, a pool and a matrix with random weights."""
    rng = np.random.default_rng(0)
    weights = {
        "w": rng.normal(size=(8, 3, 7, 7)).astype(np.float32) / 12,
        "m": rng.normal(size=(8 * 49, 32)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], strides=[4, 4], kernel_shape=[7, 7]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("AveragePool", ["r"], ["p"], kernel_shape=[3, 3], strides=[4, 4]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("MatMul", ["f", "m"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "random",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 32])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


@pytest.fixture
def pack(tmp_path: Path) -> ModelPack:
    folder = tmp_path / "packs" / "random"
    write_model(folder / "det_tiny.onnx", 9)
    detector = onnx.load(str(folder / "det_tiny.onnx"))  # as ONNX Runtime can load it
    detector.ir_version, detector.opset_import[0].version = 8, 13
    onnx.save(detector, str(folder / "det_tiny.onnx"))
    write_recogniser(folder / "w_random.onnx")
    return read_pack(folder)


def drawn(people: int, photos: int) -> dict[str, list[Crops]]:
    """Blurred noise, another for each person, with some noise of the photo."""
    rng = np.random.default_rng(1)
    found = {}
    for person in range(people):
        own = np.kron(rng.uniform(0, 255, (14, 14, 3)), np.ones((8, 8, 1)))
        noise = rng.normal(0, 12, (photos, SIDE, SIDE, 3))
        found[f"{person:03d}"] = list(np.clip(own + noise, 0, 255).astype(np.uint8))
    return found


def make(pack: ModelPack, folder: Path) -> quantise.Quantised:
    return quantise.quantise_pack(pack, folder, folder / "new" / "random-int8")


def test_a_pack_that_decides_alike_is_written(
    pack: ModelPack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantise, "_aligned", lambda *_: drawn(60, 9))

    found = make(pack, tmp_path)

    assert found.agreement.accepted
    assert found.agreement.faces == 240
    assert found.pack is not None
    assert found.pack.path == tmp_path / "new" / "random-int8"
    assert found.pack.pack_id != pack.pack_id
    assert (found.pack.strict, found.pack.loose) == (pack.strict, pack.loose)
    assert found.pack.recogniser.licence.name == pack.recogniser.licence.name
    assert found.bytes_after < found.bytes_before
    text = (tmp_path / "new" / "random-int8" / "pack.toml").read_text()
    assert f"quantised from w_random.onnx, SHA-256 {pack.recogniser.sha256}" in text
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["random-int8"]


def test_a_pack_that_decides_otherwise_is_refused(
    pack: ModelPack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantise, "_aligned", lambda *_: drawn(60, 9))
    monkeypatch.setattr(quantise, "agreement", lambda *_: Agreement(238, 240))

    found = make(pack, tmp_path)

    assert found.pack is None
    assert list((tmp_path / "new").iterdir()) == []
    assert quantise.refusal(found).startswith(
        "nothing was written: 238 of 240 decisions (99.2 %) are those of the original"
    )


def test_too_few_faces_are_refused(
    pack: ModelPack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantise, "_aligned", lambda *_: drawn(10, 9))

    with pytest.raises(InsufficientTrialsError, match="too few: at least 50 and 200"):
        make(pack, tmp_path)


def test_what_cannot_be_quantised_is_refused(pack: ModelPack, tmp_path: Path) -> None:
    (tmp_path / "new" / "random-int8").mkdir(parents=True)
    with pytest.raises(PackError, match="is there already"):
        make(pack, tmp_path)
    with pytest.raises(PackError, match="has no ONNX recogniser"):
        make(synthetic_pack(), tmp_path)


def test_temporary_files_of_the_quantiser_stay_in_its_folder(
    pack: ModelPack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere, scratch = tmp_path / "elsewhere", tmp_path / "scratch"
    elsewhere.mkdir()
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    crops = np.stack([crop for crops in drawn(10, 2).values() for crop in crops])

    quantise_recogniser(pack, crops, tmp_path / "new.onnx", scratch)

    assert list(elsewhere.iterdir()) == []
    kinds = {node.op_type for node in onnx.load(str(tmp_path / "new.onnx")).graph.node}
    assert "QuantizeLinear" in kinds


def test_the_quantiser_sees_what_the_network_sees(pack: ModelPack) -> None:
    from facesort.faces.engines.load import load_engine

    crops = np.stack([crop for crops in drawn(3, 1).values() for crop in crops])
    engine = load_engine(pack, threads=1)
    assert pack.path is not None
    session = onnxruntime.InferenceSession(str(pack.path / "w_random.onnx"))

    rows = np.stack([session.run(None, {"x": x[None]})[0][0] for x in network_inputs(pack, crops)])

    rows /= np.linalg.norm(rows, axis=1)[:, None]
    np.testing.assert_allclose(rows, engine.embed(crops), atol=1e-4)


def test_a_decision_is_who_gets_the_face_and_how_surely() -> None:
    angles = np.radians([0, 90, 5, 30, 50, 85])
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)

    found = decisions(points[2:], points[:2], strict=0.2, loose=0.6)

    assert found.tolist() == [1, 0, -1, 3]
    assert agreement(found, np.array([1, 1, -1, 3])) == Agreement(3, 4)
    assert Agreement(199, 200).accepted
    assert not Agreement(198, 200).accepted
