"""DNG files of floats, as programs write them that merge exposures (HDR).

LibRaw reads few of them: it applies the predictor of floats where there is none, takes the white level of integers
where the file names none, and refuses most compressions.  So it gets the same file with integers.
"""

from __future__ import annotations

import struct

import numpy as np

from facesort.images.raster import check_size
from facesort.images.tiff import (
    RAW_PHOTOMETRICS,
    SUB_DIRECTORIES,
    Directory,
    is_big,
    read_directories,
)
from facesort.images.tiff_rewrite import Tags, tags_of, with_directory
from facesort.images.tiff_samples import read_samples, sample_type, scaled

_SHORT, _LONG = 3, 4
_BLACK_LEVEL, _WHITE_LEVEL = 50714, 50717
# Of the raw data, and of the picture in the first directory: its thumbnail.
_OF_RAW = frozenset({*range(254, 260), 258, 262, 273, 277, 278, 279, 284, 317, *range(322, 326), SUB_DIRECTORIES, 338,
                     339, 347, 50713, _BLACK_LEVEL, 50715, 50716, _WHITE_LEVEL})  # fmt: skip
_KEPT = (254, 256, 257, 262, 277)
_WHITE = 65535
_MOST_CHANNELS = 4


def with_integers(data: bytes, *, max_megapixels: float, decode: bool) -> bytes:
    """A DNG of floats as one of 16-bit integers; any other file as it is.

    Parameters
    ----------
    data : bytes
        A file for which `is_tiff` is true.
    max_megapixels : float
        Larger ones are refused before they are decoded.
    decode : bool
        Whether the samples are needed; else they are zero.

    Raises
    ------
    ImageError
        ``too_large``
    One of `DECODER_ERRORS`
        If the raw data are damaged.
    """
    directories = read_directories(data)
    raw = max(filter(_is_of_floats, directories), key=lambda each: each.size, default=None)
    if raw is None:
        return data
    check_size(*raw.size, max_megapixels)
    order, (width, height), count = raw.order, raw.size, raw.first(277, 1)
    samples = _samples(raw) if decode else bytes(2 * width * height * count)
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
    return with_directory(data + samples, order, tags)


def _is_of_floats(directory: Directory) -> bool:
    kind = sample_type(directory)
    is_raw = directory.first(262, 0) in RAW_PHOTOMETRICS and directory.is_photo
    channels = directory.first(277, 1)
    return is_raw and 1 <= channels <= _MOST_CHANNELS and kind is not None and kind[0] == "f"


def _samples(raw: Directory) -> bytes:
    """Samples from black to white as 16-bit integers in the file's byte order."""
    black = np.mean(raw.numbers(_BLACK_LEVEL) or (0,))
    white = max(raw.numbers(_WHITE_LEVEL), default=1.0)  # DNG: 1.0, for floats
    values = scaled(read_samples(raw), black=float(black), white=float(white))
    return np.rint(values * _WHITE).astype(f"{raw.order}u2").tobytes()
