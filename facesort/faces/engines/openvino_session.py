"""OpenVINO behind the interface of an ONNX Runtime session, so that InsightFace's classes do not see the difference."""

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
    raise PackError(
        f"OpenVINO is not installed; pip install 'facesort[openvino]' ({error})"
    ) from error


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output: its name, and its shape with None where it is free."""

    name: str
    shape: list[int | None]


def precision() -> str:
    """In what the processor computes: ``bf16`` where it can, else ``f32``."""
    able = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "bf16" if "BF16" in able else "f32"


class OpenVINOSession:
    """One model on the CPU, in bfloat16 where the processor computes in it.

    Parameters
    ----------
    path : Path
        An ONNX file.

    Raises
    ------
    PackError
        If OpenVINO refuses the file.
    """

    def __init__(self, path: Path, threads: int) -> None:
        core = openvino.Core()
        options = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": precision(),
            "ENABLE_CPU_PINNING": False,  # every worker would be pinned to the same core
        }
        try:
            model = core.read_model(str(path))
            self._request = core.compile_model(model, "CPU", options).create_infer_request()
        except RuntimeError as error:
            raise PackError(f"OpenVINO refuses {path}: {error}") from error
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
        """Run on one set of inputs; `names` of outputs, None for all of them in the model's order."""
        self._request.infer(dict(feeds))
        wanted = [port.name for port in self._outputs] if names is None else names
        return [np.array(self._request.get_tensor(name).data) for name in wanted]


def _port(port: Any) -> Port:
    shape = [None if length.is_dynamic else length.get_length() for length in port.partial_shape]
    return Port(str(port.any_name), shape)
