"""YuNet in our session.

OpenCV's ``FaceDetectorYN`` finds the same faces in 1.6 times the CPU time (`benchmarks/README.md`).
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facesort.core.records import Detections, Pixels
from facesort.errors import PackError
from facesort.faces.engines.detector_input import EDGE, DetectorInput, nothing_found
from facesort.faces.engines.onnx_session import InferenceSession, open_session

_STRIDES = (8, 16, 32)
_OUTPUTS = [f"{what}_{stride}" for what in ("cls", "obj", "bbox", "kps") for stride in _STRIDES]
_MIN_SCORE = 0.6  # an elbow and a bun of hair had 0.55; the least of 46 labelled faces 0.84
_OVERLAP = 0.3  # of two boxes of one face, as OpenCV has it
_SURE = 0.9
# Width in px of a face in the smaller of two inputs, which takes two small ones beside each other for one between them;
# YuNet finds those of up to 300 px in the larger one.
_LEAST_COARSE = 30

Found = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


class YuNetDetector:
    """Detects with YuNet at two scales jointly.

    Parameters
    ----------
    file : Path
        YuNet of 2026, which takes any size.
    threads : int
        For inference and OpenCV (there, for the whole process).

    Raises
    ------
    PackError
        If the file cannot be loaded, or is another one.
    """

    def __init__(self, file: Path, threads: int) -> None:
        cv2.setNumThreads(threads)
        self.session: InferenceSession = open_session(file, threads)
        (given,) = self.session.get_inputs()
        if not set(_OUTPUTS) <= {output.name for output in self.session.get_outputs()}:
            raise PackError(f"{file} is no YuNet: it has other outputs")
        if any(isinstance(length, int) for length in given.shape[2:]):
            raise PackError(
                f"{file} takes pictures of one size only: take YuNet of 2026, face_detection_yunet_2026may.onnx"
            )
        self._input = given.name

    @property
    def sure(self) -> float:
        """The best face of 1 % of upright photos has less (of 82), of 96 % of those that are not."""
        return _SURE

    @property
    def edge(self) -> int:
        """640 px."""
        return EDGE

    def detect(self, pixels: Pixels, *, quick: bool = False) -> Detections:
        """Find the faces in one image: see `DetectorInput`."""
        seen = DetectorInput.of(pixels, quick=quick)
        if seen is None:
            return nothing_found()
        picture = np.asarray(cv2.cvtColor(seen.pixels, cv2.COLOR_RGB2BGR), dtype=np.uint8)
        found = []
        for size in seen.sizes:
            least = 0.0 if size == max(seen.sizes) else _LEAST_COARSE * picture.shape[1] / size[0]
            found.append(_from_width(least, self._candidates(picture, size)))
        boxes, landmarks, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
        corners_and_sizes = np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
        kept = cv2.dnn.NMSBoxes(corners_and_sizes.tolist(), scores.tolist(), _MIN_SCORE, _OVERLAP)
        best = np.array(kept, dtype=np.int64).reshape(-1)
        return seen.detections(boxes[best], landmarks[best], scores[best])

    def _candidates(self, picture: NDArray[np.uint8], size: tuple[int, int]) -> Found:
        """Boxes (corners), landmarks and scores in px of a picture that is fitted into an input of a size."""
        height, width = picture.shape[:2]
        share = min(size[0] / width, size[1] / height)
        fitted = max(1, int(width * share)), max(1, int(height * share))
        if fitted != (width, height):
            picture = np.asarray(cv2.resize(picture, fitted), dtype=np.uint8)
        right, below = size[0] - fitted[0], size[1] - fitted[1]
        padded = cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_CONSTANT, value=0)
        tensor = np.asarray(cv2.dnn.blobFromImage(padded), dtype=np.float32)
        outputs = self.session.run(_OUTPUTS, {self._input: tensor})
        back = np.array([width / fitted[0], height / fitted[1]], dtype=np.float32)
        decoded = [
            _decoded([output[0] for output in outputs[number :: len(_STRIDES)]], stride, size[0])
            for number, stride in enumerate(_STRIDES)
        ]
        boxes, landmarks, scores = (np.concatenate(parts) for parts in zip(*decoded, strict=True))
        return boxes * np.tile(back, 2), landmarks * back, scores


def _from_width(width: float, found: Found) -> Found:
    boxes, landmarks, scores = found
    which = boxes[:, 2] - boxes[:, 0] >= width
    return boxes[which], landmarks[which], scores[which]


def _decoded(outputs: list[NDArray[np.float32]], stride: int, width: int) -> Found:
    """Faces at one stride.

    A cell's score is the root of class and object; its box is a centre, from the cell's corner in strides, and the
    logarithm of a size (as in OpenCV's ``face_detect.cpp``).
    """
    classes, objects, boxes, points = outputs
    scores = np.sqrt(np.clip(classes[:, 0], 0, 1) * np.clip(objects[:, 0], 0, 1))
    which = np.flatnonzero(scores >= _MIN_SCORE)
    row, column = np.divmod(which, width // stride)
    corner = np.stack([column, row], axis=1).astype(np.float32)
    centre, half = (corner + boxes[which, :2]) * stride, np.exp(boxes[which, 2:]) * (stride / 2)
    landmarks = (points[which].reshape(-1, 5, 2) + corner[:, None]) * stride
    return np.hstack([centre - half, centre + half]), landmarks, scores[which]
