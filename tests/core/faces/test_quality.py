from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import ndimage

from facesort.core.faces.quality import quality, sharpness, yaw

SIZES = st.floats(0, 5000)
SHARPNESSES = st.floats(0, 1e5)
YAWS = st.floats(0, 10)
SCORES = st.floats(0, 1)


def pattern(side: int, blur: float = 0.0) -> np.ndarray:
    """Smooth random blobs, the same picture at every size."""
    coarse = np.random.default_rng(3).uniform(0, 255, (14, 14))
    picture = ndimage.zoom(coarse, side / 14, order=1, mode="nearest", grid_mode=True)
    picture = ndimage.gaussian_filter(picture, blur * side / 112)
    return np.repeat(picture.clip(0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


@pytest.mark.parametrize("side", [112, 150, 100, 224])
def test_a_flat_crop_has_no_sharpness(side: int) -> None:
    assert sharpness(np.full((side, side, 3), 77, np.uint8)) == pytest.approx(0.0, abs=1e-6)


def test_sharpness_falls_with_every_step_of_blur() -> None:
    values = [sharpness(pattern(112, blur)) for blur in (0.0, 0.5, 1.0, 2.0, 4.0)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 3 * values[-1]


@pytest.mark.parametrize("side", [150, 224])
def test_sharpness_hardly_depends_on_the_size_of_the_crop(side: int) -> None:
    assert sharpness(pattern(side, 2.0)) == pytest.approx(sharpness(pattern(112, 2.0)), rel=0.15)


def test_black_corners_do_not_make_a_face_sharp() -> None:
    crop = pattern(112, 2.0)
    cut = crop.copy()
    cut[:20] = 0
    cut[:, 92:] = 0
    assert sharpness(cut) == sharpness(crop)


@pytest.mark.parametrize("side", [56, 150, 224, 337])
def test_a_crop_is_resampled_by_the_overlap_of_its_pixels(side: int) -> None:
    """Each of the 112 cells is the mean of what it covers; here by enlarging first, so that all borders meet."""
    crop = np.random.default_rng(1).integers(0, 256, (side, side, 3)).astype(np.uint8)
    many = math.lcm(side, 112)
    grey = np.asarray(crop @ np.array([0.299, 0.587, 0.114]))
    cells = grey.repeat(many // side, axis=0).reshape(112, -1, side).mean(axis=1)
    cells = cells.repeat(many // side, axis=1).reshape(112, 112, -1).mean(axis=2)[21:91, 21:91]
    around = cells[:-2, 1:-1] + cells[2:, 1:-1] + cells[1:-1, :-2] + cells[1:-1, 2:]
    assert sharpness(crop) == pytest.approx(np.var(around - 4 * cells[1:-1, 1:-1]), rel=1e-4)


def test_sharpness_of_a_known_pattern() -> None:
    stripes = np.zeros((112, 112, 3), np.uint8)
    stripes[:, ::2] = 10  # the Laplacian is +-20 in turn
    assert sharpness(stripes) == pytest.approx(400.0, rel=1e-4)


def face(nose_x: float) -> np.ndarray:
    return np.array([[10, 10], [30, 10], [nose_x, 25], [12, 35], [28, 35]], np.float32)


@pytest.mark.parametrize(
    ("nose_x", "expected"),
    [(20, 0.0), (25, 0.5), (15, 0.5), (30, 1.0), (10, 1.0), (35, 1.5)],
)
def test_yaw_is_the_place_of_the_nose_between_the_eyes(nose_x: float, expected: float) -> None:
    assert yaw(face(nose_x)) == pytest.approx(expected)


def test_yaw_needs_no_mouth() -> None:
    points = face(25)
    points[3:] = np.nan
    assert yaw(points) == pytest.approx(0.5)


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_what_cannot_be_judged_is_no_frontal_face(missing: int) -> None:
    points = face(20)
    points[missing] = np.nan
    assert yaw(points) == 1.0


def test_coinciding_eyes_are_a_profile() -> None:
    assert yaw(np.zeros((5, 2), np.float32)) == 1.0


@given(st.floats(0, 2 * np.pi), st.floats(0.1, 20), st.floats(-500, 500), st.floats(5, 35))
def test_yaw_ignores_tilt_size_and_place(
    angle: float, scale: float, shift: float, nose_x: float
) -> None:
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = face(nose_x).astype(np.float64) @ turn.T + shift
    assert yaw(moved) == pytest.approx(yaw(face(nose_x)), abs=1e-4)


@given(SIZES, SHARPNESSES, YAWS, SCORES)
def test_quality_is_a_share(size: float, sharp: float, turn: float, score: float) -> None:
    assert 0.0 <= quality(size_px=size, sharpness=sharp, yaw=turn, score=score) <= 1.0


@given(SIZES, SHARPNESSES, YAWS, SCORES, st.floats(0, 1000), st.sampled_from(range(4)))
def test_quality_is_monotone(
    size: float, sharp: float, turn: float, score: float, more: float, which: int
) -> None:
    names = ("size_px", "sharpness", "score", "yaw")
    values = dict(zip(names, (size, sharp, score, turn), strict=True))
    before = quality(**values)
    values[names[which]] += more
    after = quality(**values)
    assert after <= before if names[which] == "yaw" else after >= before


@pytest.mark.parametrize(
    ("size", "sharp", "turn", "at_least", "at_most"),
    [
        (0, 0, 0, 0.0, 0.0),  # nothing
        (100, 600, 0.1, 0.75, 1.0),  # a good portrait
        (100, 18, 0.1, 0.0, 0.2),  # blurred by 2 % of its size
        (25, 45, 0.1, 0.0, 0.25),  # tiny
        (300, 900, 1.2, 0.0, 0.35),  # a profile
    ],
)
def test_learning_takes_good_faces_only(
    size: float, sharp: float, turn: float, at_least: float, at_most: float
) -> None:
    assert at_least <= quality(size_px=size, sharpness=sharp, yaw=turn, score=0.85) <= at_most


@pytest.mark.parametrize("name", ["size_px", "sharpness"])
def test_infinity_is_only_very_good(name: str) -> None:
    values = {"size_px": 100.0, "sharpness": 500.0, "yaw": 0.0, "score": 0.9}
    assert quality(**values) < quality(**(values | {name: float("inf")})) <= 1.0
