"""Perceptual hash: similar photos differ in few bits, others in about half."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from facesort.core.moments.bursts import DIFFERENT_BITS
from facesort.core.records import Pixels
from facesort.images import perceptual_hash
from facesort.pixels import Pyramid


def scene(seed: int, size: tuple[int, int] = (900, 600)) -> Pixels:
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    return np.array(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))


def bits(one: Pixels, other: Pixels) -> int:
    return (perceptual_hash(Pyramid(one)) ^ perceptual_hash(Pyramid(other))).bit_count()


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p,
        lambda p: np.clip(p.astype(int) + 20, 0, 255).astype(np.uint8),  # exposure
        lambda p: np.roll(p, 8, axis=1),  # the camera moved
        lambda p: np.array(Image.fromarray(p).resize((450, 300))),
    ],
)
def test_small_changes_keep_the_hash_close(change: object) -> None:
    photo = scene(1)
    assert bits(photo, change(photo)) < DIFFERENT_BITS  # type: ignore[operator]


def test_unrelated_photos_have_distant_hashes() -> None:
    hashes = [perceptual_hash(Pyramid(scene(seed))) for seed in range(20)]
    apart = [(a ^ b).bit_count() for i, a in enumerate(hashes) for b in hashes[:i]]
    assert min(apart) >= DIFFERENT_BITS
    assert all(0 <= h < 2**64 for h in hashes)
