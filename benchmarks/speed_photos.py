"""24-megapixel photos of an event, made from smaller real ones: they cost what a camera's cost to decode.

A photo shows one to eight portraits side by side, upscaled, under noise as a sensor leaves it; in a third of them
nobody is known.  Nothing of it is kept: the caller gives a temporary folder.
"""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

__all__ = ["MadePhotos", "make_jpegs", "make_raws"]

_SIZE = (6000, 4000)
_GRIDS = {1: (1, 1), 2: (2, 1), 3: (3, 1), 4: (2, 2), 6: (3, 2), 8: (4, 2)}
_SHARES = (0.25, 0.25, 0.2, 0.15, 0.1, 0.05)
_LEAST_SIDE = 450  # px of a portrait that is worth upscaling
_STRANGERS = ("vladmandic-human/stock-emotions-*.jpg", "vladmandic-human/person-*.jpg")
_STRANGERS_TOO = ("openface/*.jpg", "insightface/bulk/RD/*.jpeg", "knn_examples/train/*/*.jpg")
_ORIENTATION = 274
_DATE = 306
# Correlated over two pixels, as after demosaicing; with it a photo takes 8 to 10 MB, as at ISO 400 to 800.
_NOISE = 6.0


@dataclass(frozen=True, slots=True)
class MadePhotos:
    """A source folder and whom to seed.

    Parameters
    ----------
    source : Path
    references : dict of str to Path
        One photo per known person; it is not in the source.
    """

    source: Path
    references: dict[str, Path]


@dataclass(frozen=True, slots=True)
class _Portraits:
    references: dict[str, Path]
    known: list[Path]
    strangers: list[Path]


def make_jpegs(assets: Path, folder: Path, count: int) -> MadePhotos:
    """24 MP JPEGs (4:2:2, as cameras write them), every fourth one taken upright; a folder that is there is used."""
    portraits, rng = _portraits(assets), np.random.default_rng(7)
    source = folder / "jpeg"
    made = MadePhotos(source, portraits.references)
    if source.exists():
        return made
    grain = _grain(rng)
    source.mkdir(parents=True)
    for number in range(count):
        upright = number % 4 == 3
        picture = _scene(portraits, rng, known=number % 3 != 0, upright=upright)
        exif = Image.Exif()
        exif[_DATE] = "2026:06:01 12:00:00"
        if upright:
            picture = np.rot90(picture)  # as the sensor saw it; the tag turns it back
            exif[_ORIENTATION] = 6
        stored = Image.fromarray(_noisy(np.ascontiguousarray(picture), grain, rng))
        path = source / f"DSC{number:05d}.JPG"
        stored.save(path, quality=92, subsampling="4:2:2", exif=exif.tobytes())
    return made


def make_raws(assets: Path, jpegs: MadePhotos, folder: Path, count: int) -> MadePhotos:
    """ARW-shaped files of 24 MP (compressed mosaic, full-size preview), by the tool that the assets bring along."""
    source = folder / "raw"
    made = MadePhotos(source, jpegs.references)
    if source.exists():
        return made
    source.mkdir(parents=True)
    for path in sorted(jpegs.source.iterdir())[:count]:
        target = source / f"{path.stem}.ARW"
        tool = [sys.executable, str(assets / "tools/make_arw.py"), str(path), str(target)]
        subprocess.run([*tool, "--width", str(_SIZE[0])], check=True)
    return made


def _portraits(assets: Path) -> _Portraits:
    """Deepface's people are known, with their first large photo as the reference; the others are strangers."""
    folder = assets / "photos/deepface"
    people: dict[str, list[Path]] = {}
    with (folder / "labels_from_csv.tsv").open(encoding="utf-8") as stream:
        rows = csv.DictReader((line for line in stream if not line.startswith("#")), delimiter="\t")
        for row in rows:
            if _is_large(folder / row["file"]):
                people.setdefault(row["person"], []).append(folder / row["file"])
    several = {name: sorted(files) for name, files in sorted(people.items()) if len(files) > 1}
    return _Portraits(
        references={name: files[0] for name, files in several.items()},
        known=[file for files in several.values() for file in files[1:]],
        strangers=list(_large(assets / "photos", (*_STRANGERS, *_STRANGERS_TOO))),
    )


def _large(folder: Path, patterns: Sequence[str]) -> Iterator[Path]:
    for pattern in patterns:
        yield from (path for path in sorted(folder.glob(pattern)) if _is_large(path))


def _is_large(path: Path) -> bool:
    with Image.open(path) as image:
        return min(image.size) >= _LEAST_SIDE


def _scene(
    portraits: _Portraits, rng: np.random.Generator, *, known: bool, upright: bool
) -> NDArray[np.uint8]:
    """One photo without noise; the first cell is a known person, if anyone is to be."""
    width, height = reversed(_SIZE) if upright else _SIZE
    faces = int(rng.choice(list(_GRIDS), p=_SHARES))
    columns, rows = reversed(_GRIDS[faces]) if upright else _GRIDS[faces]
    cell = (width // columns, height // rows)
    picture = np.full((height, width, 3), 90, dtype=np.uint8)
    for place in range(faces):
        pool = (
            portraits.known if known and (place == 0 or rng.random() < 0.4) else portraits.strangers
        )
        left, top = place % columns * cell[0], place // columns * cell[1]
        portrait = _portrait(pool[int(rng.integers(len(pool)))], cell)
        picture[top : top + cell[1], left : left + cell[0]] = portrait
    return picture


def _portrait(path: Path, cell: tuple[int, int]) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        picture = ImageOps.exif_transpose(image).convert("RGB")
    fitted = ImageOps.fit(picture, cell, Image.Resampling.BICUBIC, centering=(0.5, 0.3))
    return np.asarray(fitted)


def _grain(rng: np.random.Generator) -> NDArray[np.int16]:
    """Noise somewhat larger than a photo, so that every photo cuts out another part."""
    white = rng.normal(0, 1, (_SIZE[0] + 256, _SIZE[0] + 256)).astype(np.float32)
    blurred = cv2.GaussianBlur(white, (3, 3), 0.6)
    return (blurred * (_NOISE / blurred.std())).round().astype(np.int16)


def _noisy(
    picture: NDArray[np.uint8], grain: NDArray[np.int16], rng: np.random.Generator
) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    top, left = (int(n) for n in rng.integers(0, 256, 2))
    noisy = picture + grain[top : top + height, left : left + width, None]
    return np.clip(noisy, 0, 255).astype(np.uint8)
