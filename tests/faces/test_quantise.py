"""A quantised pack is written only if it decides as the original, and nothing else is left behind."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from faces.tiny_packs import write_model
from onnx import TensorProto, helper, numpy_helper
from synthetic_event import write_photo

from facesort.core.calibration.agreement import Agreement, agreement, decisions
from facesort.core.records import Crops, Embeddings
from facesort.engine.analysis.analyse import Analyser, Task
from facesort.engine.analysis.lost import WorkerLost
from facesort.engine.calibration import quantise
from facesort.errors import InsufficientTrialsError, PackError
from facesort.faces.engines.quantise import network_inputs, quantise_recogniser
from facesort.faces.packs.files import read_pack, synthetic_pack
from facesort.faces.protocol import ModelPack
from facesort.reasons import Reason
from facesort.settings import PhotoSettings

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
    monkeypatch.setattr(quantise, "_aligned", lambda *_: quantise.Aligned(drawn(60, 9)))

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
    monkeypatch.setattr(quantise, "_aligned", lambda *_: quantise.Aligned(drawn(60, 9)))
    monkeypatch.setattr(quantise, "agreement", lambda *_: Agreement(238, 240, 238, 240))

    found = make(pack, tmp_path)

    assert found.pack is None
    assert not (tmp_path / "new").exists()
    assert quantise.refusal(found).startswith(
        "nothing was written: 238 of 240 decisions (99.2 %) are those of the original"
    )


def test_too_few_faces_are_refused(
    pack: ModelPack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantise, "_aligned", lambda *_: quantise.Aligned(drawn(10, 9)))

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
    assert agreement(found, np.array([1, 1, -1, 3])) == Agreement(3, 4, 2, 3)
    assert Agreement(199, 200, 199, 200).accepted
    assert not Agreement(198, 200, 198, 200).accepted


def test_noise_is_refused_although_it_names_no_stranger() -> None:
    """To find nobody is right about strangers, however many there are."""
    rng = np.random.default_rng(2)

    def directions(number: int) -> Embeddings:
        rows = rng.normal(size=(number, 512)).astype(np.float32)
        return np.asarray(rows / np.linalg.norm(rows, axis=1)[:, None])

    for known in (5, 150):
        references, strangers = directions(known), directions(200 * known)
        before = decisions(np.concatenate([references, strangers]), references, 0.8, 1.0)
        after = decisions(directions(201 * known), directions(known), 0.8, 1.0)

        found = agreement(before, after)

        assert found.same >= 0.995 * found.faces
        assert (found.same_named, found.named) == (0, known)
        assert not found.accepted


def test_few_named_faces_prove_nothing() -> None:
    assert not Agreement(1000, 1000, 99, 99).accepted
    assert Agreement(1000, 1000, 100, 100).accepted


def test_too_few_named_faces_are_refused(
    pack: ModelPack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantise, "_aligned", lambda *_: quantise.Aligned(drawn(60, 9)))
    stranger = replace(pack, strict=0.0, loose=0.0)

    with pytest.raises(InsufficientTrialsError, match="at least 100 are needed; add second photos"):
        make(stranger, tmp_path)


def test_thresholds_that_nobody_measured_are_not_handed_on(
    pack: ModelPack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantise, "_aligned", lambda *_: quantise.Aligned(drawn(60, 9)))
    assert not pack.calibrated

    found = make(pack, tmp_path)

    assert found.pack is not None
    assert not found.pack.calibrated
    assert found.pack.measured_on == ""


def test_measured_thresholds_are_handed_on_with_their_origin(
    pack: ModelPack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantise, "_aligned", lambda *_: quantise.Aligned(drawn(60, 9)))
    measured = replace(pack, strict=0.82, loose=1.02, calibrated=True, measured_on="1,940 photos")

    found = make(measured, tmp_path)

    assert found.pack is not None
    assert (found.pack.strict, found.pack.loose) == (0.82, 1.02)
    assert found.pack.measured_on.startswith("1,940 photos (those of the pack")


def test_others_read_a_quantised_pack_if_they_read_the_folder(
    pack: ModelPack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantise, "_aligned", lambda *_: quantise.Aligned(drawn(60, 9)))
    (tmp_path / "new").mkdir()
    (tmp_path / "new").chmod(0o775)

    make(pack, tmp_path)

    assert (tmp_path / "new" / "random-int8").stat().st_mode & 0o777 == 0o755


def test_names_that_facesort_has_taken_are_refused(pack: ModelPack, tmp_path: Path) -> None:
    with pytest.raises(PackError, match="cannot be called 'dlib': give another folder"):
        quantise.quantise_pack(pack, tmp_path, tmp_path / "new" / "dlib")


def test_a_killed_one_leaves_nothing_for_ever(
    pack: ModelPack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    left = temporary / "facesort-quantise-killed"
    left.mkdir(parents=True)
    (left / "in-use.lock").touch()
    monkeypatch.setattr(quantise, "_aligned", lambda *_: quantise.Aligned(drawn(10, 9)))

    with pytest.raises(InsufficientTrialsError):
        make(pack, tmp_path)

    assert list(temporary.iterdir()) == []
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("half", ["det_tiny.onnx", "w_random.onnx"])
def test_a_file_that_was_swapped_is_not_vouched_for(
    pack: ModelPack, tmp_path: Path, half: str
) -> None:
    assert pack.path is not None
    for name in ("new", "scratch"):
        (tmp_path / name).mkdir()
    crops = np.stack([crops[0] for crops in drawn(3, 1).values()])
    with (pack.path / half).open("ab") as stream:
        stream.write(b"x")

    with pytest.raises(PackError, match=f"{half} has changed meanwhile"):
        quantise._write(pack, crops, tmp_path / "new", tmp_path / "scratch")


class Inline:
    """A pool without processes, in which one photo kills its worker."""

    def __init__(self, killer: str) -> None:
        self.killer, self.tries = killer, 0

    def submit_within(
        self, _: PhotoSettings, work: Callable[..., object], analyser: Analyser, task: Task
    ) -> Future[object]:
        future = Future[object]()
        if Path(task.ref.path).name == self.killer:
            self.tries += 1
            future.set_exception(WorkerLost(-9))
        else:
            future.set_result(work(analyser, task))
        return future


def test_a_photo_that_kills_its_worker_is_counted_and_a_copy_is_not_used(tmp_path: Path) -> None:
    for identity in range(3):
        for variation in (40, 90):
            path = tmp_path / f"Person {identity}" / f"{identity}-{variation}.png"
            write_photo(path, [identity], variation=variation)
    shutil.copyfile(tmp_path / "Person 2" / "2-40.png", tmp_path / "Person 2" / "copy.png")
    write_photo(tmp_path / "Person 2" / "two.png", [2, 3])
    (tmp_path / "lying about.txt").touch()
    pool = Inline("1-90.png")

    found = quantise._aligned(synthetic_pack(), tmp_path, pool, None)  # type: ignore[arg-type]

    assert pool.tries == 2
    assert {name: len(crops) for name, crops in found.crops.items()} == {
        "Person 0": 2,
        "Person 1": 1,
        "Person 2": 2,
    }
    assert found.refused == {
        Reason.WORKER_DIED: 1,
        Reason.DUPLICATE: 1,
        Reason.SEVERAL_FACES: 1,
    }
    assert len(found.left_out) == 1


def test_a_mistake_of_ours_is_not_taken_for_a_photo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_photo(tmp_path / "Person 1" / "1.png", [1], variation=40)

    def mistaken(*_: object) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(quantise, "look_for_faces", mistaken)
    with pytest.raises(RuntimeError, match="a mistake of ours"):
        quantise._aligned(synthetic_pack(), tmp_path, Inline(""), None)  # type: ignore[arg-type]
