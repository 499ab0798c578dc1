"""DNG files of floats, as programs write them that merge exposures (HDR).

LibRaw reads few of them: it applies the predictor of floats where there is none, takes the white level of integers
where the file names none, and refuses most compressions.  So it gets the same file with integers.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from facesort.errors import ImageError
from facesort.images.content import EXPORT
from facesort.images.damage import Damage
from facesort.images.raster import check_size
from facesort.images.tiff.directories import (
    RAW_PHOTOMETRICS,
    SUB_DIRECTORIES,
    Directory,
    is_big,
    read_directories,
)
from facesort.images.tiff.rewrite import Tags, tags_of, with_directory
from facesort.images.tiff.samples import read_samples, sample_type, scaled
from facesort.reasons import Reason

_SHORT, _LONG = 3, 4
_BLACK_REPEAT, _BLACK_LEVEL, _WHITE_LEVEL = 50713, 50714, 50717
# Of the raw data, and of the picture in the first directory: its thumbnail.
_OF_RAW = frozenset({*range(254, 260), 258, 262, 273, 277, 278, 279, 284, 317, *range(322, 326), SUB_DIRECTORIES, 338,
                     339, 347, _BLACK_REPEAT, _BLACK_LEVEL, 50715, 50716, _WHITE_LEVEL})  # fmt: skip
_KEPT = (254, 256, 257, 262, 277)
_WHITE = 65535
_MOST_CHANNELS = 4
_FLOATS = 3
_DIMMEST = 1 / 16  # of white; LibRaw would brighten darker ones too, but from few integers


def with_integers(
    data: bytes, *, max_megapixels: float, decode: bool
) -> tuple[bytes, Damage | None]:
    """A DNG of floats as one of 16-bit integers; any other file as it is.

    Parameters
    ----------
    data : bytes
        A file for which `is_tiff` is true.
    max_megapixels : float
        Larger ones are refused before they are decoded.
    decode : bool
        Whether the samples are needed; else they are zero.

    Returns
    -------
    (bytes, Damage or None)
        And what is told of samples that are missing.

    Raises
    ------
    ImageError
        ``too_large``, or ``unsupported_format`` for floats that no DNG has.
    ValueError
        If there are no samples.
    """
    directories = read_directories(data)
    raw = max(filter(_is_of_floats, directories), key=lambda each: each.size, default=None)
    if raw is None:
        return data, None
    check_size(*raw.size, max_megapixels)
    if sample_type(raw) is None or not 1 <= raw.first(277, 1) <= _MOST_CHANNELS:
        raise ImageError(
            Reason.UNSUPPORTED_FORMAT,
            f"a DNG of floats with {raw.first(277, 1)} x {raw.first(258, 1)} bits and the compression"
            f" {raw.first(259, 1)} cannot be read: {EXPORT}",
        )
    order, (width, height), count = raw.order, raw.size, raw.first(277, 1)
    samples, damage = _samples(raw) if decode else (bytes(2 * width * height * count), None)
    data += bytes(len(data) % 2)

    def longs(*values: int) -> tuple[int, bytes]:
        return _LONG, struct.pack(f"{order}{len(values)}I", *values)

    def shorts(*values: int) -> tuple[int, bytes]:
        return _SHORT, struct.pack(f"{order}{len(values)}H", *values)

    first, own = tags_of(directories[0]), tags_of(raw)
    others = [each.offset for each in directories if each is not raw and each.entries]
    tags: Tags = {tag: value for tag, value in (first | own).items() if tag not in _OF_RAW}
    tags |= {tag: own[tag] for tag in _KEPT if tag in own}
    tags |= {
        258: shorts(*[16] * count), 259: shorts(1), 273: longs(len(data)), 278: longs(height),
        279: longs(len(samples)), 284: shorts(1), 339: shorts(*[1] * count), _WHITE_LEVEL: longs(*[_WHITE] * count),
    }  # fmt: skip
    if others and not is_big(data):
        tags[SUB_DIRECTORIES] = longs(*others)
    return with_directory(data + samples, order, tags), damage


def _is_of_floats(directory: Directory) -> bool:
    is_raw = directory.first(262, 0) in RAW_PHOTOMETRICS and directory.is_photo
    return is_raw and _FLOATS in directory.integers(339)


def _samples(raw: Directory) -> tuple[bytes, Damage | None]:
    """Samples from black to white as 16-bit integers in the file's byte order; and what is missing of them."""
    samples, damage = read_samples(raw)
    values = np.nan_to_num(samples.astype(np.float32), posinf=np.inf)
    black = _black(raw)
    white = max(raw.numbers(_WHITE_LEVEL), default=1.0)  # DNG: 1.0, for floats
    rows, columns, _ = black.shape
    for row, column in np.ndindex(rows, columns):
        values[row::rows, column::columns] -= black[row, column]
    values = scaled(values, white=float(white - black.mean()), dimmest=_DIMMEST)
    return np.rint(values * _WHITE).astype(f"{raw.order}u2").tobytes(), damage


def _black(raw: Directory) -> NDArray[np.float32]:
    """Black levels of the pixels at the upper left, which all others repeat; shape (rows, columns, samples or 1)."""
    levels = np.asarray(raw.numbers(_BLACK_LEVEL) or (0,), np.float32)
    rows, columns = (*raw.integers(_BLACK_REPEAT), 1, 1)[:2]
    shape = max(1, rows), max(1, columns), raw.first(277, 1)
    if levels.size != np.prod(shape):
        return np.full((1, 1, 1), levels.mean(), np.float32)
    return levels.reshape(shape)
