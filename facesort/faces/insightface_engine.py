"""The engine for InsightFace packs: SCRFD and an ArcFace-like recogniser on ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facesort.core.records import Crops, Detections, Embeddings, Pixels
from facesort.errors import PackError
from facesort.faces.protocol import ModelPack


def explain(error: ImportError) -> PackError:
    """Say what to install when InsightFace or a library below it cannot be imported."""
    if "libGL" in str(error) or "libgthread" in str(error):
        return PackError(
            "OpenCV needs system libraries that are not installed; "
            f"on Debian or Ubuntu: sudo apt install libgl1 libglib2.0-0 ({error})"
        )
    return PackError(f"InsightFace cannot be used; pip install insightface onnxruntime ({error})")


try:
    import cv2
    import onnxruntime
    from insightface.model_zoo import SCRFD, ArcFaceONNX
    from insightface.utils.face_align import arcface_dst
except ImportError as error:
    raise explain(error) from error

__all__ = ["InsightFaceEngine", "explain", "similarity"]

_DETECT_SIDES = (128, 640)  # px of the long edge; 640 alone loses faces that fill the frame
_STRIDE = 32  # SCRFD's coarsest; input sides are multiples of it
_MIN_SCORE = 0.5
_THINNEST = 1 / 64  # a strip thinner than this has no row left at 128 px


class InsightFaceEngine:
    """Detects with SCRFD at two sizes jointly, aligns to ArcFace's template, embeds one face at a time.

    Parameters
    ----------
    pack : ModelPack
        Of kind ``insightface``; its files are the detector and the recogniser, in this order.
    threads : int
        For ONNX Runtime and OpenCV (whose number is set for the whole process).
    providers : sequence of str
        ONNX Runtime execution providers, all of which must be there.

    Raises
    ------
    PackError
        If a provider is not available, or ONNX Runtime refuses a file.
    """

    def __init__(
        self, pack: ModelPack, *, threads: int, providers: Sequence[str] = ("CPUExecutionProvider",)
    ) -> None:
        if pack.path is None or len(pack.files) != 2:
            raise ValueError(
                f"{pack.name} is not an InsightFace pack: it needs a folder and two files"
            )
        detector, recogniser = (pack.path / name for name, _ in pack.files)
        self._pack = pack
        cv2.setNumThreads(threads)
        # Given only a session, SCRFD runs every size through it instead of making one session per size.
        self._detector = SCRFD(session=_open(detector, threads, providers))
        self._recogniser = ArcFaceONNX(str(recogniser), _open(recogniser, threads, providers))

    @property
    def pack(self) -> ModelPack:
        """The pack this engine runs."""
        return self._pack

    def detect(self, pixels: Pixels) -> Detections:
        """Find the faces in one image.

        The image is averaged down to a long edge of 640 px (SCRFD's own bilinear resize skips pixels of
        large images), and the network gets no more padding than its stride needs: a 3:2 photo costs a
        quarter less than in InsightFace's square, for the same detections.
        """
        height, width = pixels.shape[:2]
        if min(height, width) < max(height, width) * _THINNEST:
            return _detections(np.empty((0, 5)), np.empty((0, 5, 2)))
        shrink = min(1.0, _DETECT_SIDES[-1] / max(height, width))
        size = max(1, round(width * shrink)), max(1, round(height * shrink))
        small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if shrink < 1 else pixels
        found, landmarks = self._detector.detect(
            cv2.cvtColor(small, cv2.COLOR_RGB2BGR),
            input_size=[_input_size(size, side) for side in _DETECT_SIDES],
            det_thresh=_MIN_SCORE,
        )
        enlarge = np.array([width / size[0], height / size[1]])
        found[:, :4] *= np.tile(enlarge, 2)
        return _detections(found, landmarks * enlarge)

    def align(self, pixels: Pixels, detections: Detections) -> Crops:
        """Cut the faces out, turned and scaled to ArcFace's template; shape (n, side, side, 3)."""
        side = int(self._recogniser.input_size[0])
        crops = np.empty((len(detections), side, side, 3), dtype=np.uint8)
        for crop, points in zip(crops, detections.landmarks, strict=True):
            crop[...] = cv2.warpAffine(pixels, similarity(points, _template(side)), (side, side))
        return crops

    def embed(self, crops: Crops) -> Embeddings:
        """Embed aligned crops; shape (n, dim), L2-normalised.

        One by one: some recognisers have a fixed batch of 1, dynamically quantised ones give a face another
        embedding in other company (up to 0.17 apart), and memory stays flat.
        """
        dim = int(self._recogniser.output_shape[-1])
        vectors = np.empty((len(crops), dim), dtype=np.float32)
        for vector, crop in zip(vectors, crops, strict=True):
            vector[:] = self._recogniser.get_feat(cv2.cvtColor(crop, cv2.COLOR_RGB2BGR))[0]
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors


def similarity(points: NDArray[np.float32], template: NDArray[np.float32]) -> NDArray[np.float64]:
    """Rotation, scale and shift that bring points nearest to a template, by least squares.

    Umeyama (1991) in the plane, where, with points as complex numbers, it is one division.  The same as
    ``insightface.utils.face_align.estimate_norm``, which warns with each call since scikit-image 0.26.

    Parameters
    ----------
    points, template : ndarray of shape (n, 2)

    Returns
    -------
    ndarray of shape (2, 3), float64
    """
    source, target = (
        np.asarray(p, dtype=np.float64) @ np.array([1, 1j]) for p in (points, template)
    )
    centred = source - source.mean()
    turn = np.vdot(centred, target - target.mean()) / np.vdot(centred, centred).real
    shift = target.mean() - turn * source.mean()
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def _template(side: int) -> NDArray[np.float32]:
    """ArcFace's five points for a crop of `side` px, as InsightFace scales and centres them."""
    if side % 112 == 0:
        return np.asarray(arcface_dst * (side / 112), dtype=np.float32)
    centred = arcface_dst + np.array([8, 0])
    return np.asarray(centred * (side / 128), dtype=np.float32)


def _input_size(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Width and height for the network: the image at a long edge of `side`, up to whole strides."""
    width, height = (length * side / max(size) for length in size)
    return int(-(-width // _STRIDE) * _STRIDE), int(-(-height // _STRIDE) * _STRIDE)


def _detections(found: NDArray[np.floating], landmarks: NDArray[np.floating]) -> Detections:
    return Detections(
        boxes=found[:, :4].astype(np.float32),
        landmarks=landmarks.astype(np.float32),
        scores=found[:, 4].astype(np.float32),
    )


def _open(path: Path, threads: int, providers: Sequence[str]) -> onnxruntime.InferenceSession:
    """Open a model for a long life in a worker: few threads, no growing arena, no silent fallback."""
    missing = sorted(set(providers) - set(onnxruntime.get_available_providers()))
    if missing:
        raise PackError(
            f"ONNX Runtime has no {', '.join(missing)} here; "
            f"it has {', '.join(onnxruntime.get_available_providers())}"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3  # SCRFD's files declare the output shapes of 640 x 640 only
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=list(providers))
    except Exception as error:
        raise PackError(f"ONNX Runtime refuses {path}: {error}") from error
    refused = sorted(set(providers) - set(session.get_providers()))
    if refused:
        raise PackError(f"ONNX Runtime could not start {', '.join(refused)} for {path}")
    return session
