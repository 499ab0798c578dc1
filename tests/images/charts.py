"""A chart of skin tones, primaries and greys, written in other colour spaces; and how far colours are from it.

The matrices are those that the standards print, not facesort's.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import cv2
import numpy as np
import pillow_heif
from images.synthetic_photos import encoded
from numpy.typing import NDArray
from PIL import ExifTags, Image
from skimage.color import deltaE_ciede2000, rgb2lab

Floats = NDArray[np.float64]

_PATCH = 16  # px
SKIN = [
    (255, 224, 196),
    (240, 184, 160),
    (224, 172, 140),
    (198, 134, 102),
    (141, 85, 54),
    (84, 51, 35),
]
_STRONG = [
    (200, 30, 40),
    (60, 150, 50),
    (30, 60, 190),
    (240, 140, 30),
    (40, 150, 160),
    (150, 50, 140),
]
_GREYS = [(level,) * 3 for level in (4, 12, 24, 40, 64, 96, 128, 160, 192, 216, 240, 255)]
CHART = np.array(SKIN + _STRONG + _GREYS, np.uint8).reshape(4, 6, 3)


def _matrix(text: str) -> Floats:
    return np.array(text.split(), float).reshape(3, 3)


_SRGB = _matrix(
    "0.4123908 0.3575843 0.1804808  0.2126390 0.7151687 0.0721923  0.0193308 0.1191948 0.9505322"
)
_TO_D50 = _matrix(
    "1.0479298 0.0229468 -0.0501923  0.0296278 0.9904345 -0.0170738  -0.0092431 0.0150552 0.7518743"
)
P3 = _matrix("0.4865709 0.2656677 0.1982173  0.2289746 0.6917385 0.0792869  0 0.0451134 1.0439444")
BT2020 = _matrix(
    "0.6369580 0.1446169 0.1688810  0.2627002 0.6779981 0.0593017  0 0.0280727 1.0609851"
)
ADOBE = _matrix(
    "0.5766690 0.1855582 0.1882286  0.2973450 0.6273636 0.0752915  0.0270314 0.0706889 0.9913375"
)
_PROPHOTO = _matrix("0.7977605 0.1351858 0.0313493  0.2880711 0.7118432 0.0000857  0 0 0.8251046")
PROPHOTO = np.linalg.inv(_TO_D50) @ _PROPHOTO


def srgb(light: Floats) -> Floats:
    """Numbers of light, both 0 to 1."""
    return np.where(
        light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055
    )


def power(gamma: float) -> Callable[[Floats], Floats]:
    return lambda light: np.clip(light, 0, 1) ** (1 / gamma)


def pq(light: Floats) -> Floats:
    """SMPTE ST 2084, where 1 is 203 cd/m2."""
    y = (np.clip(light, 0, None) * 203 / 10000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375


def hlg(light: Floats) -> Floats:
    """ARIB STD-B67 after the inverse OOTF of a screen of 1000 cd/m2, of BT.2020 light where 1 is 203 cd/m2."""
    display = np.clip(light, 0, None) * 0.203
    luminance = np.maximum(display @ np.array([0.2627, 0.6780, 0.0593]), 1e-9)[..., None]
    scene = display * luminance ** (1 / 1.2 - 1)
    bright = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright)


def linear(chart: NDArray[np.uint8] = CHART) -> Floats:
    numbers = chart / 255
    return np.where(numbers <= 0.04045, numbers / 12.92, ((numbers + 0.055) / 1.055) ** 2.4)


def numbers(
    to_xyz: Floats = _SRGB, transfer: Callable[[Floats], Floats] = srgb, light: Floats | None = None
) -> Floats:
    """Numbers, 0 to 1, of a chart in another space; of light in sRGB's primaries, the chart's if none is given."""
    light = linear() if light is None else light
    return np.clip(transfer(light @ (np.linalg.inv(to_xyz) @ _SRGB).T), 0, 1)


def large(patches: NDArray[np.generic]) -> NDArray[np.generic]:
    return np.ascontiguousarray(patches.repeat(_PATCH, axis=0).repeat(_PATCH, axis=1))


def picture(values: Floats) -> Image.Image:
    return Image.fromarray(large((values * 255).round().astype(np.uint8)))


def patches(pixels: NDArray[np.uint8]) -> Floats:
    """The mean colour of the middle of each patch."""
    rows, columns = pixels.shape[0] // _PATCH, pixels.shape[1] // _PATCH
    cells = pixels.reshape(rows, _PATCH, columns, _PATCH, 3)[:, 4:-4, :, 4:-4]
    return cells.mean(axis=(1, 3))


def lab(chart: NDArray[np.generic]) -> Floats:
    return np.asarray(rgb2lab(np.asarray(chart, float) / 255))


def farthest(pixels: NDArray[np.uint8], wanted: NDArray[np.uint8] = CHART) -> float:
    """Largest dE2000 of a patch."""
    return float(deltaE_ciede2000(lab(patches(pixels)), lab(wanted)).max())


def chunk(name: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
    )


def png(
    image: NDArray[np.unsignedinteger], *tags: tuple[bytes, bytes], palette: bytes = b""
) -> bytes:
    """A PNG of shape (height, width, channels), 8 or 16 bits, with chunks before its pixels."""
    height, width, channels = image.shape
    kind = 3 if palette else {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    depth = 8 * image.dtype.itemsize
    big = image.astype(image.dtype.newbyteorder(">"))
    rows = b"".join(b"\0" + row.tobytes() for row in big)
    head = struct.pack(">2I5B", width, height, depth, kind, 0, 0, 0)
    body = [chunk(b"IHDR", head), *(chunk(*tag) for tag in tags)]
    body += [chunk(b"PLTE", palette)] if palette else []
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [*body, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    )


def deep_png(values: Floats, *tags: tuple[bytes, bytes]) -> bytes:
    return png(large((values * 65535).round().astype(np.uint16)), *tags)


def gama(value: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", round(value * 100000))


def chrm(white: str, red: str, green: str, blue: str) -> tuple[bytes, bytes]:
    pairs = " ".join((white, red, green, blue)).split()
    return b"cHRM", struct.pack(">8I", *(round(float(v) * 100000) for v in pairs))


def iccp(profile: bytes) -> tuple[bytes, bytes]:
    return b"iCCP", b"x\0\0" + zlib.compress(profile)


def deep_heif(values: Floats, *, twelve: bool = False, **options: int) -> bytes:
    samples = large((values * 65535).round().astype(np.uint16))
    file = io.BytesIO()
    before = pillow_heif.options.SAVE_HDR_TO_12_BIT
    pillow_heif.options.SAVE_HDR_TO_12_BIT = twelve
    try:
        made = pillow_heif.from_bytes("RGB;16", samples.shape[1::-1], samples.tobytes())
        made.save(file, quality=95, chroma=444, **options)
    finally:
        pillow_heif.options.SAVE_HDR_TO_12_BIT = before
    return file.getvalue()


def deep_avif(values: Floats) -> bytes:
    """10 bits, without loss."""
    samples = large((values[..., ::-1] * 1023).round().astype(np.uint16))
    options = [cv2.IMWRITE_AVIF_DEPTH, 10, cv2.IMWRITE_AVIF_QUALITY, 100]
    return cv2.imencode(".avif", samples, options)[1].tobytes()


def with_nclx(data: bytes, primaries: int, transfer: int) -> bytes:
    """A HEIF or AVIF whose container names other primaries and transfer function."""
    at = data.index(b"colrnclx") + 8
    return data[:at] + struct.pack(">2H", primaries, transfer) + data[at + 4 :]


def profile(to_xyz: Floats, gamma: float) -> bytes:
    """An ICC profile of three primaries and a power."""
    colorants = (_TO_D50 @ to_xyz).T
    names = (b"rXYZ", b"gXYZ", b"bXYZ")
    tags = {
        name: b"XYZ \0\0\0\0" + _fixed(*xyz) for name, xyz in zip(names, colorants, strict=True)
    }
    tags |= {name: b"para\0\0\0\0\0\0\0\0" + _fixed(gamma) for name in (b"rTRC", b"gTRC", b"bTRC")}
    tags |= {b"wtpt": b"XYZ \0\0\0\0" + _fixed(0.9642, 1, 0.8249)}
    return icc(b"RGB ", tags)


def icc(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    table, body, at = b"", b"", 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += struct.pack(">4s2I", name, at + len(body), len(content))
        body += content
    head = struct.pack(
        ">I4sI4s4s4s12x4s", at + len(body), b"lcms", 0x04300000, b"mntr", space, b"XYZ ", b"acsp"
    )
    head = head.ljust(68, b"\0") + _fixed(0.9642, 1, 0.8249)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(float(v) * 65536) for v in values))


def with_tag(made: bytes, name: bytes, content: bytes) -> bytes:
    """An ICC profile with one more tag."""
    (count,) = struct.unpack_from(">I", made, 128)
    tags = {}
    for number in range(count):
        key, at, length = struct.unpack_from(">4s2I", made, 132 + 12 * number)
        tags[key] = made[at : at + length]
    return icc(made[16:20], {**tags, name: content})


def tags(colour_space: int | None = 0xFFFF, index: str = "") -> Image.Exif:
    """EXIF as a camera writes it: ``R03`` for Adobe RGB."""
    made = Image.Exif()
    details: dict[int, object] = {}
    if colour_space is not None:
        details[ExifTags.Base.ColorSpace] = colour_space
    if index:
        details[ExifTags.IFD.Interop] = {1: index}
    made[ExifTags.IFD.Exif] = details
    return made


def lossless(image: Image.Image, kind: str, **options: object) -> bytes:
    """Without subsampling of colours."""
    if kind == "HEIF":
        options["chroma"] = 444
    elif kind in {"JPEG", "AVIF"}:
        options["subsampling"] = "4:4:4"
    elif kind == "WEBP":
        options["lossless"] = True
    return encoded(image, kind, **options)


def with_index(tiff: bytes) -> bytes:
    """Pillow points to a directory of interoperability in a TIFF, but writes none: append it."""
    at = tiff.find(struct.pack("<2HI", ExifTags.IFD.Interop, 4, 1)) + 8
    if at < 8:
        return tiff
    directory = struct.pack("<3HI4sI", 1, 1, 2, 4, b"R03", 0)
    return tiff[:at] + struct.pack("<I", len(tiff)) + tiff[at + 4 :] + directory


def eight(image: Image.Image, *chunks: tuple[bytes, bytes]) -> bytes:
    pixels = np.asarray(image)
    return png(pixels if pixels.ndim == 3 else pixels[..., None], *chunks)
