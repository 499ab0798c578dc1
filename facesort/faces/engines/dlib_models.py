"""dlib: HOG detector, five-point predictor and ResNet descriptor, all free for any use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facesort.core.records import Crops, Detections, Embeddings, Pixels
from facesort.errors import PackError
from facesort.faces.engines.alignment import similarity

try:
    import dlib
except ImportError as error:
    raise PackError(f"dlib cannot be imported: pip install dlib-bin ({error})") from error


_DETECT_SIDE = 2000  # px of the long edge
_MAX_ENLARGEMENT = 2.0
_CHIP_SIDE = 150
_CHIP_PADDING = 0.25  # what the descriptor was trained with
_DIM = 128
# Of the mean face that dlib cuts its chips by, whose box is from 0 to 1 (dlib's `get_face_chip_details`): eyes, tip of
# the nose and corners of the mouth, of its 68 points; and the five that it knows.
_FIVE_IN_MEAN_FACE = np.array(
    [
        [0.225492, 0.215990],
        [0.754761, 0.215990],
        [0.490127, 0.515625],
        [0.254149, 0.780233],
        [0.726104, 0.780233],
    ],
    dtype=np.float32,
)
_DLIBS_IN_MEAN_FACE = np.array(
    [
        [0.8595674595992, 0.2134981538014],
        [0.6460604764104, 0.2289674387677],
        [0.1205750620789, 0.2137274526848],
        [0.3340850613712, 0.2290642403242],
        [0.4901123135679, 0.6277975316475],
    ]
)


class DlibDetector:
    """Detects at a long edge of 2000 px: the smallest face, 80 px there, is 40 px in a photo of 1000 px.

    Parameters
    ----------
    points : FivePoints
        Finds the landmarks.
    """

    def __init__(self, points: FivePoints) -> None:
        self._detector, self._points = dlib.get_frontal_face_detector(), points

    @property
    def sure(self) -> float:
        """It finds no faces that are turned, so each is upright."""
        return 0.0

    @property
    def edge(self) -> None:
        """It does not average."""

    def detect(self, pixels: Pixels, *, quick: bool = False) -> Detections:  # noqa: ARG002
        """Find the faces in one image.

        Boxes are rounded to whole px, so that `align` finds the same landmarks again.  Scores are the HOG detector's,
        mapped to (0, 1) by the logistic function.
        """
        height, width = pixels.shape[:2]
        zoom = min(_MAX_ENLARGEMENT, _DETECT_SIDE / max(height, width))
        size = max(1, round(width * zoom)), max(1, round(height * zoom))
        resized = Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR)
        found, margins, _ = self._detector.run(np.asarray(resized), 0, 0.0)
        enlarge = np.tile([width / size[0], height / size[1]], 2)
        edges = [(r.left(), r.top(), r.right() + 1, r.bottom() + 1) for r in found]
        boxes = np.rint(np.array(edges, dtype=np.float64).reshape(-1, 4) * enlarge)
        scores = 1.0 / (1.0 + np.exp(-np.array(margins, dtype=np.float64)))
        order = np.argsort(-scores, kind="stable")
        boxes = boxes[order].astype(np.float32)
        points = [_landmarks(shape) for shape in self._points.shapes(pixels, boxes)]
        return Detections(
            boxes=boxes,
            landmarks=np.array(points, dtype=np.float32).reshape(-1, 5, 2),
            scores=scores[order].astype(np.float32),
        )


class DlibRecogniser:
    """Cuts out dlib's chips, and embeds them.

    Parameters
    ----------
    file : Path
        The descriptor.
    points : FivePoints or None
        Of the detector, which is dlib's; None: of another detector's landmarks.

    Raises
    ------
    PackError
        If dlib cannot load the file.
    """

    def __init__(self, file: Path, points: FivePoints | None) -> None:
        self._points = points
        self._descriptor = _loaded(dlib.face_recognition_model_v1, file)

    def align(self, pixels: Pixels, detections: Detections) -> Crops:
        """Crop the faces as dlib's chips; shape (n, 150, 150, 3)."""
        crops = np.empty((len(detections), _CHIP_SIDE, _CHIP_SIDE, 3), dtype=np.uint8)
        shapes = (
            map(_shape, detections.landmarks)
            if self._points is None
            else self._points.shapes(pixels, detections.boxes)
        )
        for crop, shape in zip(crops, shapes, strict=True):
            crop[...] = dlib.get_face_chip(pixels, shape, _CHIP_SIDE, _CHIP_PADDING)
        return crops

    def embed(self, crops: Crops) -> Embeddings:
        """Embed chips, without jitter; shape (n, 128), L2-normalised."""
        vectors = np.empty((len(crops), _DIM), dtype=np.float32)
        for vector, crop in zip(vectors, crops, strict=True):
            vector[:] = self._descriptor.compute_face_descriptor(np.ascontiguousarray(crop))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors


class FivePoints:
    """dlib's predictor: corners of the eyes and base of the nose.

    Parameters
    ----------
    file : Path
        The predictor.

    Raises
    ------
    PackError
        If dlib cannot load the file.
    """

    def __init__(self, file: Path) -> None:
        self._predictor = _loaded(dlib.shape_predictor, file)

    def shapes(self, pixels: Pixels, boxes: NDArray[np.float32]) -> list[Any]:
        """One shape per box."""
        image = np.ascontiguousarray(pixels)
        return [
            self._predictor(image, dlib.rectangle(x0, y0, x1 - 1, y1 - 1))
            for x0, y0, x1, y1 in boxes.astype(int).tolist()
        ]


def _loaded(load: Callable[[str], Any], file: Path) -> Any:
    try:
        return load(str(file))
    except RuntimeError as error:
        raise PackError(f"dlib cannot load {file}: {error}") from error


def _shape(landmarks: NDArray[np.float32]) -> Any:
    """Dlib's five points of a face whose eyes, nose and mouth are known, where the mean face has them."""
    there = cv2.invertAffineTransform(similarity(landmarks, _FIVE_IN_MEAN_FACE))
    points = np.rint(_DLIBS_IN_MEAN_FACE @ there[:, :2].T + there[:, 2]).astype(int)
    (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return dlib.full_object_detection(
        dlib.rectangle(left, top, right, bottom), [dlib.point(x, y) for x, y in points.tolist()]
    )


def _landmarks(shape: Any) -> np.ndarray:
    """Landmarks in our order; dlib's five are the corners of the eyes and the base of the nose."""
    parts = np.array([(point.x, point.y) for point in shape.parts()], dtype=np.float64)
    left, right = parts[2:4].mean(axis=0), parts[0:2].mean(axis=0)
    unknown = np.full(2, np.nan)
    return np.stack([left, right, parts[4], unknown, unknown])
