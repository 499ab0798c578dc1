"""Resizing, halving and turning, compared with Pillow and OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from images.synthetic_photos import STORED, held, scene
from PIL import Image

from facesort.pixels import Pyramid, apply_orientation, averaged, fit, turned


@pytest.mark.parametrize("orientation", list(STORED))
def test_apply_orientation_makes_pixels_upright(orientation: int) -> None:
    stored = np.asarray(held(scene(), orientation))
    assert (apply_orientation(stored, orientation) == np.asarray(scene())).all()


def test_a_small_picture_is_returned_unchanged() -> None:
    pixels = np.asarray(scene(40, 30))
    assert fit(pixels, 40) is pixels


@settings(max_examples=40)
@given(width=st.integers(1, 400), height=st.integers(1, 400), edge=st.integers(1, 100))
def test_the_long_edge_fits_and_the_aspect_ratio_stays(width: int, height: int, edge: int) -> None:
    found = fit(np.zeros((height, width, 3), np.uint8), edge)
    share = min(1.0, edge / max(width, height))
    assert max(found.shape[:2]) == min(edge, max(width, height))
    assert abs(found.shape[0] - height * share) <= 1
    assert abs(found.shape[1] - width * share) <= 1


@pytest.mark.parametrize("edge", [50, 151, 190, 205, 299])
def test_shrinking_is_close_to_lanczos_even_for_fine_detail(edge: int) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (300, 200, 3)).astype(np.uint8)
    found = fit(noise, edge).astype(float)
    wanted = Image.fromarray(noise).resize(found.shape[1::-1], Image.Resampling.LANCZOS)
    plain = Image.fromarray(noise).resize(found.shape[1::-1], Image.Resampling.NEAREST)
    away, aliased = (
        np.abs(np.asarray(p) - np.asarray(wanted, dtype=float)).mean() for p in (found, plain)
    )
    assert away < 0.5 * aliased


@settings(max_examples=60)
@given(width=st.integers(1, 300), height=st.integers(1, 300), edge=st.integers(1, 80))
def test_halves_and_turns_of_them_have_the_same_pixels(width: int, height: int, edge: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3)).astype(np.uint8)
    small = Pyramid(pixels).down_to(edge)
    share = min(1.0, edge / max(width, height))
    size = max(1, round(width * share)), max(1, round(height * share))
    assert (fit(small, edge) == fit(pixels, edge)).all()
    assert (averaged(small, size) == averaged(pixels, size)).all()
    for turn in (90, 180, 270):
        wanted = averaged(turned(pixels, turn), size[:: -1 if turn != 180 else 1])
        halved_first = averaged(turned(small, turn), size[:: -1 if turn != 180 else 1])
        assert (halved_first == wanted).all()


def test_a_pyramid_makes_each_half_once_and_only_exact_ones() -> None:
    pyramid = Pyramid(np.zeros((36, 40, 3), np.uint8))
    assert pyramid.down_to(10).shape == (9, 10, 3)
    assert pyramid.down_to(10) is pyramid.down_to(6), "9 rows have no exact half"
    assert pyramid.down_to(11).shape == (18, 20, 3)
    assert pyramid.down_to(21) is pyramid.down_to(500) is pyramid.pixels


@pytest.mark.parametrize("height", [1, 127, 128, 129, 300])
@pytest.mark.parametrize("width", [1, 2, 131])
def test_turns_are_those_of_opencv(width: int, height: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3)).astype(np.uint8)
    pixels.flags.writeable = False
    assert turned(pixels, 0) is pixels
    assert (turned(pixels, 90) == cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE)).all()
    assert (turned(pixels, 180) == cv2.rotate(pixels, cv2.ROTATE_180)).all()
    assert (turned(pixels, 270) == cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE)).all()
