"""Image quality of a face: sharpness, yaw, and a score in [0, 1].

The constants were chosen on labelled photos (LFW, and portraits of 1 to 36 megapixels); `quality` lists typical values.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from facesort.core.records import Pixels

_SIDE = 112  # px; crops of all engines are measured at this size
_INNER = slice(21, 91)  # excludes the black corners of faces at the edge of a photo
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601

# Where each term of the quality is one half:
SIZE_HALF = 30.0  # px
SHARPNESS_HALF = 50.0
YAW_HALF = 0.8
SCORE_HALF = 0.3
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
        grey = np.ascontiguousarray(_resampled(_resampled(grey, _SIDE).T, _SIDE).T)
    grey = grey[_INNER, _INNER]
    middle = grey[1:-1, 1:-1]
    neighbours = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float(np.var(neighbours - 4 * middle))


def brightness(pixels: Pixels) -> float:
    """Mean luma (BT.601), 0 to 255; 0 without pixels."""
    return float(pixels.reshape(-1, 3).mean(axis=0) @ _LUMA) if pixels.size else 0.0


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
        _saturating(size_px, SIZE_HALF)
        * sharpness_share(sharpness)
        * _saturating(score, SCORE_HALF)
    )
    return good * (1.0 - _saturating(yaw, YAW_HALF))


def sharpness_share(sharpness: float) -> float:
    """The term of a face's sharpness in its `quality`, in [0, 1]; one half at 50."""
    return _saturating(sharpness, SHARPNESS_HALF)


def _saturating(value: float, half: float) -> float:
    """Saturating function: 0 at 0, one half at `half`, towards 1."""
    ratio = (max(value, 0.0) / half) ** _STEEPNESS
    return 1.0 if ratio == float("inf") else ratio / (1.0 + ratio)


def _resampled(grey: NDArray[np.float32], wanted: int) -> NDArray[np.float32]:
    """Resample the rows of a grey image to `wanted` ones, weighted by overlap.

    Each of them overlaps few of the others.  A product of matrices, most of which are zeros, gives the same bits, but
    BLAS may share it out among threads, and waking these takes longer than the work.
    """
    edges = np.arange(wanted + 1) * (len(grey) / wanted)
    first = edges[:-1].astype(int)
    found = np.zeros((wanted, grey.shape[1]), dtype=np.float32)
    for row in range(math.ceil(len(grey) / wanted) + 1):
        at = first + row
        overlap = np.minimum(edges[1:], at + 1) - np.maximum(edges[:-1], at)
        weights = (np.maximum(overlap, 0.0) * (wanted / len(grey))).astype(np.float32)
        # Rounded once, after the sum, like the processor's multiply-add.
        more = weights.astype(np.float64)[:, None] * grey[np.minimum(at, len(grey) - 1)]
        found = (found + more).astype(np.float32)
    return found
