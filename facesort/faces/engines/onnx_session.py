"""ONNX Runtime's sessions: on the processor or on an accelerator that was asked for, never on another one."""

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
        # TF32, the default, keeps 10 bits of a float's 23.
        "cuda": ("CUDAExecutionProvider", {"use_tf32": "0"}),
        "coreml": ("CoreMLExecutionProvider", {}),
        "directml": ("DmlExecutionProvider", {}),
    }
)
"""ONNX Runtime's execution provider of each backend, and its options."""

_PACKAGES = MappingProxyType(
    {
        "cuda": "pip install onnxruntime-gpu in the place of onnxruntime",
        "coreml": "it comes with onnxruntime on a Mac",
        "directml": "pip install onnxruntime-directml in the place of onnxruntime, on Windows",
    }
)


class Session(Protocol):
    """What facesort and InsightFace ask of an inference session; ONNX Runtime's has it."""

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
    """What is asked of the module ``onnxruntime``."""

    def disable_telemetry_events(self) -> None:
        """Report nothing to Microsoft."""
        ...

    def get_available_providers(self) -> list[str]:
        """Names of the execution providers that this build has."""
        ...

    def SessionOptions(self) -> Any:
        """Make options."""
        ...

    def InferenceSession(self, path: str, options: Any, *, providers: Sequence[Any]) -> Any:
        """Open a model."""
        ...


def open_session(
    path: Path, threads: int, backend: Backend = "onnxruntime", runtime: Runtime = onnxruntime
) -> Session:
    """Open a model for a long life in a worker: few threads, no growing arena, no silent fallback.

    Parameters
    ----------
    path : Path
        An ONNX file.
    threads : int
        On the processor.
    backend : {"onnxruntime", "cuda", "coreml", "directml"}

    Raises
    ------
    PackError
        If ONNX Runtime has no provider of that name, could not start it (it would take the processor instead and
        only log that), or refuses the file.
    """
    runtime.disable_telemetry_events()  # for Windows: elsewhere `facesort/__init__.py` has seen to it
    provider, settings = PROVIDERS[backend]
    here = runtime.get_available_providers()
    if provider not in here:
        how = _PACKAGES.get(backend, "reinstall onnxruntime")
        raise PackError(
            f"ONNX Runtime has no {provider} here; it has {', '.join(here)}: {how}, or set run.backend to auto"
        )
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = backend != "directml"  # which it does not support
    options.log_severity_level = 3  # SCRFD's files declare the output shapes of 640 x 640 only
    try:
        session = runtime.InferenceSession(str(path), options, providers=[(provider, settings)])
    except Exception as error:
        raise PackError(f"ONNX Runtime refuses {path}: {error}") from error
    if session.get_providers()[0] != provider:
        raise PackError(
            f"ONNX Runtime has {provider} and could not start it for {path}: look at its driver and libraries, "
            "or set run.backend to auto"
        )
    opened: Session = session
    return opened
