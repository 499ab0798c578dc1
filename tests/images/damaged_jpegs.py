"""Damage and harmless oddities for JPEGs, at random, and what becomes of them."""

from __future__ import annotations

import io
import random
import re
from collections.abc import Callable
from enum import StrEnum
from functools import cache

import cv2
import numpy as np
import pytest
import simplejpeg
from PIL import Image

from facesort.errors import ImageError
from facesort.images import LoadedPhoto, load_photo

WIDTH, HEIGHT = 480, 320
ENDED = b"\xff\xd9"


class Fate(StrEnum):
    NOTICED = "noticed"
    IDENTICAL = "pixel-identical"
    NOT_NOTICED = "not noticeable"


def load(data: bytes, *, accept_damaged: bool = False) -> LoadedPhoto:
    return load_photo(data, "x.jpg", max_megapixels=50, accept_damaged=accept_damaged)


def refused(data: bytes) -> ImageError:
    with pytest.raises(ImageError) as raised:
        load(data)
    return raised.value


@cache
def picture(seed: int = 0, width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    """Coarse and fine structure in colour: about as many bits per pixel as a photo has."""
    chance = np.random.default_rng(seed)
    total = np.zeros((height, width, 3))
    for cells, contrast in ((3, 90), (12, 40), (60, 16)):
        coarse = chance.normal(0, contrast, (cells, cells, 3)).astype(np.float32)
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    total += chance.normal(0, 4, (height, width, 1))
    return Image.fromarray(np.clip(total + 128, 0, 255).astype(np.uint8))


def by_pillow(image: int | Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    (picture(image) if isinstance(image, int) else image).save(
        file, "JPEG", **{"quality": 85, **options}
    )
    return file.getvalue()


KINDS: dict[str, dict[str, object]] = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restart markers": {"restart_marker_rows": 1},
}


def flip(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """One bit says something else."""
    changed = bytearray(data)
    changed[chance.randrange(2, len(data))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def hole(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """Zeros, as a disk gives for blocks that it lost."""
    length = min(chance.choice([16, 64, 512, 4096]), len(data) - 10)
    at = chance.randrange(2, len(data) - length)
    return data[:at] + bytes(length) + data[at + length :]


def splice(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """The rest, or a piece, of another picture from the same camera."""
    at = chance.randrange(2, len(data) - 2)
    if chance.random() < 0.5:
        return data[:at] + other[at:]
    length = chance.choice([64, 512, 4096])
    start = chance.randrange(2, len(other) - 2)
    return data[:at] + other[start : start + length] + data[at + length :]


DAMAGE: dict[str, Callable[[bytes, bytes, random.Random], bytes]] = {
    "flips": flip, "holes": hole, "splices": splice,
}  # fmt: skip


def fate(data: bytes, whole: np.ndarray) -> Fate:
    """What becomes of a damaged picture."""
    try:
        pixels = load_photo(data, "x.jpg", max_megapixels=50).pixels
    except ImageError:
        return Fate.NOTICED
    same = pixels.shape == whole.shape and (pixels == whole).all()
    return Fate.IDENTICAL if same else Fate.NOT_NOTICED


def encoders() -> dict[str, Callable[[Image.Image, random.Random], bytes]]:
    """Encoders that pictures come from, each with options at random."""

    def pillow(image: Image.Image, chance: random.Random) -> bytes:
        file = io.BytesIO()
        options: dict[str, object] = {
            "quality": chance.choice([20, 60, 85, 95, 100]),
            "progressive": chance.random() < 0.4,
            "optimize": chance.random() < 0.4,
            "subsampling": chance.choice(["4:4:4", "4:2:2", "4:2:0", "4:1:1"]),
        }
        if chance.random() < 0.4:
            options["restart_marker_blocks"] = chance.choice([1, 3, 16, 100])
        elif chance.random() < 0.3:
            options["restart_marker_rows"] = chance.choice([1, 4])
        if chance.random() < 0.2:
            options["comment"] = chance.randbytes(50)
        if chance.random() < 0.2:
            options["icc_profile"] = chance.randbytes(200)
        image.save(file, "JPEG", **options)
        return file.getvalue()

    def opencv(image: Image.Image, chance: random.Random) -> bytes:
        options = [cv2.IMWRITE_JPEG_QUALITY, chance.choice([30, 80, 95])]
        options += [cv2.IMWRITE_JPEG_PROGRESSIVE, chance.choice([0, 1])]
        options += [cv2.IMWRITE_JPEG_OPTIMIZE, chance.choice([0, 1])]
        options += [cv2.IMWRITE_JPEG_RST_INTERVAL, chance.choice([0, 0, 1, 7, 64])]
        sampling = ("411", "420", "422", "440", "444")
        name = f"IMWRITE_JPEG_SAMPLING_FACTOR_{chance.choice(sampling)}"
        options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, getattr(cv2, name)]
        return cv2.imencode(".jpg", np.asarray(image), options)[1].tobytes()

    def turbo(image: Image.Image, chance: random.Random) -> bytes:
        pixels = np.ascontiguousarray(np.asarray(image.convert("RGB")))
        sampling = chance.choice(["444", "422", "420", "440", "411", "Gray"])
        return bytes(
            simplejpeg.encode_jpeg(
                pixels, chance.choice([30, 85, 98]), "RGB", sampling, chance.random() < 0.5
            )
        )

    return {"Pillow": pillow, "OpenCV": opencv, "simplejpeg": turbo}


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body


def first_tables(data: bytes) -> int:
    """Where the segments of the application end, and those of the picture begin."""
    at = 2
    while data[at + 1] >= 0xE0:
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return at


def _in_head(data: bytes, more: bytes) -> bytes:
    at = first_tables(data)
    return data[:at] + more + data[at:]


def _with_lines(data: bytes) -> bytes:
    """Its height in a DNL segment, which libjpeg-turbo does not read."""
    at = re.search(rb"\xff[\xc0-\xc2]\0[\x0b\x11\x14]\x08", data).end()
    behind = [m.start() for m in re.finditer(rb"\xff[\xc4\xda\xd9]", data[at:])]
    scan = data.index(b"\xff\xda") - at
    end = at + next(place for place in behind if place > scan)
    return data[:at] + bytes(2) + data[at + 2 : end] + segment(0xDC, data[at : at + 2]) + data[end:]


ODDITIES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "nothing": lambda data, chance: data,
    "no EOI": lambda data, chance: data[:-2],
    "half an EOI": lambda data, chance: data[:-1],
    "zeros in place of the EOI": lambda data, chance: data[:-2] + bytes(chance.choice([2, 4096])),
    "zeros after the EOI": lambda data, chance: data + bytes(chance.choice([1, 4096])),
    "padding before the EOI": lambda data, chance: data[:-2] + bytes(chance.choice([1, 2, 500])) + ENDED,
    "bytes after the EOI": lambda data, chance: data + chance.randbytes(chance.choice([1, 5000])),
    "another picture behind it": lambda data, chance: data + by_pillow(1)[:-500],
    "fill bytes before the EOI": lambda data, chance: data[:-2] + b"\xff" * 5 + ENDED,
    "fill bytes before a marker": lambda data, chance: _in_head(data, b"\xff" * chance.choice([1, 9])),
    "garbage before a marker": lambda data, chance: _in_head(data, chance.randbytes(9).replace(b"\xff", b"\0")),
    "zeros before a marker": lambda data, chance: _in_head(data, bytes(12)),
    "an unknown APP marker": lambda data, chance: _in_head(data, segment(0xE7, chance.randbytes(90))),
    "a comment": lambda data, chance: _in_head(data, segment(0xFE, chance.randbytes(90))),
    "an unknown marker": lambda data, chance: _in_head(
        data, segment(chance.choice([0xF0, 0xF7, 0xFD]), chance.randbytes(30).replace(b"\xff", b"\1"))
    ),
    "a reserved marker": lambda data, chance: _in_head(
        data, segment(chance.choice([0x02, 0x42, 0xBF]), chance.randbytes(30).replace(b"\xff", b"\1"))
    ),
    "an ICC profile with gaps": lambda data, chance: _in_head(
        data, segment(0xE2, b"ICC_PROFILE\0\2\3" + chance.randbytes(99))
    ),
    "another JFIF version": lambda data, chance: (
        data[:11] + b"\7" + data[12:] if data[6:10] == b"JFIF" else data
    ),
    "a JFIF segment that is too short": lambda data, chance: _in_head(data, segment(0xE0, b"JFIF\0")),
    "an Adobe segment that is too short": lambda data, chance: _in_head(data, segment(0xEE, b"Adobe")),
    "its height behind the scan": lambda data, chance: _with_lines(data),
    "an EXIF of garbage": lambda data, chance: _in_head(data, segment(0xE1, b"Exif\0\0" + chance.randbytes(60))),
}  # fmt: skip
