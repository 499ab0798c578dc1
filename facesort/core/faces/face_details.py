"""What clients of the service are told about a face, and which faces are too poor to be indexed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from facesort.core.faces import quality
from facesort.core.faces.head_pose import HeadPose, head_pose
from facesort.core.records import Face

_WHITE = 255.0
_TOO_DARK = 20.0  # of a brightness of 100


class Landmark(StrEnum):
    """The five points of a face, as seen in the upright image, in the order of `Detections`."""

    EYE_LEFT = "eyeLeft"
    EYE_RIGHT = "eyeRight"
    NOSE = "nose"
    MOUTH_LEFT = "mouthLeft"
    MOUTH_RIGHT = "mouthRight"


class Weakness(StrEnum):
    """Why a face is poor; names of Rekognition's `UnindexedFaces.Reasons`."""

    EXTREME_POSE = "EXTREME_POSE"
    LOW_BRIGHTNESS = "LOW_BRIGHTNESS"
    LOW_SHARPNESS = "LOW_SHARPNESS"
    LOW_CONFIDENCE = "LOW_CONFIDENCE"
    SMALL_BOUNDING_BOX = "SMALL_BOUNDING_BOX"
    LOW_FACE_QUALITY = "LOW_FACE_QUALITY"


@dataclass(frozen=True, slots=True)
class FaceDetail:
    """One face, in units that do not depend on the size of the image.

    Parameters
    ----------
    box : tuple of float
        Left, top, width and height as shares of the image's width and height; may reach outside of it.
    confidence : float
        Detection score, 0 to 100.
    landmarks : dict of Landmark to (float, float)
        x and y as shares of width and height; those that the detector does not locate are left out.
    brightness : float
        Mean luma of the box, 0 black to 100 white.
    sharpness : float
        0 to 100; 50 at the sharpness where the quality of a face is halved (`quality.sharpness_share`).
    quality : float
        In [0, 1] (see `core.quality`).
    weak : tuple of Weakness
        What is poor about it, whether or not it is good enough on the whole.
    """

    box: tuple[float, float, float, float]
    confidence: float
    landmarks: dict[Landmark, tuple[float, float]]
    pose: HeadPose
    brightness: float
    sharpness: float
    quality: float
    weak: tuple[Weakness, ...]


class QualityFilter(StrEnum):
    """How good a face must be to be indexed or searched; `AUTO` is `LOW`."""

    NONE = "NONE"
    AUTO = "AUTO"
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"

    @property
    def least(self) -> float:
        """Lowest quality that passes.

        By the table of `quality.quality`: LOW leaves out faces of 25 px and those blurred by 2 %, whose embedding is
        hardly theirs; MEDIUM also faces below 40 px or more than half turned; HIGH all that are not sharp and frontal.
        """
        return _LEAST[self]


_LEAST = {
    QualityFilter.NONE: 0.0,
    QualityFilter.AUTO: 0.2,
    QualityFilter.LOW: 0.2,
    QualityFilter.MEDIUM: 0.4,
    QualityFilter.HIGH: 0.6,
}


def face_detail(face: Face, *, brightness: float, width: int, height: int) -> FaceDetail:
    """Describe a face.

    Parameters
    ----------
    brightness : float
        Mean luma of its box, 0 to 255.
    width, height : int
        Of the upright image, in px.
    """
    size = np.array([width, height], dtype=np.float64)
    left_top, right_bottom = face.box[:2] / size, face.box[2:] / size
    points = zip(Landmark, face.landmarks / size, strict=True)
    light = float(np.clip(100.0 * brightness / _WHITE, 0.0, 100.0))
    return FaceDetail(
        box=(*_pair(left_top), *_pair(right_bottom - left_top)),
        confidence=float(np.clip(100.0 * face.score, 0.0, 100.0)),
        landmarks={name: _pair(point) for name, point in points if np.isfinite(point).all()},
        pose=head_pose(face.landmarks, turn=face.turn),
        brightness=light,
        sharpness=100.0 * quality.sharpness_share(face.sharpness),
        quality=face.quality,
        weak=_weak(face, light),
    )


def why_left_out(detail: FaceDetail, level: QualityFilter) -> tuple[Weakness, ...]:
    """Why a face does not pass a filter; empty if it does."""
    if detail.quality >= level.least:
        return ()
    return (*detail.weak, Weakness.LOW_FACE_QUALITY)


def _weak(face: Face, light: float) -> tuple[Weakness, ...]:
    size_px = float(min(face.box[2:] - face.box[:2]))
    found = {
        Weakness.EXTREME_POSE: face.yaw > quality.YAW_HALF,
        Weakness.LOW_BRIGHTNESS: light < _TOO_DARK,
        Weakness.LOW_SHARPNESS: face.sharpness < quality.SHARPNESS_HALF,
        Weakness.LOW_CONFIDENCE: face.score < quality.SCORE_HALF,
        Weakness.SMALL_BOUNDING_BOX: size_px < quality.SIZE_HALF,
    }
    return tuple(weakness for weakness, holds in found.items() if holds)


def _pair(values: NDArray[np.float64]) -> tuple[float, float]:
    return float(values[0]), float(values[1])
