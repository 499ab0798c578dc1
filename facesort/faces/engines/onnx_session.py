"""Open ONNX Runtime sessions on the requested execution provider, without fallback."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from facesort.errors import PackError
from facesort.settings import Backend

PROVIDERS = MappingProxyType[Backend, tuple[str, dict[str, str]]](
    {
        "onnxruntime": ("CPUExecutionProvider", {}),
        # TF32, the default, keeps 10 of the 23 bits of a float32's mantissa.
        "cuda": ("CUDAExecutionProvider", {"use_tf32": "0"}),
        "coreml": ("CoreMLExecutionProvider", {}),
        "directml": ("DmlExecutionProvider", {}),
    }
)
"""Execution provider of each backend, and its options."""

_PACKAGES = MappingProxyType(
    {
        "cuda": "pip install onnxruntime-gpu instead of onnxruntime",
        "coreml": "it comes with onnxruntime on a Mac",
        "directml": "pip install onnxruntime-directml instead of onnxruntime, on Windows",
    }
)


class InferenceSession(Protocol):
    """The part of ONNX Runtime's session that facesort and InsightFace use."""

    def get_inputs(self) -> Sequence[Any]:
        """Inputs, each with its ``name`` and ``shape``."""
        ...

    def get_outputs(self) -> Sequence[Any]:
        """Outputs, each with its ``name`` and ``shape``."""
        ...

    def run(
        self, names: Sequence[str] | None, feeds: Mapping[str, NDArray[np.float32]]
    ) -> list[NDArray[Any]]:
        """Run the model."""
        ...


class Runtime(Protocol):
    """The part of the module ``onnxruntime`` that `open_session` uses."""

    def disable_telemetry_events(self) -> None:
        """Turn off telemetry."""
        ...

    def get_available_providers(self) -> list[str]:
        """Names of the execution providers in this build."""
        ...

    def SessionOptions(self) -> Any:
        """Create options."""
        ...

    def InferenceSession(self, path: str, options: Any, *, providers: Sequence[Any]) -> Any:
        """Open a model."""
        ...


def open_session(
    path: Path, threads: int, backend: Backend = "onnxruntime", runtime: Runtime = onnxruntime
) -> InferenceSession:
    """Open a model for a long-lived worker: few threads, no memory arena, no fallback to the CPU.

    Parameters
    ----------
    path : Path
        An ONNX file.
    threads : int
        On the CPU.
    backend : {"onnxruntime", "cuda", "coreml", "directml"}

    Raises
    ------
    PackError
        If ONNX Runtime lacks the provider, cannot start it (it would only log that and use the CPU), or cannot load
        the file.
    """
    runtime.disable_telemetry_events()  # for Windows; elsewhere `facesort/__init__.py` does it
    provider, settings = PROVIDERS[backend]
    here = runtime.get_available_providers()
    if provider not in here:
        how = _PACKAGES.get(backend, "reinstall onnxruntime")
        raise PackError(
            f"this ONNX Runtime has no {provider}, only {', '.join(here)}: {how}, or set run.backend to auto"
        )
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = backend != "directml"  # DirectML does not support it
    options.log_severity_level = (
        3  # it would warn that SCRFD declares output shapes for 640 x 640 only
    )
    try:
        session = runtime.InferenceSession(str(path), options, providers=[(provider, settings)])
    except Exception as error:
        raise PackError(f"ONNX Runtime cannot load {path}: {error}") from error
    if session.get_providers()[0] != provider:
        raise PackError(
            f"ONNX Runtime could not start {provider} for {path}: check its driver and libraries, "
            "or set run.backend to auto"
        )
    opened: InferenceSession = session
    return opened
