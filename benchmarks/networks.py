"""The bound of `speed.py`: nothing but the networks, on tensors of the shapes that facesort gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from facesort.faces.engines.detector_input import detector_sizes
from facesort.faces.engines.load import load_engine
from facesort.faces.protocol import FaceEngine, ModelPack
from facesort.images import load_photo
from facesort.settings import Backend

__all__ = ["Tensors", "run_networks", "tensors_of"]


@dataclass(frozen=True, slots=True)
class Tensors:
    """What the networks see of one photo.

    Parameters
    ----------
    sizes : tuple of (int, int)
        Width and height of the detector's inputs.
    faces : int
        How many crops the recogniser embeds, one by one.
    """

    sizes: tuple[tuple[int, int], ...]
    faces: int


def tensors_of(pack: ModelPack, paths: Sequence[Path]) -> list[Tensors]:
    engine = load_engine(pack, threads=1)
    found = []
    for path in paths:
        pixels = load_photo(path.read_bytes(), path.name, max_megapixels=200).pixels
        found.append(Tensors(tuple(detector_sizes(pixels)), len(engine.detect(pixels))))
    return found


@lru_cache(maxsize=1)
def _engine(pack: ModelPack, backend: Backend) -> FaceEngine:
    return load_engine(pack, threads=1, backend=backend)


def run_networks(pack: ModelPack, photos: Sequence[Tensors], backend: Backend) -> None:
    """Run detector and recogniser, with facesort's own sessions, in one worker."""
    engine = _engine(pack, backend)
    detector, recogniser = engine.detector.session, engine.recogniser.session
    random = np.random.default_rng(1)
    side = recogniser.get_inputs()[0].shape[2]
    crop = random.uniform(-1, 1, (1, 3, side, side)).astype(np.float32)
    names = detector.get_inputs()[0].name, recogniser.get_inputs()[0].name
    inputs: dict[tuple[int, int], np.ndarray] = {}
    for photo in photos:
        for width, height in photo.sizes:
            if (width, height) not in inputs:
                values = random.uniform(-1, 1, (1, 3, height, width))
                inputs[width, height] = values.astype(np.float32)
            detector.run(None, {names[0]: inputs[width, height]})
        for _ in range(photo.faces):
            recogniser.run(None, {names[1]: crop})
