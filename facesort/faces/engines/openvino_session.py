"""An OpenVINO model with the interface of an ONNX Runtime session, for InsightFace's classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesort.errors import PackError

try:
    import openvino
except ImportError as error:
    raise PackError(f"OpenVINO is not installed; pip install openvino ({error})") from error


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output; dynamic dimensions are None."""

    name: str
    shape: list[int | None]


def precision() -> str:
    """Precision of the CPU: ``bf16`` where supported, else ``f32``."""
    able = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "bf16" if "BF16" in able else "f32"


class OpenVINOSession:
    """One model on the CPU, in bfloat16 where supported.

    Parameters
    ----------
    path : Path
        An ONNX file.

    Raises
    ------
    PackError
        If OpenVINO cannot load the file.
    """

    def __init__(self, path: Path, threads: int) -> None:
        core = openvino.Core()
        options = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": precision(),
            "ENABLE_CPU_PINNING": False,  # it would pin every worker to the same core
        }
        try:
            model = core.read_model(str(path))
            self._request = core.compile_model(model, "CPU", options).create_infer_request()
        except RuntimeError as error:
            raise PackError(f"OpenVINO cannot load {path}: {error}") from error
        self._inputs = [_port(port) for port in model.inputs]
        self._outputs = [_port(port) for port in model.outputs]

    def get_inputs(self) -> list[Port]:
        """As ONNX Runtime's."""
        return self._inputs

    def get_outputs(self) -> list[Port]:
        """As ONNX Runtime's."""
        return self._outputs

    def run(
        self, names: Sequence[str] | None, feeds: Mapping[str, NDArray[np.float32]]
    ) -> list[NDArray[Any]]:
        """Run the model; `names` selects outputs, None returns all in the model's order."""
        self._request.infer(dict(feeds))
        wanted = [port.name for port in self._outputs] if names is None else names
        return [np.array(self._request.get_tensor(name).data) for name in wanted]


def _port(port: Any) -> Port:
    shape = [None if length.is_dynamic else length.get_length() for length in port.partial_shape]
    return Port(str(port.any_name), shape)
