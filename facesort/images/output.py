"""Encode the output JPEGs, and thumbnails of faces."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from facesort.core.records import Pixels
from facesort.images.jpeg.codec import encode_jpeg
from facesort.pixels import fit

OUTPUT_EDGE = 2048
"""Long edge of an output file in px."""

OUTPUT_QUALITY = 85


def encode_output(pixels: Pixels) -> bytes:
    """Encode the output JPEG: deterministic, sRGB, without metadata.

    The long edge is at most `OUTPUT_EDGE`; never enlarged.

    Parameters
    ----------
    pixels : Pixels
        Upright sRGB, shape (height, width, 3).
    """
    return encode_jpeg(fit(pixels, OUTPUT_EDGE), OUTPUT_QUALITY)


def encode_crop(
    pixels: Pixels, box: ArrayLike, *, context: float, edge: int, quality: int
) -> bytes:
    """Encode a thumbnail of a face with some context.

    Parameters
    ----------
    pixels : Pixels
        Upright sRGB, shape (height, width, 3).
    box : array_like of 4 float
        ``x_min, y_min, x_max, y_max`` in px of ``pixels``; may reach outside.
    context : float
        Margin on each side, as a share of the box's longer side; clipped to the image.
    edge : int
        Long edge of the result in px; never enlarged.
    quality : int
        JPEG quality.
    """
    height, width = pixels.shape[:2]
    x_min, y_min, x_max, y_max = (float(value) for value in np.asarray(box, dtype=np.float64))
    margin = context * max(x_max - x_min, y_max - y_min)
    left, right = _span(x_min - margin, x_max + margin, width)
    top, bottom = _span(y_min - margin, y_max + margin, height)
    return encode_jpeg(fit(pixels[top:bottom, left:right], edge), quality)


def _span(start: float, stop: float, length: int) -> tuple[int, int]:
    """Range of whole pixels within the image that covers an interval; at least one."""
    first = min(max(int(np.floor(start)), 0), length - 1)
    return first, min(max(int(np.ceil(stop)), first + 1), length)
