"""Synthetic photos: a scene with four different corners, in every format and orientation."""

from __future__ import annotations

import io
import struct

import numpy as np
import pillow_heif
from images.tiffs import page, tiff
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms

# EXIF orientation -> what a camera held that way has done to the upright picture (the inverse of what
# a viewer must do).
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
_Tags = dict[int, tuple[str, tuple[int, ...] | bytes]]
_EXIF_IFD: _Tags = {
    36867: ("s", b"2024:06:01 12:30:45\0"),
    36881: ("s", b"+02:00\0"),
    37521: ("s", b"25\0"),
}
_GPS_IFD: _Tags = {
    1: ("s", b"S\0"),
    2: ("II", (33, 1, 51, 1, 3000, 100)),
    3: ("s", b"E\0"),
    4: ("II", (151, 1, 12, 1, 0, 1)),
    5: ("B", (1,)),
    6: ("II", (5, 2)),
}


def scene(width: int = 96, height: int = 64) -> Image.Image:
    """Red, green, blue and yellow corners, blended into each other."""
    corners = np.array([[[220, 40, 40], [40, 200, 60]], [[40, 60, 220], [220, 210, 50]]], np.uint8)
    return Image.fromarray(corners).resize((width, height), Image.Resampling.BILINEAR)


def distance(pixels: NDArray[np.uint8], wanted: Image.Image) -> float:
    """Mean absolute difference in levels; inf if the sizes differ."""
    other = np.asarray(wanted.convert("RGB")).astype(int)
    return float(np.abs(pixels - other).mean()) if pixels.shape == other.shape else np.inf


def exif(**tags: object) -> Image.Exif:
    """EXIF with tags of IFD0, and of the Exif and the GPS IFD where they belong there."""
    made = Image.Exif()
    for name, value in tags.items():
        if name.startswith("GPS"):
            made.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS[name]] = value
        elif name.startswith(("DateTimeO", "DateTimeD", "Subsec", "Offset")):
            made.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base[name]] = value
        else:
            made[ExifTags.Base[name]] = value
    return made


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """Save an image; nearly lossless where the format allows it."""
    file = io.BytesIO()
    if isinstance(tags := options.get("exif"), Image.Exif):
        options["exif"] = tags.tobytes()
    if kind in {"JPEG", "WEBP", "AVIF", "HEIF"}:
        options["quality"] = 95
    if kind == "HEIF":  # turns the orientation tag into the container's own transformations
        pillow_heif.from_pillow(image).save(file, **options)
    else:
        image.save(file, kind, **options)
    return file.getvalue()


def held(image: Image.Image, orientation: int) -> Image.Image:
    """The pixels as a camera held that way stores them."""
    turn = STORED[orientation]
    return image if turn is None else image.transpose(turn)


def swapped_profile() -> bytes:
    """An ICC profile that is sRGB with its red and blue primaries exchanged: red numbers mean blue."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"tmp?").replace(b"bXYZ", b"rXYZ").replace(b"tmp?", b"bXYZ")


def linear_profile() -> bytes:
    """An ICC profile with sRGB's primaries and the straight tone curve (x + 0.055) / 1.055."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"\0\x02\x66\x66", b"\0\x01\0\0")  # the curve's exponent, 2.4 and 1.0


def dng(
    image: Image.Image,
    *,
    orientation: int = 1,
    preview: bytes = b"",
    maker: bytes = b"Maker",
    compression: int = 1,
    interoperability: str = "",
    preview_colour_space: int = 0,
    profile: bytes = b"",
    noise: float = 0.002,
    black: int = 0,
) -> bytes:
    """A DNG with an uncompressed 16-bit RGGB mosaic of an upright image, with sensor noise, time and place.

    Parameters
    ----------
    image : Image
        Upright.
    orientation : int
        How the camera was held.
    preview : bytes
        A JPEG for a sub-directory; empty for none.
    maker : bytes
        The camera's make.
    compression : int
        What the directory says of the mosaic.
    interoperability : str
        EXIF's index, ``R03`` for Adobe RGB; empty for none.
    preview_colour_space : int
        What the directory of the preview says: 2 for sRGB, 3 for Adobe RGB.
    profile : bytes
        An ICC profile beside the mosaic; empty for none.
    noise : float
        Standard deviation of the light, of which 1 is white.
    black : int
        Level of black; 60,000 is white.
    """
    linear = (np.asarray(held(image, orientation)).astype(float) / 255) ** 2.2
    height, width = linear.shape[:2]
    mosaic = np.empty((height, width))
    for row, column, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        mosaic[row::2, column::2] = linear[row::2, column::2, channel]
    grain = np.random.default_rng(0).normal(0, noise, mosaic.shape)
    levels = black + np.clip(mosaic + grain, 0, 1) * (60000 - black)
    strip = levels.astype("<u2").tobytes()
    xyz_to_srgb = (3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.2040, 1.0570)
    tags: _Tags = {
        254: ("I", (0,)),
        256: ("I", (width,)),
        257: ("I", (height,)),
        258: ("H", (16,)),
        259: ("H", (compression,)),
        262: ("H", (32803,)),
        271: ("s", maker + b"\0"),
        272: ("s", b"Model\0"),
        274: ("H", (orientation,)),
        277: ("H", (1,)),
        278: ("I", (height,)),
        279: ("I", (len(strip),)),
        306: ("s", b"2024:06:01 12:30:45\0"),
        33421: ("H", (2, 2)),
        33422: ("B", (0, 1, 1, 2)),
        50706: ("B", (1, 4, 0, 0)),
        50708: ("s", b"Maker Model\0"),
        50714: ("H", (black,)),
        50717: ("I", (60000,)),
        50721: ("i", tuple(v for x in xyz_to_srgb for v in (round(x * 10000), 10000))),
        50728: ("II", (1, 1, 1, 1, 1, 1)),
        50778: ("H", (21,)),
    }
    if profile:
        tags[34675] = ("B", profile)
    of_preview: _Tags = {50970: ("I", (preview_colour_space,))} if preview_colour_space else {}
    return _tiff(tags, strip, preview, of_preview, interoperability)


def float_dng(
    image: Image.Image,
    *,
    brightness: float = 1.0,
    orientation: int = 1,
    noise: float = 0.002,
    deflate: bool = True,
    **tags: object,
) -> bytes:
    """A DNG of 32-bit floats, as programs write it that merge exposures, of an upright image."""
    light = (np.asarray(held(image, orientation)).astype(float) / 255) ** 2.2
    grain = np.random.default_rng(0).normal(0, noise, light.shape)
    matrix = (3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.2040, 1.0570)
    written = {
        "t274": (3, (orientation,)), "t50706": (1, b"\1\4\0\0"), "t50708": (2, b"Maker Model\0"),
        "t50721": (10, tuple(v for x in matrix for v in (round(x * 10000), 10000))),
        "t50728": (5, (1, 1) * 3), "t50778": (3, (21,)), **tags,
    }  # fmt: skip
    samples = (np.clip(light + grain, 0, None) * brightness).astype(np.float32)
    return tiff(page(samples, photometric=34892, deflate=deflate, **written))  # type: ignore[arg-type]


def gif_with_profile(image: Image.Image, profile: bytes) -> bytes:
    """A GIF with the application extension in which some programs keep an ICC profile."""
    data = encoded(image, "GIF")
    at = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)  # behind the palette
    blocks = [profile[start : start + 255] for start in range(0, len(profile), 255)]
    packed = b"".join(bytes([len(block)]) + block for block in blocks)
    return data[:at] + b"\x21\xff\x0bICCRGBG1012" + packed + b"\0" + data[at:]


def bmp_with_profile(image: Image.Image, profile: bytes) -> bytes:
    """A BMP of version 5 with an embedded ICC profile; the width is a multiple of four."""
    pixels = np.asarray(image.convert("RGB"))[::-1, :, ::-1].tobytes()
    head = struct.pack("<IiiHH6I", 124, *image.size, 1, 24, 0, len(pixels), 0, 0, 0, 0)
    head += (
        bytes(16) + b"DEBM" + bytes(48) + struct.pack("<4I", 4, 124 + len(pixels), len(profile), 0)
    )
    whole = head + pixels + profile
    return b"BM" + struct.pack("<IHHI", 14 + len(whole), 0, 0, 14 + len(head)) + whole


def _tiff(
    tags: _Tags, strip: bytes, preview: bytes, of_preview: _Tags, interoperability: str
) -> bytes:
    """Lay out: header, strip, preview, its directory, the main directory."""
    head = bytearray(struct.pack("<2sHI", b"II", 42, 0))
    tags[273] = ("I", (len(head),))
    head += strip
    details = dict(_EXIF_IFD)
    if interoperability:
        index: _Tags = {1: ("s", interoperability.encode() + b"\0")}
        details |= {40961: ("H", (0xFFFF,)), 40965: ("I", (_append_directory(head, index),))}
    for pointer, directory in ((34665, details), (34853, _GPS_IFD)):
        tags[pointer] = ("I", (_append_directory(head, directory),))
    if preview:
        child = {
            254: ("I", (1,)),
            259: ("H", (7,)),
            262: ("H", (6,)),
            273: ("I", (len(head),)),
            279: ("I", (len(preview),)),
            **dict(zip((256, 257), _size_tags(preview), strict=True)),
            258: ("H", (8, 8, 8)),
            277: ("H", (3,)),
            **of_preview,
        }
        head += preview
        tags[330] = ("I", (_append_directory(head, child),))
    struct.pack_into("<I", head, 4, _append_directory(head, tags))
    return bytes(head)


def _size_tags(jpeg: bytes) -> list[tuple[str, tuple[int]]]:
    return [("I", (side,)) for side in Image.open(io.BytesIO(jpeg)).size]


def _append_directory(file: bytearray, tags: _Tags) -> int:
    codes = {"B": (1, 1), "s": (2, 1), "H": (3, 1), "I": (4, 1), "II": (5, 2), "i": (10, 2)}
    entries = []
    for tag, (form, values) in sorted(tags.items()):
        code, per_value = codes[form]
        if isinstance(values, bytes):
            payload, count = values, len(values)
        else:
            payload, count = (
                struct.pack(f"<{len(values)}{form[0]}", *values),
                len(values) // per_value,
            )
        if len(payload) > 4:
            file += b"\0" * (len(file) % 2)
            payload, where = struct.pack("<I", len(file)), payload
            file += where
        entries.append(struct.pack("<HHI4s", tag, code, count, payload.ljust(4, b"\0")))
    file += b"\0" * (len(file) % 2)
    offset = len(file)
    file += struct.pack("<H", len(entries)) + b"".join(entries) + b"\0\0\0\0"
    return offset
