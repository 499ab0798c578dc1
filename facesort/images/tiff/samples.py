"""Read the samples of TIFF pictures that Pillow cannot: floats, wide integers, and 16-bit planes.

libtiff (in Pillow) and the standard library undo the compression; numpy undoes the predictor and interprets the bytes.
"""

from __future__ import annotations

import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain, repeat
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from facesort.images.damage import Damage
from facesort.images.decoder_errors import DECODER_ERRORS
from facesort.images.tiff.directories import Directory

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
_DIMMEST = 1 / 256  # of integers that no camera's photo fills
_LARGEST_BLOCK = 1 << 31  # bytes of a strip or tile
_STEP = 1 << 14  # bytes
_HEADER = 8  # bytes
_BLANK = (0, 0)  # offset and byte count of a strip or tile that is all zeros, and not stored
_NOWHERE = (0, 1)


class _Unpacker(Protocol):
    def decompress(self, data: bytes, most: int, /) -> bytes: ...


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


def is_sparse(directory: Directory) -> bool:
    """Whether there are strips or tiles without data: the program that wrote them leaves out what is blank."""
    return _BLANK in directory.pieces


def shown(directory: Directory) -> tuple[Image.Image, Damage | None]:
    """Read a grey or RGB picture to 8 bits; as `scaled_values`."""
    values, damage = scaled_values(directory)
    pixels = (values * 255 + 0.5).astype(np.uint8)
    return Image.fromarray(pixels[..., 0] if values.shape[2] == 1 else pixels), damage


def scaled_values(directory: Directory) -> tuple[NDArray[np.float32], Damage | None]:
    """Read a grey or RGB picture, with its transparent parts in white.

    Black is 0.  White is the largest integer, 1.0 for floats.  Where 0.1 % of the samples exceed 1.0, or a picture
    fills next to nothing of 32 or 64 bits, white is what 0.1 % exceed.

    Returns
    -------
    (NDArray[float32], Damage or None)
        Shape (height, width, 1 or 3), from 0 to 1; and as `read_samples`.
    """
    photometric = directory.first(262, _BLACK_IS_ZERO)
    channels = _CHANNELS[photometric]
    samples, damage = read_samples(directory)
    is_wide = samples.dtype.kind != "f" and samples.itemsize > 2
    values = scaled(samples[..., :channels], dimmest=_DIMMEST if is_wide else 0.0)
    if photometric == _WHITE_IS_ZERO:
        values = 1 - values
    extra = directory.first(338, 0)
    if extra in {_ASSOCIATED, _UNASSOCIATED} and samples.shape[2] > channels:
        opacity = scaled(samples[..., channels : channels + 1], fixed=True)
        values = (values if extra == _ASSOCIATED else values * opacity) + (1 - opacity)
    return values, damage


def scaled(
    samples: NDArray[Any], *, fixed: bool = False, white: float | None = None, dimmest: float = 0.0
) -> NDArray[np.float32]:
    """Scale samples to floats from 0 to 1.

    Parameters
    ----------
    samples : NDArray
        Of any type.
    fixed : bool
        Whether 1 always is white, also if the picture is much darker or brighter.
    white : float
        Level; None for the largest integer, or 1.0.
    dimmest : float
        If less than 0.1 % of the samples exceed this share of the level, white is what 0.1 % exceed.
    """
    values = samples.astype(np.float32)
    if white is None:
        white = 1.0 if samples.dtype.kind == "f" else float(np.iinfo(samples.dtype).max)
    some = values.reshape(-1)[:: max(1, values.size // 1_000_000)]
    some = some[np.isfinite(some)]
    if not fixed and some.size:
        bright = float(np.percentile(some, _ABOVE_WHITE))
        if bright > white or 0 < bright < dimmest * white:
            white = bright
    values /= np.float32(white)
    np.nan_to_num(values, copy=False, nan=0.0, posinf=1.0, neginf=0.0)
    return np.clip(values, 0, 1, out=values)


def read_samples(directory: Directory) -> tuple[NDArray[Any], Damage | None]:
    """Read all samples that can be read; the others are zero.

    Returns
    -------
    (NDArray, Damage or None)
        Shape (height, width, samples per pixel); and what is told of those that are missing.

    Raises
    ------
    ValueError
        If there are none, or `sample_type` is None.
    """
    kind = np.dtype(sample_type(directory))
    (width, height), count = directory.size, directory.first(277, 1)
    whole = np.zeros((height, width, count), kind)
    read, found = 0, ""
    for (left, top, planes), piece, shape in _blocks(directory, kind):
        part = whole[top : top + shape[0], left : left + shape[1], planes]
        try:
            block = part if piece == _BLANK else _block(directory, piece, shape, kind)
        except DECODER_ERRORS as error:
            found = found or str(error)
            continue
        kept = block[: part.shape[0], : part.shape[1]]
        part[: len(kept)] = kept
        read += kept.size
        if len(kept) < len(part):
            found = found or "a strip or tile ends early"
    if read == 0 or set(directory.pieces) == {_BLANK}:
        raise ValueError(found or "there are no data for any strip or tile")
    return whole, Damage(None, found, 1 - read / whole.size) if found else None


def _blocks(
    directory: Directory, kind: np.dtype[Any]
) -> Iterator[tuple[tuple[int, int, slice], tuple[int, int], tuple[int, int, int]]]:
    """Strips or tiles: left, top and planes; offset and byte count; shape as stored."""
    (width, height), count = directory.size, directory.first(277, 1)
    planes = count if directory.first(284, 1) == 2 else 1
    tiled = 324 in directory
    rows = directory.first(323, 0) if tiled else min(directory.first(278, height), height)
    columns = directory.first(322, 0) if tiled else width
    if (
        min(rows, columns) < 1
        or rows * columns * (count // planes) * kind.itemsize > _LARGEST_BLOCK
    ):
        raise ValueError("a strip or tile has an impossible size")
    places = [
        (left, top, slice(plane, plane + count // planes))
        for plane in range(planes)
        for top in range(0, height, rows)
        for left in range(0, width, columns)
    ]
    pieces = chain(directory.pieces, repeat(_NOWHERE))
    for place, piece in zip(places, pieces, strict=False):
        shape = (rows if tiled else min(rows, height - place[1]), columns, count // planes)
        yield place, piece, shape


def _block(
    directory: Directory, piece: tuple[int, int], shape: tuple[int, int, int], kind: np.dtype[Any]
) -> NDArray[Any]:
    """Samples of a strip or tile: as many of its rows as there are."""
    offset, length = piece
    if offset < _HEADER or length == 0:
        raise ValueError("a strip or tile is missing")
    _, columns, count = shape
    is_float, back = _PREDICTORS[directory.first(317, 1)]
    size = directory.first(258, 8) // 8  # bytes of a sample
    row_bytes = columns * count * size
    packed = directory.data[offset : offset + length]
    unpacked = _unpacked(packed, directory.first(259, 1), row_bytes, shape[0])
    rows = min(shape[0], len(unpacked) // row_bytes)
    if rows == 0:
        raise ValueError("a strip or tile ends early")
    shape = (rows, columns, count)
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
        return _inflated(zlib.decompressobj(), packed, row_bytes * rows)
    if compression == _LZMA:
        return _inflated(lzma.LZMADecompressor(), packed, row_bytes * rows)
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


def _inflated(unpacker: _Unpacker, packed: bytes, most: int) -> bytes:
    """What can be unpacked before the data end or are damaged."""
    unpacked = bytearray()
    with suppress(zlib.error, lzma.LZMAError, EOFError):
        for at in range(0, len(packed), _STEP):
            if len(unpacked) < most:
                unpacked += unpacker.decompress(packed[at : at + _STEP], most - len(unpacked))
    return bytes(unpacked)
