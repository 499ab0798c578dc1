"""Image quality of a face: sharpness, yaw, and a score in [0, 1].

The constants were chosen on labelled photos (LFW, and portraits of 1 to 36 megapixels); `quality` lists typical values.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facesort.core.records import Pixels

_SIDE = 112  # px; crops of all engines are measured at this size
_INNER = slice(21, 91)  # excludes the black corners of faces at the edge of a photo
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601

_SIZE_HALF = 30.0  # px
_SHARPNESS_HALF = 50.0
_YAW_HALF = 0.8
_SCORE_HALF = 0.3
_STEEPNESS = 2.0


def sharpness(crop: Pixels) -> float:
    """Variance of the Laplacian of an aligned face.

    The crop is converted to grey and resampled to 112 x 112 px, so that engines can be compared.  Only the middle
    70 x 70 px are measured: they show nothing but face, even where the crop extends beyond the photo.  The measure is
    that of Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy" (ICPR 2000), with the 4-neighbour
    Laplacian.

    Parameters
    ----------
    crop : ndarray of shape (side, side, 3), uint8
        From `FaceEngine.align`.

    Returns
    -------
    float
        In squared grey levels; 0 for a flat image.
    """
    grey = crop.astype(np.float32) @ _LUMA
    if grey.shape != (_SIDE, _SIDE):
        rows, columns = (_resampler(length, _SIDE) for length in grey.shape)
        grey = rows @ grey @ columns.T
    grey = grey[_INNER, _INNER]
    middle = grey[1:-1, 1:-1]
    neighbours = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float(np.var(neighbours - 4 * middle))


def yaw(landmarks: NDArray[np.float32]) -> float:
    """Rotation of the head to the side, from the eyes and the nose.

    The position of the nose along the line between the eyes: 0 half-way, 1 below an eye.  Independent of the size and
    the tilt of the face, and of the mouth, which some detectors do not locate.

    Parameters
    ----------
    landmarks : ndarray of shape (5, 2), float32
        As in `Detections`, in px.

    Returns
    -------
    float
        0 frontal, about 1 profile, more where the nose lies outside the eyes.  1 if the eyes coincide, or an eye or
        the nose is NaN, so that an unknown pose never passes as frontal.
    """
    left, right, nose = np.asarray(landmarks, dtype=np.float64)[:3]
    across = right - left
    length = float(across @ across)
    if not np.isfinite(landmarks[:3]).all() or length == 0.0:
        return 1.0
    return float(abs(2.0 * ((nose - (left + right) / 2) @ across) / length))


def quality(*, size_px: float, sharpness: float, yaw: float, score: float) -> float:
    """Score for how reliable the embedding of a face is.

    The product of four terms ``x^2 / (x^2 + half^2)``, each one half at its constant: a size of 30 px, a sharpness of
    50, a yaw of 0.8 (decreasing), a detection score of 0.3.  Medians for portraits that were blurred or shrunk step by
    step, with InsightFace's SCRFD and a small MobileFaceNet; the shift is the distance between the embeddings before
    and after:

    ==================================  =========  =======  =====
    face                                sharpness  quality  shift
    ==================================  =========  =======  =====
    sharp, frontal, 100 px and more           600     0.80   0.00
    blurred by 1 % of its size                 90     0.65   0.24
    blurred by 2 %                             18     0.10   0.66
    shrunk to 60 px                           230     0.65   0.19
    shrunk to 40 px                           110     0.45   0.36
    shrunk to 25 px                            45     0.15   0.68
    sharp, 440 px, half turned (0.77)         950     0.45      -
    ==================================  =========  =======  =====

    Parameters
    ----------
    size_px : float
        Shorter side of the box, in px of the analysed image.
    sharpness, yaw : float
        From `sharpness` and `yaw`.
    score : float
        Detection score, in [0, 1].

    Returns
    -------
    float
        In [0, 1]; increases with size, sharpness and score, decreases with yaw.
    """
    good = (
        _saturating(size_px, _SIZE_HALF)
        * _saturating(sharpness, _SHARPNESS_HALF)
        * _saturating(score, _SCORE_HALF)
    )
    return good * (1.0 - _saturating(yaw, _YAW_HALF))


def _saturating(value: float, half: float) -> float:
    """Saturating function: 0 at 0, one half at `half`, towards 1."""
    ratio = (max(value, 0.0) / half) ** _STEEPNESS
    return 1.0 if ratio == float("inf") else ratio / (1.0 + ratio)


def _resampler(length: int, wanted: int) -> NDArray[np.float32]:
    """Matrix of shape (wanted, length) that resamples `length` samples to `wanted` cells, weighted by overlap."""
    edges = np.arange(wanted + 1) * (length / wanted)
    samples = np.arange(length)
    overlap = np.minimum(edges[1:, None], samples + 1) - np.maximum(edges[:-1, None], samples)
    weights = np.maximum(overlap, 0.0) * (wanted / length)
    return np.asarray(weights, dtype=np.float32)
