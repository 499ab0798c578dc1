"""Sessions run on the requested provider or fail; ONNX Runtime alone would fall back to the CPU."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
from faces.tiny_packs import write_pack

from facesort.errors import PackError
from facesort.faces.engines.backends import choose_backend, describe_backend
from facesort.faces.engines.onnx_session import open_session
from facesort.faces.packs.find import resolve_pack
from facesort.settings import Backend

CPU = "CPUExecutionProvider"
ACCELERATORS: list[tuple[Backend, str]] = [
    ("cuda", "CUDAExecutionProvider"),
    ("coreml", "CoreMLExecutionProvider"),
    ("directml", "DmlExecutionProvider"),
]


@dataclass
class Session:
    providers: list[str]

    def get_providers(self) -> list[str]:
        return self.providers


@dataclass
class Runtime:
    """An ONNX Runtime with accelerators; of each session, it starts only the last ones."""

    available: list[str]
    started: list[str]
    asked: list[Any] = field(default_factory=list)
    reports: bool = True

    def disable_telemetry_events(self) -> None:
        self.reports = False

    def get_available_providers(self) -> list[str]:
        return self.available

    def SessionOptions(self) -> Any:
        return onnxruntime.SessionOptions()

    def InferenceSession(self, path: str, options: Any, *, providers: Sequence[Any]) -> Session:
        assert not self.reports
        self.asked.append((path, options, list(providers)))
        return Session(self.started)


@pytest.mark.parametrize(("backend", "provider"), ACCELERATORS)
def test_an_available_accelerator_is_used(backend: Backend, provider: str) -> None:
    runtime = Runtime([provider, CPU], [provider, CPU])
    session = open_session(Path("x.onnx"), 2, backend, runtime)
    ((path, options, ((asked, settings),)),) = runtime.asked
    assert isinstance(session, Session)
    assert (path, asked, options.intra_op_num_threads) == ("x.onnx", provider, 2)
    assert options.enable_mem_pattern is (backend != "directml")
    assert settings == ({"use_tf32": "0"} if backend == "cuda" else {})


@pytest.mark.parametrize(("backend", "provider"), ACCELERATORS)
def test_an_accelerator_that_does_not_start_is_an_error(backend: Backend, provider: str) -> None:
    runtime = Runtime([provider, CPU], [CPU])
    with pytest.raises(PackError, match=f"could not start {provider} for.*run.backend to auto"):
        open_session(Path("x.onnx"), 1, backend, runtime)


@pytest.mark.parametrize(("backend", "provider"), ACCELERATORS)
def test_a_missing_accelerator_is_an_error(backend: Backend, provider: str) -> None:
    runtime = Runtime([CPU], [CPU])
    with pytest.raises(PackError, match=f"has no {provider}, only {CPU}: .*or set"):
        open_session(Path("x.onnx"), 1, backend, runtime)
    assert runtime.asked == []


@pytest.mark.skipif(os.name == "nt", reason="the system reports there, not the runtime")
def test_telemetry_is_off(tmp_path: Path, checkout: Path) -> None:
    """Since 1.29 its wheels do, and keep a number of this device and what is to be sent in the user's home."""
    # Where tests run unattended it is silent by itself: CI must not be in its environment.
    told = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    code = "import facesort.faces.engines.onnx_session"
    subprocess.run([sys.executable, "-c", code], cwd=checkout, env=told, check=True)
    assert list(tmp_path.rglob("*")) == []


def test_what_reports_for_openvino_is_never_imported(tmp_path: Path, checkout: Path) -> None:
    """Its `openvino_telemetry` reports each import of it."""
    (tmp_path / "openvino_telemetry.py").write_text("raise SystemExit('it was imported')")
    path = os.pathsep.join(map(str, (tmp_path, checkout)))
    told = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": path}
    code = "import facesort\ntry:\n    import openvino_telemetry\nexcept ImportError:\n    print('off')"
    done = subprocess.run(
        [sys.executable, "-B", "-c", code], env=told, check=True, capture_output=True, text=True
    )
    assert done.stdout == "off\n"


def test_the_error_names_a_file_that_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(PackError, match=r"cannot load .*model\.onnx"):
        open_session(tmp_path / "model.onnx", 1)


@pytest.mark.models
@pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="CUDA is here"
)
def test_requesting_a_missing_backend_is_an_error(assets: Path) -> None:
    with pytest.raises(PackError, match="no CUDAExecutionProvider, only"):
        choose_backend(resolve_pack("mbf128", [assets / "models"]), "cuda")


def test_describe_backend(tmp_path: Path) -> None:
    write_pack(tmp_path / "tiny")
    pack = resolve_pack("tiny", [tmp_path])
    processor = f"ONNX Runtime {onnxruntime.__version__} (CPUExecutionProvider)"
    assert (
        describe_backend(resolve_pack("synthetic", []), "onnxruntime")
        == "the synthetic engine (CPU)"
    )
    assert describe_backend(pack, "onnxruntime") == processor
    for backend, provider in ACCELERATORS:
        told = describe_backend(pack, backend)
        assert (
            told == f"ONNX Runtime's {provider} for the recogniser and {processor} for the detector"
        )
