"""How a head is turned, in degrees, from five landmarks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# An average face seen from the front, in distances between the eyes: how far nose and mouth are below the eyes (as in
# the template that faces are aligned to), and how far the tip of the nose is in front of eyes and mouth.
_NOSE_BELOW = 0.57
_MOUTH_BELOW = 1.16
_NOSE_OUT = 0.5


@dataclass(frozen=True, slots=True)
class HeadPose:
    """Rotation of a head, in degrees; None where the landmarks do not tell.

    Parameters
    ----------
    yaw : float or None
        In (-90, 90); positive if the face looks to the right side of the upright image.
    pitch : float or None
        In (-90, 90); positive if it looks up.
    roll : float or None
        In [-180, 180]; positive if the face is turned clockwise in the image.
    """

    yaw: float | None
    pitch: float | None
    roll: float | None


def head_pose(landmarks: NDArray[np.float32], *, turn: int = 0) -> HeadPose:
    """Estimate the pose of a head from where the nose is between eyes and mouth.

    Weak perspective: eyes and mouth lie in a plane, and the tip of the nose half the distance between the eyes in front
    of it.  Turning the head by yaw moves the nose along the eyes by ``0.5 tan(yaw)`` of their distance; nodding moves
    it between eyes and mouth alike.  Noses differ: expect errors of 5 to 10 degrees up to 45, and more beyond, where
    the far eye is a guess of the detector.  A profile never reaches 90.

    Parameters
    ----------
    landmarks : ndarray of shape (5, 2), float32
        As in `Detections`, in px of the photo.
    turn : int
        As in `Face`: gives the roll where the eyes are not known.
    """
    left, right, nose, *mouth = np.asarray(landmarks, dtype=np.float64)
    across = right - left
    apart = math.hypot(*across)
    if not 0.0 < apart < math.inf:
        return HeadPose(None, None, float((180 - turn) % 360 - 180))
    roll = math.degrees(math.atan2(across[1], across[0]))
    to_nose = nose - (left + right) / 2
    to_mouth = np.mean(mouth, axis=0) - (left + right) / 2
    along = float(to_nose @ across) / apart**2
    yaw = math.degrees(math.atan(along / _NOSE_OUT))
    return HeadPose(_known(yaw), _known(_pitch(to_nose, to_mouth, across)), roll)


def _pitch(
    to_nose: NDArray[np.float64], to_mouth: NDArray[np.float64], across: NDArray[np.float64]
) -> float:
    """From how far the nose is on the way from the eyes to the mouth, at right angles to the eyes."""
    down = np.array([-across[1], across[0]])
    whole = float(to_mouth @ down)
    if whole == 0.0:
        return math.nan
    share = float(to_nose @ down) / whole
    return math.degrees(math.atan((_NOSE_BELOW - share * _MOUTH_BELOW) / _NOSE_OUT))


def _known(degrees: float) -> float | None:
    return degrees if math.isfinite(degrees) else None
