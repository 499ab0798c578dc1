"""The pictures of the sample event: where they are installed, who is in them, and how photos are cut from them.

A photo consists of *views*.  A view is one or several of the letters ``A`` to ``F``, persons of the group picture (see
`REACH`), or ``stranger``, ``coffee``, ``venue`` or ``flowers`` for another picture.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageChops, ImageFilter

from facesort.errors import FacesortError

_Box = tuple[int, int, int, int]  # x_min, y_min, x_max, y_max in px of a source picture


class Source(NamedTuple):
    """A picture in an installed package.

    Parameters
    ----------
    distribution, package : str
        Its names for pip and for Python.
    path : str
        Inside the package.
    sha256 : str
        Of the picture that the coordinates below belong to.
    """

    distribution: str
    package: str
    path: str
    sha256: str


SOURCES = {
    "group": Source(
        "insightface",
        "insightface",
        "data/images/t1.jpg",
        "47f682e945b659f93a9e490b9c9c4a2a864abe64dace9e1a2893845ddfd69489",
    ),
    "stranger": Source(
        "scikit-image",
        "skimage",
        "data/astronaut.png",
        "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    ),
    "coffee": Source(
        "scikit-image",
        "skimage",
        "data/coffee.png",
        "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
    ),
    "venue": Source(
        "scikit-learn",
        "sklearn",
        "datasets/images/china.jpg",
        "8378025ad2519d649d02e32bd98990db4ab572357d9f09841c2fbfbb4fefad29",
    ),
    "flowers": Source(
        "scikit-learn",
        "sklearn",
        "datasets/images/flower.jpg",
        "a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638",
    ),
}

# Heads (hair to chin, ear to ear) in px of the 1280 x 886 group picture, from left to right.
HEADS: dict[str, _Box] = {
    "A": (20, 230, 190, 420),
    "B": (262, 100, 415, 270),
    "C": (450, 218, 610, 425),
    "D": (745, 290, 875, 485),
    "E": (880, 0, 1060, 215),
    "F": (1110, 232, 1270, 435),
}
# The largest frame of these persons that cuts into no other head (same px).
REACH: dict[str, _Box] = {
    "A": (0, 170, 260, 620),
    "B": (192, 60, 448, 500),
    "C": (417, 150, 742, 640),
    "D": (612, 218, 905, 640),
    "E": (690, 0, 1106, 288),
    "F": (1062, 216, 1280, 640),
    "AB": (0, 60, 448, 620),
    "BC": (192, 60, 742, 620),
    "CD": (417, 150, 878, 640),
    "DE": (612, 0, 1106, 640),
    "EF": (878, 0, 1280, 640),
    "ABC": (0, 40, 742, 700),
    "BCD": (192, 60, 878, 700),
    "CDE": (417, 0, 1106, 700),
    "DEF": (612, 0, 1280, 700),
    "ABCD": (0, 40, 878, 740),
    "CDEF": (417, 0, 1280, 740),
    "ABCDE": (0, 0, 1106, 740),
    "BCDEF": (192, 0, 1280, 740),
    "ABCDEF": (0, 0, 1280, 886),
}
# What a photo of another picture must contain (px of that picture).
_MIDDLES: dict[str, _Box] = {
    "stranger": (150, 10, 310, 195),
    "coffee": (150, 100, 450, 300),
    "venue": (160, 107, 480, 320),
    "flowers": (160, 107, 480, 320),
}


def open_pictures(sources: Mapping[str, Source] = SOURCES) -> dict[str, Image.Image]:
    """Open the installed pictures by view, in RGB, without importing their packages.

    Raises
    ------
    FacesortError
        If a picture is missing or has changed.
    """
    return {view: _open(source) for view, source in sources.items()}


def _open(source: Source) -> Image.Image:
    """Open one picture and verify its checksum."""
    spec = importlib.util.find_spec(source.package)
    if spec is None or not spec.submodule_search_locations:
        raise FacesortError(
            f"the sample event needs a picture from {source.distribution}, which is not installed; "
            f"run: pip install {source.distribution}"
        )
    path = Path(spec.submodule_search_locations[0]) / source.path
    if not path.is_file():
        raise _changed(source, f"no longer has {path.name}")
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != source.sha256:
        raise _changed(source, f"has a different {path.name}")
    return Image.open(io.BytesIO(data)).convert("RGB")


def _changed(source: Source, what: str) -> FacesortError:
    version = importlib.metadata.version(source.distribution)
    return FacesortError(
        f"the sample event cannot be built: {source.distribution} {version} {what}; "
        "facesort itself is not affected: sort your own photos with `facesort init`"
    )


def cut_reference(pictures: Mapping[str, Image.Image], person: str) -> Image.Image:
    """Cut a plain photo of one person (a key of `HEADS`), enlarged twice."""
    cut = pictures["group"].crop(REACH[person])
    return cut.resize((cut.width * 2, cut.height * 2), Image.Resampling.LANCZOS)


def take_photo(
    pictures: Mapping[str, Image.Image], views: tuple[str, ...], rng: Generator, *, wide: bool
) -> Image.Image:
    """Make one upright photo with random frame, tilt, focus, size, light and grain.

    Parameters
    ----------
    views : tuple of str
        One view, or several side by side as from a photo booth.
    wide : bool
        From farther away; ignored for several views.
    """
    if len(views) > 1:
        photo = _strip([_view(pictures, view, rng) for view in views])
    else:
        photo = _view(pictures, views[0], rng)
        if wide:
            photo = _from_farther_away(photo, rng)
    long_edge = int(rng.choice((1800, 2400) if wide else (1200, 1500, 1800, 3000)))
    scale = min(long_edge / max(photo.size), 4.5)  # a larger scale is only blur
    size = (round(photo.width * scale), round(photo.height * scale))
    photo = photo.resize(size, Image.Resampling.BICUBIC)
    return _grain(_light(photo, rng), rng)


def _view(pictures: Mapping[str, Image.Image], view: str, rng: Generator) -> Image.Image:
    """Cut one view with random frame, mirroring, tilt and focus."""
    if view in REACH:
        picture, reach = pictures["group"], REACH[view]
        left, top, right, bottom = zip(*(HEADS[name] for name in view), strict=True)
        keep = (min(left), min(top), max(right), max(bottom))
    else:
        picture = pictures[view]
        reach = (0, 0, *picture.size)
        keep = _MIDDLES[view]
    cut = picture.crop(_frame(reach, keep, rng))
    if rng.integers(2):
        cut = cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return _tilt(cut, rng.uniform(-3, 3)).filter(ImageFilter.GaussianBlur(rng.uniform(0, 1.2)))


def _frame(reach: _Box, keep: _Box, rng: Generator) -> _Box:
    """Choose a frame inside `reach` that contains `keep`, with a camera's aspect ratio if one fits."""
    room = (reach[2] - reach[0], reach[3] - reach[1])
    least = (keep[2] - keep[0], keep[3] - keep[1])
    for aspect in (3 / 2, 2 / 3, 4 / 3, 3 / 4, 1.0):
        largest = min(room[0], room[1] * aspect)
        smallest = max(least[0], least[1] * aspect)
        if smallest <= largest:
            width = rng.uniform(max(smallest, 0.75 * largest), largest)
            size = (min(math.ceil(width), room[0]), min(math.ceil(width / aspect), room[1]))
            break
    else:
        size = room
    corner = []
    for axis in (0, 1):
        low = max(reach[axis], keep[axis + 2] - size[axis])
        high = min(keep[axis], reach[axis + 2] - size[axis])
        corner.append(int(rng.integers(low, high, endpoint=True)))
    return (corner[0], corner[1], corner[0] + size[0], corner[1] + size[1])


def _tilt(cut: Image.Image, degrees: float) -> Image.Image:
    """Rotate a cut a little; its edge pixels fill the corners."""
    margin = math.ceil(max(cut.size) * abs(math.sin(math.radians(degrees)))) + 2
    around = np.pad(np.asarray(cut), ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    turned = Image.fromarray(around).rotate(degrees, Image.Resampling.BICUBIC)
    return turned.crop((margin, margin, margin + cut.width, margin + cut.height))


def _strip(views: list[Image.Image]) -> Image.Image:
    """Place views of the same height side by side on white paper."""
    height, border = 400, 16
    scaled = [view.resize((round(view.width * height / view.height), height)) for view in views]
    width = sum(view.width for view in scaled) + border * (len(scaled) + 1)
    paper = Image.new("RGB", (width, height + 2 * border), (244, 242, 238))
    left = border
    for view in scaled:
        paper.paste(view, (left, border))
        left += view.width + border
    return paper


def _from_farther_away(photo: Image.Image, rng: Generator) -> Image.Image:
    """Add blurred, darker room around a photo."""
    side = round(photo.width * rng.uniform(0.2, 0.35))
    above = round(photo.height * rng.uniform(0.1, 0.3))
    pixels = np.asarray(photo)
    room = Image.fromarray(np.pad(pixels, ((above, 0), (side, side), (0, 0)), mode="edge"))
    room = room.filter(ImageFilter.GaussianBlur(max(room.size) / 25))
    soft = max(photo.size) // 30
    mask = Image.new("L", photo.size, 0)
    mask.paste(255, (soft, soft, photo.width - soft, photo.height))
    room.paste(photo, (side, above), mask.filter(ImageFilter.GaussianBlur(soft / 2)))
    y, x = np.ogrid[-1.2 : 0.8 : room.height * 1j, -1 : 1 : room.width * 1j]
    shade = Image.fromarray((255 * np.clip(1.1 - 0.35 * (x**2 + y**2), 0, 1)).astype(np.uint8))
    return ImageChops.multiply(room, Image.merge("RGB", (shade,) * 3))


def _light(photo: Image.Image, rng: Generator) -> Image.Image:
    """Change exposure, contrast and colour with one table per channel."""
    gamma, contrast = 2.0 ** rng.uniform(-0.7, 0.7), rng.uniform(0.75, 1.2)
    casts = (rng.uniform(0.85, 1.12), 1.0, rng.uniform(0.8, 1.15))
    tone = (np.linspace(0, 1, 256) ** gamma - 0.5) * contrast + 0.5
    table = [np.clip(255 * tone * cast, 0, 255).round().astype(int) for cast in casts]
    return photo.point(np.concatenate(table).tolist())


def _grain(photo: Image.Image, rng: Generator) -> Image.Image:
    """Add luminance noise as one repeated random tile; a whole photo of noise takes seconds."""
    tile = rng.normal(128, rng.uniform(0, 9), (512, 512)).clip(0, 255).astype(np.uint8)
    repeats = (-(-photo.height // 512), -(-photo.width // 512))
    noise = Image.fromarray(np.tile(tile, repeats)[: photo.height, : photo.width])
    return ImageChops.add(photo, Image.merge("RGB", (noise,) * 3), 1.0, -128)
