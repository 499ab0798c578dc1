"""Camera RAW -> an upright sRGB picture of working size.

1. The camera's own JPEG, if its long edge reaches `WORKING_EDGE` or the RAW's own size: it is what the
   photographer saw, and it costs a tenth of the rest.
2. Else a half-size demosaic, if half the sensor reaches `WORKING_EDGE`.
3. Else a full demosaic.

A file that ends early is refused in every case, also when its preview is whole.
"""

from __future__ import annotations

import io
import logging

import numpy as np
import rawpy
from PIL import Image

from facesort.core.records import Pixels
from facesort.errors import ImageError
from facesort.images.content import Content
from facesort.images.decoder_errors import DECODER_ERRORS
from facesort.images.raster import WORKING_EDGE, Picture, check_size, decode_raster, shrunk
from facesort.images.tiff import exif_of, is_tiff
from facesort.reasons import Reason

_log = logging.getLogger(__name__)

# LibRaw's flip: 1 mirrors the columns, 2 the rows, 4 swaps both; as EXIF orientations (the table that
# LibRaw itself uses when it writes EXIF into a preview).
_ORIENTATION_OF_FLIP = (1, 2, 4, 3, 5, 8, 6, 7)
_SWAPS = 4

_NEARLY_WHOLE = 0.95  # a preview lacks the few rows that demosaicing needs at the borders
_ASPECT_TOLERANCE = 0.03
_BAND = 16  # rows
_ALL_ALIKE = 0.99
# Lossless RAW takes about a byte per pixel, the strongest lossy DNG about a tenth.
_MIN_BYTES_PER_PIXEL = 1 / 16
_MIN_BYTES_PER_PIXEL_UNCHECKED = 1 / 2  # where the container does not say where the data end

_NO_PREVIEW: tuple[type[Exception], ...] = (*DECODER_ERRORS, ImageError)


def decode_raw(data: bytes, content: Content, *, max_megapixels: float) -> Picture:
    """Decode a RAW file.

    Parameters
    ----------
    data : bytes
        The whole file.
    content : Content
        What `content.identify` found.
    max_megapixels : float
        Larger sensors are refused before anything is decoded.

    Raises
    ------
    ImageError
        ``truncated``, ``too_large`` or ``corrupt``.
    One of `DECODER_ERRORS`
        If LibRaw cannot decode it.
    """
    if content.complete is False:
        raise ImageError(Reason.TRUNCATED, f"the {content.format} ends before its raw data do")
    with rawpy.imread(io.BytesIO(data)) as raw:
        size = _upright_size(raw)
        check_size(*size, max_megapixels)
        _check_density(data, content, size)
        if content.complete is None:
            _check_mosaic(raw)
        preview = _preview(raw, max_megapixels)
        if preview is not None and _shows_enough(preview, size):
            pixels = preview.pixels
        else:
            pixels, size = _developed(raw, size)
    return Picture(pixels, size, _exif(data, preview))


def _upright_size(raw: rawpy.RawPy) -> tuple[int, int]:
    sizes = raw.sizes
    return (sizes.height, sizes.width) if sizes.flip & _SWAPS else (sizes.width, sizes.height)


def _check_density(data: bytes, content: Content, size: tuple[int, int]) -> None:
    """Refuse a file that is far too small for its sensor; LibRaw would show what was in memory."""
    least = _MIN_BYTES_PER_PIXEL if content.complete else _MIN_BYTES_PER_PIXEL_UNCHECKED
    if len(data) < least * size[0] * size[1]:
        raise ImageError(
            Reason.TRUNCATED, f"{len(data)} bytes cannot hold raw data of {size[0]} x {size[1]} px"
        )


def _preview(raw: rawpy.RawPy, max_megapixels: float) -> Picture | None:
    """Decode the camera's own JPEG, if there is one."""
    try:
        thumbnail = raw.extract_thumb()
        if thumbnail.format is not rawpy.ThumbFormat.JPEG:
            return None
        # LibRaw gives a preview without EXIF the RAW's orientation; one with EXIF may still not say it.
        turn = _ORIENTATION_OF_FLIP[raw.sizes.flip & 7]
        return decode_raster(
            bytes(thumbnail.data), "JPEG", max_megapixels=max_megapixels, default_orientation=turn
        )
    except _NO_PREVIEW as error:
        _log.debug("no usable preview, the raw data are developed: %s", error)
        return None


def _shows_enough(preview: Picture, size: tuple[int, int]) -> bool:
    """Whether it is large enough, and shows the frame of the raw data the same way up."""
    enough = min(WORKING_EDGE, _NEARLY_WHOLE * max(size))
    return max(preview.size) >= enough and _same_frame(preview.size, size)


def _developed(raw: rawpy.RawPy, size: tuple[int, int]) -> tuple[Pixels, tuple[int, int]]:
    """Demosaic; LibRaw turns the picture upright.

    With sRGB's own tone curve, and as bright as leaves 0.1 % of the pixels white: next to the cameras'
    JPEGs this came closest of what was tried (LibRaw's default, 1 %, blows out skin; none is dark).
    """
    _check_mosaic(raw)
    half = max(size) >= 2 * WORKING_EDGE
    parameters = rawpy.Params(
        half_size=half,
        use_camera_wb=True,
        output_color=rawpy.ColorSpace.sRGB,
        output_bps=8,
        gamma=(2.4, 12.92),
        auto_bright_thr=0.001,
    )
    image = Image.fromarray(raw.postprocess(parameters))
    if not _same_frame(image.size, size):  # diagonal sensors and oblong pixels
        factor = 2 if half else 1
        size = (image.width * factor, image.height * factor)
    return np.asarray(shrunk(image)), size


def _check_mosaic(raw: rawpy.RawPy) -> None:
    """Refuse raw data whose last rows are copies of each other, as LibRaw leaves them where data end.

    No sensor repeats a row: there is always noise, but where all is white.  Every second row is
    compared, for the colours alternate; the very last rows are padding on some cameras.
    """
    rows = raw.raw_image_visible
    end = len(rows) - len(rows) // 32
    band = rows[max(0, end - _BAND) : end : 2]
    if np.mean((band == band[:1]) & (band < raw.white_level)) > _ALL_ALIKE:
        raise ImageError(Reason.TRUNCATED, "the raw data stop before the end of the picture")


def _same_frame(one: tuple[int, int], other: tuple[int, int]) -> bool:
    ratio = one[0] * other[1] / (one[1] * other[0])
    return abs(ratio - 1) <= _ASPECT_TOLERANCE


def _exif(data: bytes, preview: Picture | None) -> Image.Exif:
    """Read the RAW's own EXIF; the preview's where the file is not built like a TIFF."""
    if is_tiff(data):
        try:
            return exif_of(data)
        except DECODER_ERRORS as error:
            _log.debug("the RAW file's EXIF cannot be read: %s", error)
    return Image.Exif() if preview is None else preview.exif
