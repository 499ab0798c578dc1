"""Turns of a photo by 90, 180 or 270 degrees clockwise."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

TURNS = (0, 90, 270, 180)
"""Degrees clockwise, the likeliest first."""


def turned_points(
    points: NDArray[np.float32], size: tuple[int, int], turn: int
) -> NDArray[np.float32]:
    """Where points of an image are after it was turned.

    Parameters
    ----------
    points : ndarray of shape (..., 2), float32
        In px of the image.
    size : (int, int)
        Its width and height in px, before the turn.
    turn : int
        Degrees clockwise; a negative one is counter-clockwise.
    """
    (width, height), (x, y) = size, (points[..., 0], points[..., 1])
    found = {0: (x, y), 90: (height - y, x), 180: (width - x, height - y), 270: (y, width - x)}
    return np.stack(found[turn % 360], axis=-1).astype(np.float32)


def turned_boxes(
    boxes: NDArray[np.float32], size: tuple[int, int], turn: int
) -> NDArray[np.float32]:
    """As `turned_points`, of boxes ``x_min, y_min, x_max, y_max``; shape (..., 4)."""
    corners = turned_points(boxes.reshape(*boxes.shape[:-1], 2, 2), size, turn)
    ordered = np.concatenate([corners.min(axis=-2), corners.max(axis=-2)], axis=-1)
    return np.asarray(ordered, dtype=np.float32)


def turned_size(size: tuple[int, int], turn: int) -> tuple[int, int]:
    """Width and height of an image after it was turned."""
    return size if turn % 180 == 0 else (size[1], size[0])


def turn_of(turns: Iterable[int], weights: Iterable[float]) -> int:
    """The turn that most faces of a photo need, each as much as its weight; 0 if there is no face."""
    total = dict.fromkeys(TURNS, 0.0)
    for turn, weight in zip(turns, weights, strict=True):
        total[turn] += weight
    return max(total, key=lambda turn: total[turn])


def tilt(landmarks: NDArray[np.float32]) -> float:
    """Degrees between a face and the upright, from 0 to 180; NaN if its mouth is not known."""
    eyes, mouth = landmarks[:2].mean(axis=0), landmarks[3:].mean(axis=0)
    across, down = mouth - eyes
    return abs(math.degrees(math.atan2(across, down)))
