"""Files of every format that show what is read of it."""

from __future__ import annotations

import io
import random
from functools import cache

import numpy as np
import pillow_heif
from images.charts import P3, Floats, deep_avif, deep_heif, gama, png, profile, with_nclx
from images.damaged_jpegs import KINDS, by_pillow, picture as structure
from images.synthetic_photos import dng, encoded, exif, float_dng, held, scene
from images.tiffs import page, tiff
from PIL import Image

PILLOW = {
    "JPEG": "JPEG", "PNG": "PNG", "TIFF, BigTIFF": "TIFF", "WebP": "WEBP", "HEIC": "HEIF", "AVIF": "AVIF",
}  # fmt: skip
TIFF, PREVIEW, RAW, FLOATS = (
    "TIFF, BigTIFF", "RAW by its preview", "RAW developed", "DNG of floats",
)  # fmt: skip
_COMPRESSIONS = {
    "LZW": "tiff_lzw", "Deflate": "tiff_adobe_deflate", "LZMA": "lzma", "JPEG": "jpeg", "Zstandard": "zstd",
    "PackBits": "packbits", "nothing": "raw",
}  # fmt: skip
SMALL = structure(0, 96, 64)
_HOLE = 512  # bytes


def turned(kind: str, orientation: int) -> list[bytes]:
    stored = held(scene(), orientation)
    if kind == TIFF:
        made = page(np.asarray(stored), t274=(3, (orientation,)))
        return [tiff(made, big=big) for big in (False, True)]
    if kind == PREVIEW:
        grey = Image.new("RGB", scene().size, "grey")
        silent = encoded(stored, "JPEG", exif=exif(Make="Maker"))
        silent = (
            silent[:2] + silent[20:]
        )  # EXIF first, without JFIF: LibRaw adds no EXIF of its own
        previews = encoded(stored, "JPEG"), silent
        return [dng(grey, orientation=orientation, preview=preview) for preview in previews]
    if kind == RAW:
        return [dng(scene(), orientation=orientation)]
    if kind == FLOATS:
        return [float_dng(scene(), orientation=orientation)]
    return [encoded(stored, PILLOW[kind], exif=exif(Orientation=orientation))]


def shadows(steps: int, rows: int, columns: int) -> Floats:
    """Linear light that grows from patch to patch of the picture, in steps of white."""
    growth = np.add.outer(6 * np.arange(rows), np.arange(columns))
    light = 0.005 + 0.055 * growth / growth.max()
    return np.repeat((light * steps).round()[..., None] / steps, 3, axis=2)


def of_shadows(kind: str, steps: int) -> list[bytes]:
    light, few, linear = shadows(steps, 64, 96), shadows(steps, 4, 6), profile(P3, 1.0)
    deep = (light * 65535).round().astype(np.uint16)
    match kind:
        case "PNG":
            return [png(deep, gama(1))]
        case "TIFF, BigTIFF":
            pages = [page(samples, t34675=(7, linear)) for samples in (deep, light.astype("f4"))]
            return [tiff(each, big=big) for each in pages for big in (False, True)]
        case "HEIC":
            return [with_nclx(deep_heif(few, twelve=twelve), 1, 8) for twelve in (False, True)]
        case "AVIF":
            return [with_nclx(deep_avif(few), 1, 8)]
    made = dng if kind == RAW else float_dng
    return [made(255 * light ** (1 / 2.2), noise=0)]


@cache
def whole(kind: str) -> dict[str, bytes]:
    """Files of a format, by what is told of them in a cell."""
    image = structure(0, 300, 200)
    match kind:
        case "JPEG":
            return {name: by_pillow(image, **options) for name, options in KINDS.items()}
        case "TIFF, BigTIFF":
            return {
                name: encoded(image, "TIFF", compression=c) for name, c in _COMPRESSIONS.items()
            }
        case "GIF" | "BMP":
            return {"": encoded(image.quantize(64) if kind == "GIF" else image, kind)}
        case "RAW by its preview":
            return {"": dng(SMALL, preview=by_pillow(SMALL))}
        case "RAW developed":
            return {"a black level": dng(SMALL, black=512), "none": dng(SMALL)}
        case "DNG of floats":
            return {"Deflate": float_dng(SMALL), "nothing": float_dng(SMALL, deflate=False)}
    return {"": encoded(image, PILLOW[kind])}


def cut_off(data: bytes, chance: random.Random) -> bytes:
    return data[: int(len(data) * chance.uniform(0.1, 0.95))]


def place(data: bytes, chance: random.Random, length: int) -> int:
    """Where pixels are; of a RAW file with a preview, those of the preview, which stands behind the mosaic."""
    start = data.find(b"\xff\xd8\xff", 8) if data.startswith(b"II*\0") else -1
    least = start + 1000 if start > 0 else len(data) * 3 // 10
    return chance.randrange(least, len(data) * 9 // 10 - length)


def zeros(data: bytes, chance: random.Random) -> bytes:
    at = place(data, chance, _HOLE)
    return data[:at] + bytes(_HOLE) + data[at + _HOLE :]


def flip(data: bytes, chance: random.Random) -> bytes:
    at = place(data, chance, 1)
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def in_one_file(kind: str) -> list[bytes]:
    black = Image.new("RGB", scene().size)
    if kind == TIFF:
        thumbnail, photo = np.asarray(scene())[::4, ::4], page(np.asarray(scene()))
        first = page(thumbnail), page(thumbnail, t254=(4, (1,)))  # not marked as such, and marked
        other = page(np.asarray(black))
        return [tiff(small, photo, other, big=big) for small in first for big in (False, True)]
    if kind == "HEIC":
        files = [io.BytesIO(), io.BytesIO()]
        for primary, file in enumerate(files):
            made = pillow_heif.HeifFile()
            for picture in (black, scene()) if primary else (scene(), black):
                made.add_from_pillow(picture)
            made.save(file, quality=95, primary_index=primary)
        return [file.getvalue() for file in files]
    kind = {"JPEG": "MPO", "WebP": "WEBP"}.get(kind, kind)
    return [encoded(scene(), kind, save_all=True, append_images=[black])]
