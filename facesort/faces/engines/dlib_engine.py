"""Engine for dlib: HOG detector, five-point predictor and ResNet descriptor, all free for any use."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from facesort.core.records import Crops, Detections, Embeddings, Pixels
from facesort.errors import PackError
from facesort.faces.protocol import ModelPack

try:
    import dlib
except ImportError as error:
    raise PackError(f"dlib cannot be imported: pip install dlib-bin ({error})") from error


_DETECT_SIDE = 2000  # px of the long edge
_MAX_ENLARGEMENT = 2.0
_CHIP_SIDE = 150
_CHIP_PADDING = 0.25  # what the descriptor was trained with
_DIM = 128


class DlibEngine:
    """Detects at a long edge of 2000 px: the smallest face, 80 px there, is 40 px in a photo of 1000 px.

    Parameters
    ----------
    pack : ModelPack
        Of kind ``dlib``; its files are the five-point predictor and the descriptor, in this order.

    Raises
    ------
    PackError
        If dlib cannot load a file.
    """

    def __init__(self, pack: ModelPack) -> None:
        if pack.path is None:
            raise ValueError(f"{pack.name} is not a dlib pack: it needs a folder")
        predictor, descriptor = (str(pack.path / name) for name, _ in pack.files)
        self.pack = pack
        self._detector = dlib.get_frontal_face_detector()
        try:
            self._predictor = dlib.shape_predictor(predictor)
            self._descriptor = dlib.face_recognition_model_v1(descriptor)
        except RuntimeError as error:
            raise PackError(f"dlib cannot load the files in {pack.path}: {error}") from error

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
        points = [_landmarks(shape) for shape in self._shapes(pixels, boxes)]
        return Detections(
            boxes=boxes,
            landmarks=np.array(points, dtype=np.float32).reshape(-1, 5, 2),
            scores=scores[order].astype(np.float32),
        )

    def align(self, pixels: Pixels, detections: Detections) -> Crops:
        """Crop the faces as dlib's chips; shape (n, 150, 150, 3)."""
        crops = np.empty((len(detections), _CHIP_SIDE, _CHIP_SIDE, 3), dtype=np.uint8)
        for crop, shape in zip(crops, self._shapes(pixels, detections.boxes), strict=True):
            crop[...] = dlib.get_face_chip(pixels, shape, _CHIP_SIDE, _CHIP_PADDING)
        return crops

    def embed(self, crops: Crops) -> Embeddings:
        """Embed chips, without jitter; shape (n, 128), L2-normalised."""
        vectors = np.empty((len(crops), _DIM), dtype=np.float32)
        for vector, crop in zip(vectors, crops, strict=True):
            vector[:] = self._descriptor.compute_face_descriptor(np.ascontiguousarray(crop))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors

    def _shapes(self, pixels: Pixels, boxes: np.ndarray) -> list[Any]:
        image = np.ascontiguousarray(pixels)
        return [
            self._predictor(image, dlib.rectangle(x0, y0, x1 - 1, y1 - 1))
            for x0, y0, x1, y1 in boxes.astype(int).tolist()
        ]


def _landmarks(shape: Any) -> np.ndarray:
    """Landmarks in our order; dlib's five are the corners of the eyes and the base of the nose."""
    parts = np.array([(point.x, point.y) for point in shape.parts()], dtype=np.float64)
    left, right = parts[2:4].mean(axis=0), parts[0:2].mean(axis=0)
    unknown = np.full(2, np.nan)
    return np.stack([left, right, parts[4], unknown, unknown])
