"""Photos of an event as a camera makes them, from smaller real ones: they cost what a camera's cost to decode.

A photo shows one to eight portraits side by side, upscaled, under noise as a sensor leaves it; in a third of them
nobody is known.  Nothing of it is kept: the caller gives a temporary folder.
"""

from __future__ import annotations

import csv
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageOps
from tqdm import tqdm

__all__ = ["Camera", "MadePhotos", "make_jpegs", "make_raws"]

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
class Camera:
    """What a camera writes.

    Parameters
    ----------
    size : (int, int)
        Long and short edge in px.
    quality : int
        Of the JPEG.
    first : int
        Number of its first photo; what a photo shows follows from its number.
    """

    size: tuple[int, int] = (6000, 4000)
    quality: int = 92
    first: int = 0


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


@dataclass(frozen=True, slots=True, eq=False)
class _Studio:
    """What all photos are made from, loaded once per process."""

    camera: Camera
    known: list[NDArray[np.uint8]]
    strangers: list[NDArray[np.uint8]]
    grain: NDArray[np.int16]


def make_jpegs(assets: Path, folder: Path, count: int, camera: Camera | None = None) -> MadePhotos:
    """JPEGs (4:2:2, as cameras write them), every fourth one taken upright; a folder that is there is used."""
    source = folder / "jpeg"
    made = MadePhotos(source, _portraits(assets).references)
    if source.exists():
        return made
    unfinished = folder / "jpeg-unfinished"
    unfinished.mkdir(parents=True, exist_ok=True)
    camera = camera or Camera()
    make = partial(_make_jpeg, assets, unfinished, camera)
    numbers = range(camera.first, camera.first + count)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        for _ in tqdm(pool.map(make, numbers, chunksize=4), total=count, desc="photos"):
            pass
    unfinished.rename(source)
    return made


def _make_jpeg(assets: Path, folder: Path, camera: Camera, number: int) -> None:
    """Make one photo; which one follows from its number alone."""
    path = folder / f"DSC{number:05d}.JPG"
    if path.exists():
        return
    studio, rng, upright = (
        _studio(assets, camera),
        np.random.default_rng((7, number)),
        number % 4 == 3,
    )
    picture = _scene(studio, rng, known=number % 3 != 0, upright=upright)
    exif = Image.Exif()
    exif[_DATE] = "2026:06:01 12:00:00"
    if upright:
        picture = np.rot90(picture)  # as the sensor saw it; the tag turns it back
        exif[_ORIENTATION] = 6
    noisy = _noisy(np.ascontiguousarray(picture), studio.grain, rng)
    jpeg = simplejpeg.encode_jpeg(noisy, camera.quality, "RGB", colorsubsampling="422")
    tags = exif.tobytes()
    segment = b"\xff\xe1" + (len(tags) + 2).to_bytes(2, "big") + tags
    path.write_bytes(jpeg[:2] + segment + jpeg[2:])


@lru_cache(maxsize=1)
def _studio(assets: Path, camera: Camera) -> _Studio:
    cv2.setNumThreads(1)
    portraits = _portraits(assets)
    known, strangers = (
        [_pixels(path) for path in paths] for paths in (portraits.known, portraits.strangers)
    )
    return _Studio(camera, known, strangers, _grain(camera.size[0] + 256))


def _pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


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
        subprocess.run([*tool, "--width", str(Camera().size[0])], check=True)
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
    studio: _Studio, rng: np.random.Generator, *, known: bool, upright: bool
) -> NDArray[np.uint8]:
    """One photo without noise; the first cell is a known person, if anyone is to be."""
    width, height = reversed(studio.camera.size) if upright else studio.camera.size
    faces = int(rng.choice(list(_GRIDS), p=_SHARES))
    columns, rows = reversed(_GRIDS[faces]) if upright else _GRIDS[faces]
    cell = (width // columns, height // rows)
    picture = np.full((height, width, 3), 90, dtype=np.uint8)
    for place in range(faces):
        is_known = known and (place == 0 or rng.random() < 0.4)
        pool = studio.known if is_known else studio.strangers
        left, top = place % columns * cell[0], place // columns * cell[1]
        portrait = _fitted(pool[int(rng.integers(len(pool)))], cell)
        picture[top : top + cell[1], left : left + cell[0]] = portrait
    return picture


def _fitted(portrait: NDArray[np.uint8], cell: tuple[int, int]) -> NDArray[np.uint8]:
    """The largest part of a portrait that has the cell's shape, rather its upper part, at the cell's size."""
    height, width = portrait.shape[:2]
    scale = min(width / cell[0], height / cell[1])
    part = round(cell[0] * scale), round(cell[1] * scale)
    left, top = round((width - part[0]) * 0.5), round((height - part[1]) * 0.3)
    cut = portrait[top : top + part[1], left : left + part[0]]
    return np.asarray(cv2.resize(cut, cell, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def _grain(side: int) -> NDArray[np.int16]:
    """Grey noise somewhat larger than a photo, so that every photo cuts out another part."""
    white = np.random.default_rng(7).normal(0, 1, (side, side)).astype(np.float32)
    blurred = cv2.GaussianBlur(white, (3, 3), 0.6)
    grey = (blurred * (_NOISE / blurred.std())).round().astype(np.int16)
    return np.asarray(cv2.merge([grey] * 3))


def _noisy(
    picture: NDArray[np.uint8], grain: NDArray[np.int16], rng: np.random.Generator
) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    top, left = (int(n) for n in rng.integers(0, 256, 2))
    cut = grain[top : top + height, left : left + width]
    return np.asarray(cv2.add(picture, cut, dtype=cv2.CV_8U))  # cuts off at 0 and 255
