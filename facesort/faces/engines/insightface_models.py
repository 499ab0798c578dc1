"""SCRFD, and recognisers of the kind of ArcFace and SFace, by InsightFace's classes on our sessions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facesort.core.records import Crops, Detections, Embeddings, Pixels
from facesort.errors import PackError
from facesort.faces.engines.alignment import similarity, template
from facesort.faces.engines.detector_input import EDGE, DetectorInput, nothing_found
from facesort.faces.protocol import Recogniser
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

    from facesort.faces.engines.insightface_parts import SCRFD, ArcFaceONNX
    from facesort.faces.engines.onnx_session import InferenceSession, open_session
except ImportError as error:
    raise missing_library(error) from error


_MIN_SCORE = 0.5
_SURE = 0.78


class ScrfdDetector:
    """Detects with SCRFD at two scales jointly.

    Parameters
    ----------
    file : Path
        An SCRFD with landmarks.
    threads : int
        For inference and OpenCV (there, for the whole process).

    Raises
    ------
    PackError
        If the file cannot be loaded.
    """

    def __init__(self, file: Path, threads: int) -> None:
        cv2.setNumThreads(threads)
        # With a session, SCRFD uses it for both scales instead of opening one for each.
        self._scrfd = SCRFD(session=open_session(file, threads))

    @property
    def sure(self) -> float:
        """The best face of 1 % of upright photos has less (of 83 labelled ones), of 97 % of those that are not."""
        return _SURE

    @property
    def edge(self) -> int:
        """640 px."""
        return EDGE

    @property
    def session(self) -> InferenceSession:
        """For benchmarks."""
        session: InferenceSession = self._scrfd.session
        return session

    def detect(self, pixels: Pixels, *, quick: bool = False) -> Detections:
        """Find the faces in one image: see `DetectorInput`."""
        seen = DetectorInput.of(pixels, quick=quick)
        if seen is None:
            return nothing_found()
        found, landmarks = self._scrfd.detect(
            cv2.cvtColor(seen.pixels, cv2.COLOR_RGB2BGR),
            input_size=seen.sizes,
            det_thresh=_MIN_SCORE,
        )
        return seen.detections(found[:, :4], landmarks, found[:, 4])


class OnnxRecogniser:
    """Aligns to ArcFace's template, and embeds one face at a time.

    OpenCV's ``FaceRecognizerSF`` aligns to the same template, and gives SFace the channels as red, green, blue from 0
    to 255: with a mean of 0 and a scale of 1, InsightFace's class prepares the same input.

    Parameters
    ----------
    file : Path
        With one square input, and one vector as output.
    half : Recogniser
        How a face is prepared.
    threads : int
        For inference.
    backend : Backend
        Runs the model.

    Raises
    ------
    PackError
        If the backend is not available or cannot load the file, or the vector has another length than described.
    """

    def __init__(self, file: Path, half: Recogniser, *, threads: int, backend: Backend) -> None:
        if backend == "openvino":
            # Imported here: it is optional.
            from facesort.faces.engines.openvino_session import OpenVINOSession

            self.session: InferenceSession = OpenVINOSession(file, threads)
        else:
            self.session = open_session(file, threads, backend)
        self._arcface = ArcFaceONNX(str(file), self.session)
        if half.mean is not None and half.scale is not None:
            self._arcface.input_mean, self._arcface.input_std = half.mean, half.scale
        # InsightFace's class takes the channels in OpenCV's order, and swaps them.
        self._swap = cv2.COLOR_RGB2BGR if half.colour == "RGB" else None
        self._dim = _length(file, self._arcface, half)

    def align(self, pixels: Pixels, detections: Detections) -> Crops:
        """Crop the faces, aligned to ArcFace's template; shape (n, side, side, 3)."""
        side = int(self._arcface.input_size[0])
        crops = np.empty((len(detections), side, side, 3), dtype=np.uint8)
        for crop, points in zip(crops, detections.landmarks, strict=True):
            crop[...] = cv2.warpAffine(pixels, similarity(points, template(side)), (side, side))
        return crops

    def embed(self, crops: Crops) -> Embeddings:
        """Embed aligned crops; shape (n, dim), L2-normalised.

        One at a time: some recognisers have a fixed batch size of 1, with dynamic quantisation an embedding depends on
        the rest of its batch (by up to 0.17), and memory stays constant.
        """
        vectors = np.empty((len(crops), self._dim), dtype=np.float32)
        for vector, crop in zip(vectors, crops, strict=True):
            face = crop if self._swap is None else cv2.cvtColor(crop, self._swap)
            vector[:] = self._arcface.get_feat(face)[0]
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors


def _length(file: Path, model: ArcFaceONNX, half: Recogniser) -> int:
    """Length of an embedding, by trying where the file does not say."""
    said = model.output_shape[-1]
    if not isinstance(said, int):
        height, width = model.input_size
        said = model.get_feat(np.zeros((height, width, 3), dtype=np.uint8)).shape[-1]
    if half.dim not in (None, said):
        raise PackError(f"{file} gives {said} numbers per face, not {half.dim} as described")
    return int(said)
