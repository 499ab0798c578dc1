"""Resize and rotate with OpenCV, several times faster than Pillow."""

from __future__ import annotations

import cv2
import numpy as np

from facesort.core.records import Pixels

# EXIF orientation -> OpenCV's code of the operation that undoes it: a rotation, or a flip (of 5 and 7: after a
# transposition).  A rotation equals a transposition and a flip, in half the time.
_ROTATIONS = {3: cv2.ROTATE_180, 6: cv2.ROTATE_90_CLOCKWISE, 8: cv2.ROTATE_90_COUNTERCLOCKWISE}
_FLIPS = {2: 1, 4: 0, 7: -1}
_TRANSPOSED = {5, 7}
# Up to this ratio bilinear interpolation, which reads two pixels each way, hardly aliases (a 24 MP photo has 1.46: PSNR
# 44.0 dB against a Lanczos resize of the full photo; area averaging reaches 45.4 dB in seven times the time).
_SAFE_RATIO = 1.6
_CUBIC_RATIO = 1.25  # below this, bilinear interpolation mostly blurs
_SMOOTHING = 0.5  # sigma in px, above _SAFE_RATIO (at 1.71: 42.7 dB with it, 40.6 dB without, area averaging 44.2 dB)


def fitted_size(size: tuple[int, int], edge: int) -> tuple[int, int]:
    """Width and height of a picture that is shrunk to a long edge of at most `edge` px; never enlarged."""
    share = edge / max(size)
    if share >= 1:
        return size
    return max(1, round(size[0] * share)), max(1, round(size[1] * share))


def fit(pixels: Pixels, edge: int) -> Pixels:
    """Shrink to a long edge of at most `edge` px; never enlarge.

    Parameters
    ----------
    pixels : Pixels
        Shape (height, width, 3).

    Returns
    -------
    Pixels
        The argument itself if it is small enough.
    """
    height, width = pixels.shape[:2]
    size = fitted_size((width, height), edge)
    if size == (width, height):
        return pixels
    # Averaging 2 x 2 blocks is cheap and leaves a ratio below 2.
    while max(pixels.shape[:2]) >= 2 * edge and min(pixels.shape[:2]) > 1:
        pixels = _halved(pixels)
    ratio = max(pixels.shape[:2]) / max(size)
    if ratio > _SAFE_RATIO:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (3, 3), _SMOOTHING), dtype=np.uint8)
    method = cv2.INTER_CUBIC if ratio < _CUBIC_RATIO else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, size, interpolation=method), dtype=np.uint8)


def apply_orientation(pixels: Pixels, orientation: int) -> Pixels:
    """Make pixels upright, given their EXIF orientation (1 to 8)."""
    if orientation in _ROTATIONS:
        return np.asarray(cv2.rotate(pixels, _ROTATIONS[orientation]), dtype=np.uint8)
    if orientation in _TRANSPOSED:
        pixels = np.asarray(cv2.transpose(pixels), dtype=np.uint8)
    flip = _FLIPS.get(orientation)
    return pixels if flip is None else np.asarray(cv2.flip(pixels, flip), dtype=np.uint8)


def _halved(pixels: Pixels) -> Pixels:
    height, width = (side // 2 for side in pixels.shape[:2])
    whole = pixels[: 2 * height, : 2 * width]  # an odd row would make it many times slower
    return np.asarray(
        cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8
    )
