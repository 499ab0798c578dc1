"""Which runtime runs the networks: ONNX Runtime, or OpenVINO where it is installed, faster and as good.

OpenVINO and the accelerators get the recogniser only.  OpenVINO computes in bfloat16, and a detector in bfloat16 puts
the landmarks a thousandth of a face elsewhere, which moves embeddings more than the recogniser's own rounding does.
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
"""How far an embedding may be from ONNX Runtime's: less than a grey level of noise moves a quantised one."""

_LEAST_GAIN = 1.2
_REPETITIONS = 5


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two engines on the same faces.

    Parameters
    ----------
    distance : float
        The largest distance between the two embeddings of a face.
    gain : float
        How many times as fast the second one embeds them.
    """

    distance: float
    gain: float

    @property
    def accepted(self) -> bool:
        """Whether the second engine is to be preferred."""
        return self.distance <= MAX_DISTANCE and self.gain >= _LEAST_GAIN


Load = Callable[..., FaceEngine]


def choose_backend(
    pack: ModelPack, wanted: Backend, *, threads: int = 1, load: Load = load_engine
) -> Backend:
    """Decide which backend a run uses; what is asked for by name is never replaced by another.

    Parameters
    ----------
    wanted : Backend
        ``auto`` takes OpenVINO if on this machine it embeds the faces of InsightFace's sample picture within
        `MAX_DISTANCE` of ONNX Runtime and at least 1.2 times as fast.  It takes no accelerator: what that gains
        cannot be told from CPU time.
    threads : int
        Per worker.
    load : callable
        As `load_engine`.

    Returns
    -------
    Backend
        Any but ``auto``.

    Raises
    ------
    PackError
        If what is asked for by name cannot run this pack, or an accelerator gives other embeddings.
    """
    if pack.kind != "insightface":
        if wanted not in {"auto", "onnxruntime"}:
            raise PackError(f"model pack {pack.name} has no ONNX files for {wanted} to run")
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
    """An accelerator may be any, with any driver: see what it does here before it embeds thousands of faces."""
    other = load(pack, threads=threads, backend=wanted)
    reference = load(pack, threads=threads, backend="onnxruntime")
    found = compare(reference, other, _sample_faces(reference)).distance
    log.info("%s embeds at most %.3f from the processor", wanted, found)
    if not found <= MAX_DISTANCE:
        raise PackError(
            f"{wanted} gives embeddings up to {found:.2f} from the processor's, and {MAX_DISTANCE:g} is allowed: "
            "set run.backend to auto"
        )


def _faster(pack: ModelPack, threads: int, load: Load) -> Backend:
    """OpenVINO, if it is as good and faster."""
    try:
        reference, other = (
            load(pack, threads=threads, backend=backend) for backend in ("onnxruntime", "openvino")
        )
    except PackError as error:
        log.info("OpenVINO is not used: %s", error)
        return "onnxruntime"
    found = compare(reference, other, _sample_faces(reference))
    log.info(
        "OpenVINO embeds at most %.3f from ONNX Runtime, %.1f times as fast: %s",
        found.distance,
        found.gain,
        "used" if found.accepted else "not used",
    )
    return "openvino" if found.accepted else "onnxruntime"


def describe_backend(pack: ModelPack, backend: Backend) -> str:
    """Say what runs the networks, for people: libraries, versions and, where it is known, the precision."""
    if pack.kind != "insightface":
        return f"the {pack.kind} engine (CPU)"
    # Imported here: other packs do without it.
    import onnxruntime

    from facesort.faces.engines.onnx_session import PROVIDERS

    processor = f"ONNX Runtime {onnxruntime.__version__} (CPUExecutionProvider)"
    if backend == "onnxruntime":
        return processor
    if backend == "openvino":
        from facesort.faces.engines.openvino_session import precision

        version = importlib.metadata.version("openvino")
        return f"OpenVINO {version} (CPU, {precision()}) for the recogniser and {processor} for the detector"
    provider = PROVIDERS[backend][0]
    return f"ONNX Runtime's {provider} for the recogniser and {processor} for the detector"


def compare(reference: FaceEngine, other: FaceEngine, crops: Crops) -> Comparison:
    """Embed the same aligned faces with both; shape of the crops as `FaceEngine.align` gives them."""
    apart = np.linalg.norm(reference.embed(crops) - other.embed(crops), axis=1)
    seconds = [_seconds(partial(engine.embed, crops)) for engine in (reference, other)]
    return Comparison(float(apart.max()), seconds[0] / seconds[1])


def _seconds(work: Callable[[], object]) -> float:
    """CPU time of a call: it does not depend on what else the machine is doing."""
    taken = []
    for _ in range(_REPETITIONS):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return max(statistics.median(taken), 1e-9)


def _sample_faces(engine: FaceEngine) -> Crops:
    """Align the six faces of a picture that comes with InsightFace."""
    import cv2
    import insightface

    path = Path(insightface.__file__).parent / "data/images/t1.jpg"
    picture = cv2.imread(str(path))
    if picture is None:
        raise PackError(f"{path} is missing: reinstall insightface")
    pixels = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), dtype=np.uint8)
    return engine.align(pixels, engine.detect(pixels))
