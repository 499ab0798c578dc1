"""Decode camera RAW to an upright sRGB picture of working size.

1. The embedded JPEG preview, if its long edge reaches `WORKING_EDGE` or the size of the RAW: it is what the
   photographer saw, at a tenth of the cost.
2. Else a half-size demosaic, if that reaches `WORKING_EDGE`.
3. Else a full demosaic.

Truncated files are always refused, even if their preview is complete.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import rawpy
from PIL import Image

from facesort.core.records import Pixels
from facesort.errors import ImageError
from facesort.images.boxes import canon_exif
from facesort.images.colour.spaces import ADOBE_RGB, SRGB, ColourSpace
from facesort.images.colour.tags import exif_colour
from facesort.images.content import Content
from facesort.images.damage import Damage
from facesort.images.decoder_errors import DECODER_ERRORS
from facesort.images.raster import (
    WORKING_EDGE,
    Header,
    Picture,
    check_size,
    decode_raster,
    read_header,
    shrink_to_working_size,
)
from facesort.images.raw.damage import (
    Erased,
    check_development,
    check_mosaic,
    check_noise,
    erased_raw,
    is_blank,
)
from facesort.images.raw.float_dng import with_integers
from facesort.images.tiff.directories import is_tiff, read_directories
from facesort.images.tiff.exif import exif_of
from facesort.reasons import Reason

_log = logging.getLogger(__name__)

# LibRaw's flip (bit 1 mirrors columns, 2 mirrors rows, 4 swaps both) -> EXIF orientation: the table that LibRaw uses
# when it writes EXIF into a preview.
_ORIENTATION_OF_FLIP = (1, 2, 4, 3, 5, 8, 6, 7)
_SWAPS = 4

_NEARLY_WHOLE = 0.95  # previews lack the few border rows that demosaicing needs
_ASPECT_TOLERANCE = 0.03
# Lossless RAW has about one byte per pixel, the most compressed lossy DNG about a tenth.
_MIN_BYTES_PER_PIXEL = 1 / 16
_MIN_BYTES_PER_PIXEL_UNCHECKED = 1 / 2  # where the container does not tell the end of the data

_COLOUR_MATRICES = (50721, 50722, 52531)  # DNG: CIE XYZ to the camera's colours, by illuminant
_UNIT = (1, 0, 0, 0, 1, 0, 0, 0, 1)
_PREVIEW_COLOUR_SPACE = 50970  # DNG 1.6
_PREVIEW_COLOURS = {2: SRGB, 3: ADOBE_RGB}

_NO_PREVIEW: tuple[type[Exception], ...] = (*DECODER_ERRORS, ImageError)


def decode_raw(
    data: bytes, content: Content, *, max_megapixels: float, edge: int = WORKING_EDGE
) -> Picture:
    """Decode a RAW file.

    Parameters
    ----------
    data : bytes
        The whole file.
    content : Content
        From `content.identify`.
    max_megapixels : float
        Larger sensors are refused before decoding.
    edge : int
        As in `decode_raster`.

    Raises
    ------
    ImageError
        ``truncated``, ``too_large`` or ``corrupt``.
    One of `DECODER_ERRORS`
        If LibRaw cannot decode it.
    """
    with _opened(data, content, max_megapixels, decode=True) as (raw, damage):
        size = _upright_size(raw)
        erased = erased_raw(data)
        if content.complete is None or (erased is not None and erased.at_end):
            check_mosaic(raw)
        exif = _own_exif(data, content)
        preview = _preview(raw, max_megapixels, _preview_colour(data, exif), edge)
        if (
            preview is not None
            and _shows_enough(preview, size, edge)
            and not is_blank(preview.pixels)
        ):
            pixels, damage = preview.pixels, None
        else:
            if damage is None:
                check_mosaic(raw)
            pixels, size = _developed(raw, size, edge, has_colours=not _has_unit_matrix(data))
            damage = damage or _damage(raw, erased)
    if exif is None:
        exif = Image.Exif() if preview is None else preview.header.exif
    return Picture(pixels, Header(size, exif, hangs=True), damage)


def read_raw_header(data: bytes, content: Content, *, max_megapixels: float) -> Header:
    """Read the size and the EXIF of a RAW file, without its pixels.

    Parameters and exceptions are those of `decode_raw`.  A diagonal sensor's size is that of its mosaic.
    """
    with _opened(data, content, max_megapixels, decode=False) as (raw, _):
        size, exif = _upright_size(raw), _own_exif(data, content)
        return Header(size, _preview_exif(raw, max_megapixels) if exif is None else exif)


@contextmanager
def _opened(
    data: bytes, content: Content, max_megapixels: float, *, decode: bool
) -> Iterator[tuple[rawpy.RawPy, Damage | None]]:
    """Open a RAW file that can hold what it declares, and say what is missing of its floats."""
    if content.complete is False:
        raise ImageError(Reason.TRUNCATED, f"the {content.format} file ends before its raw data")
    damage = None
    if content.format == "DNG":
        data, damage = with_integers(data, max_megapixels=max_megapixels, decode=decode)
    with rawpy.imread(io.BytesIO(data)) as raw:
        size = _upright_size(raw)
        check_size(*size, max_megapixels)
        _check_density(data, content, size)
        yield raw, damage


def _upright_size(raw: rawpy.RawPy) -> tuple[int, int]:
    sizes = raw.sizes
    return (sizes.height, sizes.width) if sizes.flip & _SWAPS else (sizes.width, sizes.height)


def _check_density(data: bytes, content: Content, size: tuple[int, int]) -> None:
    """Refuse a file far too small for its sensor: LibRaw would return uninitialised memory."""
    least = _MIN_BYTES_PER_PIXEL if content.complete else _MIN_BYTES_PER_PIXEL_UNCHECKED
    if len(data) < least * size[0] * size[1]:
        raise ImageError(
            Reason.TRUNCATED, f"{len(data)} bytes cannot hold raw data of {size[0]} x {size[1]} px"
        )


def _preview(
    raw: rawpy.RawPy, max_megapixels: float, colour: ColourSpace | None, edge: int
) -> Picture | None:
    """Decode the embedded JPEG preview, if there is one."""
    try:
        jpeg = _preview_jpeg(raw)
        if jpeg is None:
            return None
        # LibRaw adds the RAW's orientation to previews without EXIF; those with EXIF may still lack it.
        turn = _ORIENTATION_OF_FLIP[raw.sizes.flip & 7]
        preview = decode_raster(
            jpeg,
            "JPEG",
            max_megapixels=max_megapixels,
            default_orientation=turn,
            default_colour=colour,
            edge=edge,
        )
        return preview if preview.damage is None else None
    except _NO_PREVIEW as error:
        _log.debug("no usable preview, developing the raw data: %s", error)
        return None


def _preview_colour(data: bytes, exif: Image.Exif | None) -> ColourSpace | None:
    """What the file says of a preview that does not say itself: in a DNG its converter, else the camera."""
    directories = read_directories(data) if is_tiff(data) else ()
    told = [each for each in directories if _PREVIEW_COLOUR_SPACE in each]
    largest = max(told, key=lambda each: max(each.size), default=None)
    number = 0 if largest is None else largest.first(_PREVIEW_COLOUR_SPACE, 0)
    return _PREVIEW_COLOURS.get(number) or (None if exif is None else exif_colour(exif))


def _preview_jpeg(raw: rawpy.RawPy) -> bytes | None:
    thumbnail = raw.extract_thumb()
    return bytes(thumbnail.data) if thumbnail.format is rawpy.ThumbFormat.JPEG else None


def _preview_exif(raw: rawpy.RawPy, max_megapixels: float) -> Image.Exif:
    try:
        jpeg = _preview_jpeg(raw)
        if jpeg is not None:
            return read_header(jpeg, "JPEG", max_megapixels=max_megapixels).exif
    except _NO_PREVIEW as error:
        _log.debug("no usable preview, so no EXIF: %s", error)
    return Image.Exif()


def _shows_enough(preview: Picture, size: tuple[int, int], edge: int) -> bool:
    """Whether the preview is large enough and has the frame and orientation of the raw data."""
    enough = min(edge, _NEARLY_WHOLE * max(size))
    shown = preview.header.size
    return max(shown) >= enough and _same_frame(shown, size)


def _has_unit_matrix(data: bytes) -> bool:
    """Whether a DNG gives the unit matrix for its colours.

    By the letter, the camera then sees as CIE XYZ does, which none can: it is what programs write that do not know the
    camera.  Its colours are shown as they are, as LibRaw does without a matrix.
    """
    directories = read_directories(data) if is_tiff(data) else ()
    matrices = [m for each in directories for tag in _COLOUR_MATRICES if (m := each.numbers(tag))]
    return bool(matrices) and all(m == _UNIT for m in matrices)


def _developed(
    raw: rawpy.RawPy, size: tuple[int, int], edge: int, *, has_colours: bool
) -> tuple[Pixels, tuple[int, int]]:
    """Demosaic; LibRaw makes the picture upright.

    With sRGB's tone curve, and brightened until 0.1 % of the pixels are white: of the settings tried, closest to the
    cameras' JPEGs (LibRaw's default of 1 % blows out skin, and none is too dark).
    """
    check_noise(raw)
    half = max(size) >= 2 * edge
    parameters = rawpy.Params(
        half_size=half,
        use_camera_wb=True,
        output_color=rawpy.ColorSpace.sRGB if has_colours else rawpy.ColorSpace.raw,
        output_bps=8,
        gamma=(2.4, 12.92),
        auto_bright_thr=0.001,
    )
    pixels = raw.postprocess(parameters)
    check_development(raw, pixels)
    image = Image.fromarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))  # one channel, if grey
    if not _same_frame(image.size, size):  # diagonal sensors and non-square pixels
        factor = 2 if half else 1
        size = (image.width * factor, image.height * factor)
    return np.asarray(shrink_to_working_size(image, edge)), size


def _damage(raw: rawpy.RawPy, erased: Erased | None) -> Damage | None:
    """What zeros in the data say of a developed picture: where they may stand for black, nothing."""
    if erased is None or not (erased.packed or min(raw.black_level_per_channel) > 0):
        return None
    return Damage(Reason.CORRUPT, "zeros in the raw data", erased.share, at_most=True)


def _same_frame(one: tuple[int, int], other: tuple[int, int]) -> bool:
    ratio = one[0] * other[1] / (one[1] * other[0])
    return abs(ratio - 1) <= _ASPECT_TOLERANCE


def _own_exif(data: bytes, content: Content) -> Image.Exif | None:
    """EXIF of the RAW file itself; None if the format has it in the preview, or it is unreadable."""
    try:
        if is_tiff(data):
            return exif_of(data)
        if content.format == "CR3":
            return canon_exif(data)
    except DECODER_ERRORS as error:
        _log.debug("unreadable EXIF in the RAW file: %s", error)
    return None
