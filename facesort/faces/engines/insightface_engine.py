"""Engine for InsightFace packs: SCRFD and an ArcFace-like recogniser on ONNX Runtime."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facesort.core.records import Crops, Detections, Embeddings, Pixels
from facesort.errors import PackError
from facesort.faces.protocol import ModelPack
from facesort.pixels import averaged
from facesort.settings import Backend


def missing_library(error: ImportError) -> PackError:
    """Error that says what to install when InsightFace or one of its dependencies cannot be imported."""
    if "libGL" in str(error) or "libgthread" in str(error):
        return PackError(
            "OpenCV needs system libraries that are not installed: "
            f"on Debian or Ubuntu, sudo apt install libgl1 libglib2.0-0 ({error})"
        )
    return PackError(
        f"InsightFace cannot be imported: pip install insightface onnxruntime ({error})"
    )


try:
    import cv2
    from insightface.model_zoo import SCRFD, ArcFaceONNX
    from insightface.utils.face_align import arcface_dst

    from facesort.faces.engines.onnx_session import InferenceSession, open_session
except ImportError as error:
    raise missing_library(error) from error


_DETECT_SIDES = (128, 640)  # px of the long edge; 640 alone misses faces that fill the frame
_STRIDE = 32  # SCRFD's largest; input sides are multiples of it
_MIN_SCORE = 0.5
_SURE = 0.78
_THINNEST = 1 / 64  # thinner images have no row left at 128 px


class InsightFaceEngine:
    """Detects with SCRFD at two scales jointly, aligns to ArcFace's template, embeds one face at a time.

    Parameters
    ----------
    pack : ModelPack
        Of kind ``insightface``; its files are the detector and the recogniser, in this order.
    threads : int
        For inference and OpenCV (there, for the whole process).
    backend : Backend
        Runs the recogniser; the detector always runs in ONNX Runtime on the CPU (see `backends`).

    Raises
    ------
    PackError
        If the backend is not available or cannot load a file.
    """

    def __init__(self, pack: ModelPack, *, threads: int, backend: Backend = "onnxruntime") -> None:
        if pack.path is None or len(pack.files) != 2:
            raise ValueError(
                f"{pack.name} is not an InsightFace pack: it needs a folder and two files"
            )
        detector, recogniser = (pack.path / name for name, _ in pack.files)
        self.pack = pack
        cv2.setNumThreads(threads)
        # With a session, SCRFD uses it for both scales instead of opening one for each.
        self._detector = SCRFD(session=open_session(detector, threads))
        if backend == "openvino":
            # Imported here: it is optional.
            from facesort.faces.engines.openvino_session import OpenVINOSession

            session: InferenceSession = OpenVINOSession(recogniser, threads)
        else:
            session = open_session(recogniser, threads, backend)
        self._recogniser = ArcFaceONNX(str(recogniser), session)

    @property
    def sure(self) -> float:
        """The best face of 1 % of upright photos has less (of 83 labelled ones), of 97 % of those that are not."""
        return _SURE

    @property
    def edge(self) -> int:
        """640 px."""
        return _DETECT_SIDES[-1]

    @property
    def sessions(self) -> tuple[InferenceSession, InferenceSession]:
        """Of the detector and the recogniser, for benchmarks."""
        return self._detector.session, self._recogniser.session

    def detect(self, pixels: Pixels, *, quick: bool = False) -> Detections:
        """Find the faces in one image.

        The image is first area-averaged to a long edge of 640 px: SCRFD's bilinear resize would skip pixels.
        Padding is only up to the next stride: a 3:2 photo costs a quarter less than in InsightFace's square, with the
        same detections.  A quick detection takes the image at its own size, not enlarged to 640 px.
        """
        height, width = pixels.shape[:2]
        if min(height, width) < max(height, width) * _THINNEST:
            return _detections(np.empty((0, 5)), np.empty((0, 5, 2)))
        size = _small_size(pixels)
        small = averaged(pixels, size)
        found, landmarks = self._detector.detect(
            cv2.cvtColor(small, cv2.COLOR_RGB2BGR),
            input_size=[_whole_strides(*size)] if quick else detector_sizes(pixels),
            det_thresh=_MIN_SCORE,
        )
        enlarge = np.array([width / size[0], height / size[1]])
        found[:, :4] *= np.tile(enlarge, 2)
        return _detections(found, landmarks * enlarge)

    def align(self, pixels: Pixels, detections: Detections) -> Crops:
        """Crop the faces, aligned to ArcFace's template; shape (n, side, side, 3)."""
        side = int(self._recogniser.input_size[0])
        crops = np.empty((len(detections), side, side, 3), dtype=np.uint8)
        for crop, points in zip(crops, detections.landmarks, strict=True):
            crop[...] = cv2.warpAffine(pixels, similarity(points, _template(side)), (side, side))
        return crops

    def embed(self, crops: Crops) -> Embeddings:
        """Embed aligned crops; shape (n, dim), L2-normalised.

        One at a time: some recognisers have a fixed batch size of 1, with dynamic quantisation an embedding depends on
        the rest of its batch (by up to 0.17), and memory stays constant.
        """
        dim = int(self._recogniser.output_shape[-1])
        vectors = np.empty((len(crops), dim), dtype=np.float32)
        for vector, crop in zip(vectors, crops, strict=True):
            vector[:] = self._recogniser.get_feat(cv2.cvtColor(crop, cv2.COLOR_RGB2BGR))[0]
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors


def detector_sizes(pixels: Pixels) -> list[tuple[int, int]]:
    """Width and height of each detector input: the image at each scale, rounded up to whole strides."""
    size = _small_size(pixels)
    sizes = []
    for side in _DETECT_SIDES:
        width, height = (length * side / max(size) for length in size)
        sizes.append(_whole_strides(width, height))
    return sizes


def _whole_strides(width: float, height: float) -> tuple[int, int]:
    return int(-(-width // _STRIDE) * _STRIDE), int(-(-height // _STRIDE) * _STRIDE)


def _small_size(pixels: Pixels) -> tuple[int, int]:
    """Width and height of the image before detection; never enlarged."""
    height, width = pixels.shape[:2]
    shrink = min(1.0, _DETECT_SIDES[-1] / max(height, width))
    return max(1, round(width * shrink)), max(1, round(height * shrink))


def similarity(points: NDArray[np.float32], template: NDArray[np.float32]) -> NDArray[np.float64]:
    """Least-squares similarity transform (rotation, scale, translation) from points to a template.

    Umeyama (1991), for 2D points written as complex numbers.  Same result as
    ``insightface.utils.face_align.estimate_norm``, which warns on each call since scikit-image 0.26.

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
    """ArcFace's five landmarks in a crop of `side` px, scaled and centred as InsightFace does."""
    if side % 112 == 0:
        return np.asarray(arcface_dst * (side / 112), dtype=np.float32)
    centred = arcface_dst + np.array([8, 0])
    return np.asarray(centred * (side / 128), dtype=np.float32)


def _detections(found: NDArray[np.floating], landmarks: NDArray[np.floating]) -> Detections:
    return Detections(
        boxes=found[:, :4].astype(np.float32),
        landmarks=landmarks.astype(np.float32),
        scores=found[:, 4].astype(np.float32),
    )
