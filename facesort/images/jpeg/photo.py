"""Decode the JPEG of a photo, and look for damage where libjpeg-turbo gives a warning."""

from __future__ import annotations

import io
import logging

from PIL.JpegImagePlugin import JpegImageFile

from facesort.core.records import Pixels
from facesort.images.damage import Damage
from facesort.images.decoder_errors import DECODER_ERRORS
from facesort.images.jpeg.codec import decode_scaled, decode_smallest
from facesort.images.jpeg.damage import examine, looks_erased, without_odd_segments

_log = logging.getLogger(__name__)


def open_jpeg(data: bytes) -> JpegImageFile:
    """Open a JPEG with Pillow, which gives up at some segments that no decoder needs."""
    try:
        return JpegImageFile(io.BytesIO(data))
    except DECODER_ERRORS:
        return JpegImageFile(io.BytesIO(without_odd_segments(data)))


def decode_photo(
    data: bytes, image: JpegImageFile, divisor: int, *, by_pillow: bool
) -> tuple[Pixels | JpegImageFile, Damage | None]:
    """Decode a JPEG at 1/1, 1/2, 1/4 or 1/8 of its size.

    Parameters
    ----------
    image : JpegImageFile
        The same, opened.
    by_pillow : bool
        Only look for damage, because Pillow decodes it: it keeps the mode.

    Returns
    -------
    (Pixels or JpegImageFile, Damage or None)
        An image for Pillow, not loaded yet, also if simplejpeg cannot decode the file.
    """
    damage = None
    try:
        pixels = decode_smallest(data) if by_pillow else decode_scaled(data, image.size, divisor)
        if looks_erased(data):
            raise ValueError("there are zeros in place of data")
    except ValueError as warning:
        _log.debug("looking for damage: %s", warning)
        data, damage = examine(data)
        image = JpegImageFile(io.BytesIO(data))
        try:
            pixels = decode_scaled(data, image.size, divisor, strict=damage is None)
        except ValueError:
            by_pillow = True
    if not by_pillow:
        return pixels, damage
    # draft keeps both sides at least as long as requested.
    image.draft(None, (max(1, image.width // divisor), max(1, image.height // divisor)))
    return image, damage
