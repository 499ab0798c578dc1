"""Choosing the inference backend."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from facesort.core.records import Crops, Embeddings
from facesort.errors import PackError
from facesort.faces.engines.backends import MAX_DISTANCE, Parity, choose_backend, measure_parity
from facesort.faces.engines.load import load_engine
from facesort.faces.engines.synthetic import SyntheticEngine
from facesort.faces.packs.find import resolve_pack
from facesort.faces.protocol import FaceEngine, ModelPack
from facesort.settings import Backend

HERE = importlib.util.find_spec("openvino") is not None


@dataclass
class Fixed(SyntheticEngine):
    """Gives every crop the same embedding, after some work."""

    embedding: tuple[float, float]
    work: Callable[[], object] = int

    def embed(self, crops: Crops) -> Embeddings:
        self.work()
        return np.tile(np.array(self.embedding, np.float32), (len(crops), 1))


def test_parity_is_the_largest_distance_and_the_gain_in_cpu_time() -> None:
    crops = np.zeros((3, 8, 8, 3), np.uint8)
    slow = Fixed((1, 0), work=lambda: sum(range(300_000)))
    found = measure_parity(slow, Fixed((0.6, 0.8)), crops)
    assert found.distance == pytest.approx(np.hypot(0.4, 0.8), abs=1e-6)
    assert found.gain > 2
    assert measure_parity(Fixed((0, 1)), replace(slow, embedding=(0, 1)), crops).gain < 0.5


@pytest.mark.parametrize(
    ("distance", "gain", "accepted"),
    [(0, 1, False), (0, 2, True), (MAX_DISTANCE, 2, True), (MAX_DISTANCE + 0.01, 9, False)],
)
def test_only_an_equivalent_and_faster_engine_is_accepted(
    distance: float, gain: float, accepted: bool
) -> None:
    assert Parity(distance, gain).accepted is accepted


def test_a_pack_without_onnx_files_never_runs_on_openvino() -> None:
    pack = resolve_pack("synthetic", [])
    assert choose_backend(pack, "auto") == choose_backend(pack, "onnxruntime") == "onnxruntime"
    with pytest.raises(PackError, match="no ONNX files"):
        choose_backend(pack, "openvino")


@pytest.mark.models
@pytest.mark.parametrize("name", ["mbf128", "buffalo_sc_int8"])
def test_auto_measures_on_this_machine(assets: Path, name: str) -> None:
    pack = resolve_pack(name, [assets / "models"])
    assert choose_backend(pack, "auto") in (
        {"onnxruntime", "openvino"} if HERE else {"onnxruntime"}
    )


@pytest.mark.models
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_an_accelerator_with_different_embeddings_is_refused(assets: Path, noise: float) -> None:
    @dataclass
    class Accelerated:
        engine: FaceEngine

        def embed(self, crops: Crops) -> Embeddings:
            return self.engine.embed(crops) + np.float32(noise)

    def load(pack: ModelPack, *, threads: int, backend: Backend) -> FaceEngine:
        engine = load_engine(pack, threads=threads)
        return engine if backend == "onnxruntime" else Accelerated(engine)  # type: ignore[return-value]

    pack = resolve_pack("mbf128", [assets / "models"])
    if noise:
        with pytest.raises(PackError, match=r"up to 0\.57 from the CPU's; 0\.1 is allowed"):
            choose_backend(pack, "cuda", load=load)
    else:
        assert choose_backend(pack, "cuda", load=load) == "cuda"


@pytest.mark.models
@pytest.mark.skipif(HERE, reason="OpenVINO is installed")
def test_openvino_by_name_is_an_error_where_it_is_not_installed(assets: Path) -> None:
    with pytest.raises(PackError, match="pip install openvino"):
        choose_backend(resolve_pack("mbf128", [assets / "models"]), "openvino")


@pytest.mark.models
@pytest.mark.skipif(not HERE, reason="OpenVINO is not installed")
def test_openvino_embeds_like_onnx_runtime(assets: Path) -> None:
    pack = resolve_pack("mbf128", [assets / "models"])
    crops = np.random.default_rng(1).integers(0, 256, (4, 112, 112, 3)).astype(np.uint8)
    engines = [load_engine(pack, threads=1, backend=b) for b in ("onnxruntime", "openvino")]
    assert measure_parity(*engines, crops).distance < 2 * MAX_DISTANCE
