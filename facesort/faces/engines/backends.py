"""Choose the inference backend: ONNX Runtime, or OpenVINO where it is installed, equivalent and faster.

OpenVINO and the accelerators run the recogniser only.  OpenVINO computes in bfloat16; a detector in bfloat16 shifts the
landmarks by a thousandth of a face, which changes embeddings more than the recogniser's own rounding does.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from facesort.core.records import Crops
from facesort.errors import PackError
from facesort.faces.engines.load import load_engine
from facesort.faces.protocol import FaceEngine, ModelPack
from facesort.settings import Backend

log = logging.getLogger(__name__)

MAX_DISTANCE = 0.1
"""Largest accepted distance from ONNX Runtime's embedding: noise of one grey level moves a quantised one by more."""

_LEAST_GAIN = 1.2
_REPETITIONS = 5


@dataclass(frozen=True, slots=True)
class Parity:
    """How an engine compares with a reference engine on the same faces.

    Parameters
    ----------
    distance : float
        Largest distance between the two embeddings of a face.
    gain : float
        Speed relative to the reference.
    """

    distance: float
    gain: float

    @property
    def accepted(self) -> bool:
        """Whether the engine should replace the reference."""
        return self.distance <= MAX_DISTANCE and self.gain >= _LEAST_GAIN


Load = Callable[..., FaceEngine]


def choose_backend(
    pack: ModelPack, wanted: Backend, *, threads: int = 1, load: Load = load_engine
) -> Backend:
    """Choose the backend of a run; one that is requested by name is never replaced.

    Parameters
    ----------
    wanted : Backend
        ``auto`` uses OpenVINO if, on this machine, it embeds the faces of InsightFace's sample picture within
        `MAX_DISTANCE` of ONNX Runtime and at least 1.2 times as fast.  It never uses an accelerator, whose gain
        cannot be measured in CPU time.
    threads : int
        Per worker.
    load : callable
        Tests pass their own.

    Returns
    -------
    Backend
        Never ``auto``.

    Raises
    ------
    PackError
        If the requested backend cannot run this pack, or an accelerator's embeddings differ.
    """
    if not pack.recogniser.runs_in_onnx:
        if wanted not in {"auto", "onnxruntime"}:
            raise PackError(
                f"model pack {pack.name} has no ONNX files for {wanted} to run: set run.backend to auto"
            )
        return "onnxruntime"
    if wanted == "openvino":
        load(pack, threads=threads, backend=wanted)
    elif wanted in {"auto", "onnxruntime"}:
        try_it = wanted == "auto" and importlib.util.find_spec("openvino") is not None
        return _faster(pack, threads, load) if try_it else "onnxruntime"
    else:
        _refuse_other_embeddings(pack, wanted, threads, load)
    return wanted


def _refuse_other_embeddings(pack: ModelPack, wanted: Backend, threads: int, load: Load) -> None:
    """Check an accelerator, with its driver, on this machine before it embeds thousands of faces."""
    other = load(pack, threads=threads, backend=wanted)
    reference = load(pack, threads=threads, backend="onnxruntime")
    found = measure_parity(reference, other, _sample_faces(reference)).distance
    log.info("%s: embeddings at most %.3f from the CPU's", wanted, found)
    if not found <= MAX_DISTANCE:
        raise PackError(
            f"embeddings from {wanted} differ by up to {found:.2f} from the CPU's; {MAX_DISTANCE:g} is allowed: "
            "set run.backend to auto"
        )


def _faster(pack: ModelPack, threads: int, load: Load) -> Backend:
    """OpenVINO if it is equivalent and faster, else ONNX Runtime."""
    try:
        reference, other = (
            load(pack, threads=threads, backend=backend) for backend in ("onnxruntime", "openvino")
        )
    except PackError as error:
        log.info("OpenVINO is not used: %s", error)
        return "onnxruntime"
    found = measure_parity(reference, other, _sample_faces(reference))
    log.info(
        "OpenVINO: embeddings at most %.3f from ONNX Runtime's, %.1f times as fast: %s",
        found.distance,
        found.gain,
        "used" if found.accepted else "not used",
    )
    return "openvino" if found.accepted else "onnxruntime"


def describe_backend(pack: ModelPack, backend: Backend) -> str:
    """Describe the backend for users: libraries, versions and, where known, precision."""
    if not pack.recogniser.runs_in_onnx:
        return f"the {pack.recogniser.kind} engine (CPU)"
    # Imported here: other packs do not need it.
    import onnxruntime

    from facesort.faces.engines.onnx_session import PROVIDERS

    onnx_runtime = f"ONNX Runtime {onnxruntime.__version__} (CPUExecutionProvider)"
    if backend == "onnxruntime":
        return onnx_runtime
    if backend == "openvino":
        from facesort.faces.engines.openvino_session import precision

        version = importlib.metadata.version("openvino")
        return f"OpenVINO {version} (CPU, {precision()}) for the recogniser and {onnx_runtime} for the detector"
    provider = PROVIDERS[backend][0]
    return f"ONNX Runtime's {provider} for the recogniser and {onnx_runtime} for the detector"


def measure_parity(reference: FaceEngine, other: FaceEngine, crops: Crops) -> Parity:
    """Embed the same crops (from `FaceEngine.align`) with both engines."""
    apart = np.linalg.norm(reference.embed(crops) - other.embed(crops), axis=1)
    seconds = [_seconds(partial(engine.embed, crops)) for engine in (reference, other)]
    return Parity(float(apart.max()), seconds[0] / seconds[1])


def _seconds(work: Callable[[], object]) -> float:
    """CPU time of a call, which does not depend on the load of the machine."""
    taken = []
    for _ in range(_REPETITIONS):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return max(statistics.median(taken), 1e-9)


def _sample_faces(engine: FaceEngine) -> Crops:
    """Crops of the six faces in InsightFace's sample picture."""
    import cv2
    import insightface

    path = Path(insightface.__file__).parent / "data/images/t1.jpg"
    picture = cv2.imread(str(path))
    if picture is None:
        raise PackError(f"{path} is missing: reinstall insightface")
    pixels = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), dtype=np.uint8)
    return engine.align(pixels, engine.detect(pixels))
