"""Read the samples of TIFF pictures that Pillow cannot: floats, wide integers, and 16-bit planes.

libtiff (in Pillow) and the standard library undo the compression; numpy undoes the predictor and interprets the bytes.
"""

from __future__ import annotations

import io
import lzma
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from facesort.images.tiff import Directory

_UNCOMPRESSED, _LZW, _DEFLATE, _PACKBITS, _OLD_DEFLATE, _LZMA, _ZSTD = (
    1, 5, 8, 32773, 32946, 34925, 50000,
)  # fmt: skip
WEBP = 50001
"""Compression that libtiff in Pillow does not know."""
_READ = frozenset({_UNCOMPRESSED, _LZW, _DEFLATE, _PACKBITS, _OLD_DEFLATE, _LZMA, _ZSTD, WEBP})
# Predictor -> whether it is the one for floats, and how many pixels it looks back (DNG 1.4 adds 2 and 4).
_PREDICTORS = {1: (False, 0), 2: (False, 1), 3: (True, 1), 34892: (False, 2), 34893: (False, 4), 34894: (True, 2),
               34895: (True, 4)}  # fmt: skip
_TYPES = {
    (1, 8): "u1", (1, 16): "u2", (1, 32): "u4", (1, 64): "u8", (2, 8): "i1", (2, 16): "i2", (2, 32): "i4",
    (2, 64): "i8", (3, 16): "f2", (3, 24): "f4", (3, 32): "f4", (3, 64): "f8",
}  # fmt: skip
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_CHANNELS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3}
_BYTES_OF_FLOAT24 = 3
_MOST_SAMPLES = 32  # per pixel
_ASSOCIATED, _UNASSOCIATED = 1, 2
_ABOVE_WHITE = (
    99.9  # per cent of the samples: as much may be brighter than white, as when RAW is developed
)
_LARGEST_BLOCK = 1 << 31  # bytes of a strip or tile


class UnlimitedTiff(TiffImageFile):
    """Pillow's TIFF reader without its limit on pixels: `check_size` has the user's."""

    def load_prepare(self) -> None:
        """Make room for the pixels."""
        if self._im is None:
            self.im = Image.new(self.mode, self._tile_size).im
        ImageFile.ImageFile.load_prepare(self)


def sample_type(directory: Directory) -> str | None:
    """Type of the samples as numpy writes it, without the byte order; None for one that is not read here."""
    bits = set(directory.integers(258) or (1,))
    formats = set(directory.integers(339) or (1,))
    known = len(bits) == len(formats) == 1 and directory.first(266, 1) == 1
    if (
        not known
        or directory.first(259, 1) not in _READ
        or directory.first(317, 1) not in _PREDICTORS
    ):
        return None
    kind = _TYPES.get((formats.pop(), bits.pop()))
    return kind if kind == "u1" or directory.first(259, 1) != WEBP else None


def can_show(directory: Directory) -> bool:
    """Whether `shown` can read the picture of a directory."""
    channels = _CHANNELS.get(directory.first(262, _BLACK_IS_ZERO), 0)
    fits = 0 < channels <= directory.first(277, 1) <= _MOST_SAMPLES
    return fits and sample_type(directory) is not None


def shown(directory: Directory) -> Image.Image:
    """Read a grey or RGB picture to 8 bits; as `scaled_values`."""
    values = scaled_values(directory)
    pixels = (values * 255 + 0.5).astype(np.uint8)
    return Image.fromarray(pixels[..., 0] if values.shape[2] == 1 else pixels)


def scaled_values(directory: Directory) -> NDArray[np.float32]:
    """Read a grey or RGB picture, with its transparent parts in white.

    Black is 0.  White is the largest integer, 1.0 for floats.  Where 0.1 % of the samples exceed 1.0, or a picture
    fills next to nothing of 32 or 64 bits, white is what 0.1 % exceed.

    Returns
    -------
    NDArray[float32]
        Shape (height, width, 1 or 3), from 0 to 1.

    Raises
    ------
    One of `DECODER_ERRORS`
        If the picture is damaged.
    """
    photometric = directory.first(262, _BLACK_IS_ZERO)
    channels = _CHANNELS[photometric]
    samples = read_samples(directory)
    values = scaled(samples[..., :channels])
    if photometric == _WHITE_IS_ZERO:
        values = 1 - values
    extra = directory.first(338, 0)
    if extra in {_ASSOCIATED, _UNASSOCIATED} and samples.shape[2] > channels:
        opacity = scaled(samples[..., channels : channels + 1], fixed=True)
        values = (values if extra == _ASSOCIATED else values * opacity) + (1 - opacity)
    return values


def scaled(
    samples: NDArray[Any], *, fixed: bool = False, black: float = 0.0, white: float | None = None
) -> NDArray[np.float32]:
    """Scale samples to floats from 0 to 1.

    Parameters
    ----------
    samples : NDArray
        Of any type.
    fixed : bool
        Whether 1 always is white, also if the picture is much darker or brighter.
    black, white : float
        Levels; None for the largest integer, or 1.0.
    """
    is_float = samples.dtype.kind == "f"
    values = samples.astype(np.float32)
    values -= np.float32(black)
    if white is None:
        white = 1.0 if is_float else float(np.iinfo(samples.dtype).max)
    white -= black
    some = values.reshape(-1)[:: max(1, values.size // 1_000_000)]
    some = some[np.isfinite(some)]
    if not fixed and some.size:
        bright = float(np.percentile(some, _ABOVE_WHITE))
        if bright > white or (0 < bright < white / 256 and not is_float and samples.itemsize > 2):
            white = bright
    values /= np.float32(white)
    np.nan_to_num(values, copy=False, nan=0.0, posinf=1.0, neginf=0.0)
    return np.clip(values, 0, 1, out=values)


def read_samples(directory: Directory) -> NDArray[Any]:
    """Read all samples; shape (height, width, samples per pixel).

    Raises
    ------
    One of `DECODER_ERRORS`
        If the picture is damaged, or `sample_type` is None.
    """
    kind = np.dtype(sample_type(directory))
    (width, height), count = directory.size, directory.first(277, 1)
    whole = np.empty((height, width, count), kind)
    for (left, top, plane), block in _blocks(directory, kind):
        part = whole[top : top + block.shape[0], left : left + block.shape[1], plane]
        part[...] = block[: part.shape[0], : part.shape[1]]
    return whole


def _blocks(
    directory: Directory, kind: np.dtype[Any]
) -> Iterator[tuple[tuple[int, int, slice], NDArray[Any]]]:
    """Strips or tiles, with their left, top and planes."""
    (width, height), count = directory.size, directory.first(277, 1)
    planes = count if directory.first(284, 1) == 2 else 1
    tiled = 324 in directory
    offsets, lengths = (directory.integers(tag) for tag in ((324, 325) if tiled else (273, 279)))
    rows = directory.first(323, 0) if tiled else min(directory.first(278, height), height)
    columns = directory.first(322, 0) if tiled else width
    if (
        min(rows, columns) < 1
        or rows * columns * (count // planes) * kind.itemsize > _LARGEST_BLOCK
    ):
        raise ValueError("a strip or tile has an impossible size")
    across, down = -(-width // columns), -(-height // rows)
    if min(len(offsets), len(lengths)) < planes * across * down:
        raise ValueError("strips or tiles are missing")
    places = [
        (left, top, slice(plane, plane + count // planes))
        for plane in range(planes)
        for top in range(0, height, rows)
        for left in range(0, width, columns)
    ]
    for place, offset, length in zip(places, offsets, lengths, strict=False):
        shape = (rows if tiled else min(rows, height - place[1]), columns, count // planes)
        yield place, _block(directory, directory.data[offset : offset + length], shape, kind)


def _block(
    directory: Directory, packed: bytes, shape: tuple[int, int, int], kind: np.dtype[Any]
) -> NDArray[Any]:
    rows, columns, count = shape
    is_float, back = _PREDICTORS[directory.first(317, 1)]
    size = directory.first(258, 8) // 8  # bytes of a sample
    row_bytes = columns * count * size
    unpacked = _unpacked(packed, directory.first(259, 1), row_bytes, rows)
    if len(unpacked) < rows * row_bytes:
        raise ValueError("a strip or tile ends early")
    stored = np.frombuffer(unpacked, np.uint8, rows * row_bytes)
    order = directory.order
    if is_float:  # differences of the bytes, the most significant ones of all samples first
        steps = stored.reshape(rows, -1, count * back).cumsum(1, np.uint8)
        stored = steps.reshape(rows, size, columns * count).transpose(0, 2, 1).ravel()
        order = ">"
    if size == _BYTES_OF_FLOAT24:
        return _from_float24(stored.reshape(-1, size), order).reshape(shape)
    values = np.ascontiguousarray(stored).view(kind.newbyteorder(order))
    if is_float or not back:
        return values.reshape(shape)
    return values.astype(kind).reshape(rows, -1, count * back).cumsum(1, kind).reshape(shape)


def _from_float24(stored: NDArray[np.uint8], order: str) -> NDArray[np.float32]:
    """Floats of DNG 1.4: a sign, 7 bits of the exponent with a bias of 63, and 16 bits."""
    high, middle, low = (stored if order == ">" else stored[:, ::-1]).T.astype(np.uint32)
    exponent = high & 0x7F
    wide = np.where(exponent == 0x7F, 0xFF, np.where(exponent == 0, 0, exponent + 64))
    bits = (high >> 7 << 31) | (wide.astype(np.uint32) << 23) | (middle << 15) | (low << 7)
    return np.where(exponent == 0, np.float32(0), bits.astype(np.uint32).view(np.float32))


def _unpacked(packed: bytes, compression: int, row_bytes: int, rows: int) -> bytes:
    if compression == _UNCOMPRESSED:
        return packed
    if compression in {_DEFLATE, _OLD_DEFLATE}:
        return zlib.decompressobj().decompress(packed, row_bytes * rows)
    if compression == _LZMA:
        return lzma.LZMADecompressor().decompress(packed, row_bytes * rows)
    if compression == WEBP:
        picture = WebPImageFile(io.BytesIO(packed))
        has_opacity = row_bytes == 4 * picture.width
        return picture.convert("RGBA" if has_opacity else "RGB").tobytes()
    # As a grey picture with a pixel for each byte, libtiff undoes the compression and nothing else.
    tags = ImageFileDirectory_v2(prefix=b"II")
    for tag, value in (
        (256, row_bytes), (257, rows), (258, 8), (259, compression), (262, _BLACK_IS_ZERO), (273, 0),
        (277, 1), (278, rows), (279, len(packed)),
    ):  # fmt: skip
        tags[tag] = value
    header = b"II*\0\x08\0\0\0"
    return UnlimitedTiff(io.BytesIO(header + tags.tobytes(len(header)) + packed)).tobytes()
