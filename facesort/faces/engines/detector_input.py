"""What detectors of the kind of SCRFD and YuNet see of an image: one small picture, at one scale or two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesort.core.records import Detections, Pixels
from facesort.pixels import averaged

EDGE = 640
"""Long edge in px to which a larger image is averaged, and a smaller one enlarged."""

_SIDES = (128, EDGE)  # px of the long edge; 640 alone misses faces that fill the frame
_STRIDE = 32  # the largest one of both; input sides are multiples of it
_THINNEST = 1 / 64  # thinner images have no row left at 128 px


@dataclass(frozen=True, slots=True)
class DetectorInput:
    """An image as a detector gets it.

    Parameters
    ----------
    pixels : Pixels
        Area-averaged to a long edge of 640 px, never enlarged: a bilinear resize would skip pixels.
    sizes : list of (int, int)
        Width and height of each input, in whole strides.
    enlarge : ndarray of shape (2,)
        From px of `pixels` to px of the image.
    """

    pixels: Pixels
    sizes: list[tuple[int, int]]
    enlarge: NDArray[np.float64]

    @classmethod
    def of(cls, image: Pixels, *, quick: bool) -> DetectorInput | None:
        """Shrink an image; None if it is too thin.

        Padding is only up to the next stride: a 3:2 photo costs a quarter less than in a square, with the same
        detections.  A quick detection takes the image at its own size, not enlarged to 640 px.
        """
        height, width = image.shape[:2]
        if min(height, width) < max(height, width) * _THINNEST:
            return None
        size = _small_size(image)
        sizes = [_whole_strides(*size)] if quick else detector_sizes(image)
        return cls(averaged(image, size), sizes, np.array([width / size[0], height / size[1]]))

    def detections(
        self,
        boxes: NDArray[np.floating],
        landmarks: NDArray[np.floating],
        scores: NDArray[np.floating],
    ) -> Detections:
        """What was found in `pixels`, in px of the image."""
        return Detections(
            boxes=(boxes * np.tile(self.enlarge, 2)).astype(np.float32),
            landmarks=(landmarks * self.enlarge).astype(np.float32),
            scores=scores.astype(np.float32),
        )


def nothing_found() -> Detections:
    """No face."""
    none = np.empty((0, 5, 2), dtype=np.float32)
    return Detections(none.reshape(0, 4), none, none.reshape(0))


def detector_sizes(image: Pixels) -> list[tuple[int, int]]:
    """Width and height of each input, unless quick: the image at each scale, rounded up to whole strides."""
    size = _small_size(image)
    sizes = []
    for side in _SIDES:
        width, height = (length * side / max(size) for length in size)
        sizes.append(_whole_strides(width, height))
    return sizes


def _whole_strides(width: float, height: float) -> tuple[int, int]:
    return int(-(-width // _STRIDE) * _STRIDE), int(-(-height // _STRIDE) * _STRIDE)


def _small_size(image: Pixels) -> tuple[int, int]:
    """Width and height of the image before detection; never enlarged."""
    height, width = image.shape[:2]
    shrink = min(1.0, EDGE / max(height, width))
    return max(1, round(width * shrink)), max(1, round(height * shrink))
