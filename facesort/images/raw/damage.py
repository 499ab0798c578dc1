"""Raw data and developments that show nothing: LibRaw makes black or shifted rows of damage without an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import rawpy
from numpy.typing import NDArray

from facesort.core.records import Pixels
from facesort.errors import ImageError
from facesort.images.content import EXPORT
from facesort.images.decoder_errors import DECODER_ERRORS
from facesort.images.tiff.directories import is_tiff, read_directories
from facesort.reasons import Reason

_NEW_SUBFILE_TYPE, _COMPRESSION = 254, 259
_PLAIN = 1
_ZEROS = bytes(512)

_BAND = 16  # rows
_ALL_ALIKE = 0.99
_BLANK = 2  # levels of 255
_CLEARLY_NOT_BLANK = 20
_SIGNAL = 0.02  # share of the white level that noise in the dark does not reach
_HOT_PIXELS = 7  # px: demosaicing makes less of two hot pixels side by side


@dataclass(frozen=True, slots=True)
class Erased:
    """Zeros in the raw data of a TIFF-based RAW file.

    Parameters
    ----------
    share : float
        Of the data, from the first of them on.
    at_end : bool
        Whether the data end with zeros.
    packed : bool
        Whether the data are compressed: zeros cannot stand for black then.
    """

    share: float
    at_end: bool
    packed: bool


def erased_raw(data: bytes) -> Erased | None:
    """Look for zeros in the largest picture of a file; None if there are none, or it is no TIFF."""
    try:
        directories = read_directories(data) if is_tiff(data) else ()
    except DECODER_ERRORS:
        return None
    found: list[tuple[int, list[tuple[int, int]], int]] = []
    for directory in directories:
        pieces = sorted((start, start + count) for start, count in directory.pieces)
        if not directory.first(_NEW_SUBFILE_TYPE, 0) & 1:
            compression = directory.first(_COMPRESSION, _PLAIN)
            found.append((sum(end - start for start, end in pieces), pieces, compression))
    total, pieces, compression = max(found, key=lambda each: each[0], default=(0, [], _PLAIN))
    before = 0
    for start, end in pieces:
        at = data.find(_ZEROS, start, end)
        if at >= 0:
            last = pieces[-1][1]
            at_end = data.endswith(_ZEROS, last - len(_ZEROS), last)
            return Erased(1 - (before + at - start) / total, at_end, compression != _PLAIN)
        before += end - start
    return None


def check_mosaic(raw: rawpy.RawPy) -> None:
    """Refuse raw data whose last rows are identical, as LibRaw leaves them in truncated files.

    A sensor's rows differ by their noise, unless they are saturated.  Only every second row is compared, since the
    colours alternate; the very last rows are padding on some cameras.
    """
    rows = raw.raw_image_visible
    end = len(rows) - len(rows) // 32
    band = rows[max(0, end - _BAND) : end : 2]
    if np.mean((band == band[:1]) & (band < raw.white_level)) > _ALL_ALIKE:
        raise ImageError(Reason.TRUNCATED, "the raw data end before the picture does")


def check_noise(raw: rawpy.RawPy) -> None:
    """Refuse raw data that are nearly all alike: also with the lens cap on, a sensor has noise."""
    some = _some(raw.raw_image_visible)
    _, counts = np.unique(some[some < raw.white_level], return_counts=True)
    if counts.max(initial=0) > _ALL_ALIKE * some.size:
        raise ImageError(Reason.CORRUPT, "the raw data are all alike: no camera takes such a photo")


def check_development(raw: rawpy.RawPy, pixels: Pixels) -> None:
    """Refuse a picture that is black, or of one colour although the raw data are not.

    LibRaw has brightened it, by up to 256 times.  What is black then is so because the raw data are dark, or because
    LibRaw made it so: the reason tells which.
    """
    some = _some(raw.raw_image_visible).astype(np.float64) - max(raw.black_level_per_channel)
    bright = np.percentile(some, 99) / max(1, raw.white_level)
    is_black = np.percentile(_some(pixels), 99) <= _BLANK
    is_flat = is_blank(pixels) and bright < 1 - _SIGNAL
    if (is_black and bright > _SIGNAL) or (is_flat and not is_black):
        raise ImageError(
            Reason.UNSUPPORTED_FORMAT,
            f"LibRaw develops the raw data to {'black' if is_black else 'one colour'}: {EXPORT}",
        )
    if is_black and not _has_lights(pixels):
        raise ImageError(
            Reason.CORRUPT,
            "the raw data are black: nothing in them is brighter than the black level but single pixels",
        )


def is_blank(pixels: Pixels) -> bool:
    """Whether a picture has one colour, but for 0.1 % of its pixels at either end."""
    some = _some(pixels)
    if np.max(some.std(axis=(0, 1))) > _CLEARLY_NOT_BLANK:  # nearly always, and at once
        return False
    low, high = np.percentile(some, (0.1, 99.9), axis=(0, 1))
    return bool(np.max(high - low) <= _BLANK)


def _has_lights(pixels: Pixels) -> bool:
    """Whether several pixels beside each other are lit, as by a lamp at night; hot pixels of a sensor are single."""
    brightest = np.ascontiguousarray(pixels.max(axis=2))
    return bool(cv2.medianBlur(brightest, _HOT_PIXELS).max() > _BLANK)


def _some(pixels: NDArray[Any]) -> NDArray[Any]:
    """A hundred rows and columns or more, with all colours of a mosaic: enough for statistics."""
    step = max(1, min(pixels.shape[:2]) // 100) | 1
    return pixels[::step, ::step]
