"""Resizing and rotating, compared with Pillow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from images.synthetic_photos import STORED, held, scene
from PIL import Image

from facesort.images.resize import apply_orientation, fit


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
