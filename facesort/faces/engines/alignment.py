"""Five landmarks brought to a template."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# ArcFace's, for a crop of 112 px: eyes, tip of the nose, corners of the mouth.
_ARCFACE = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ],
    dtype=np.float32,
)


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


def template(side: int) -> NDArray[np.float32]:
    """ArcFace's five landmarks in a crop of `side` px, scaled and centred as InsightFace does."""
    if side % 112 == 0:
        return np.asarray(_ARCFACE * (side / 112), dtype=np.float32)
    centred = _ARCFACE + np.array([8, 0])
    return np.asarray(centred * (side / 128), dtype=np.float32)
