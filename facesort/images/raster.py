"""JPEG, HEIF, PNG and the like -> an upright sRGB picture of working size.

Pillow's plugin classes are used directly, one per format, instead of ``Image.open``: the content has
decided the format already, nothing has to be registered globally for HEIF, and the only limit on size is
the user's.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageFile
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile
from pillow_heif import HeifImageFile

from facesort.errors import ImageError
from facesort.images import metadata
from facesort.images.colour import to_plain, to_srgb
from facesort.images.decoder_errors import DECODER_ERRORS
from facesort.reasons import Reason

__all__ = ["WORKING_EDGE", "Picture", "check_size", "decode_raster", "shrunk", "turned"]

WORKING_EDGE = 2048
"""The long edge of a working image is at least this, and at most twice this, where the photo has it."""

# Multi-picture JPEG (MPO) and animations: each class opens the first frame, HEIF the primary image.
_OPENERS: dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    "AVIF": AvifImageFile,
    "BMP": BmpImageFile,
    "GIF": GifImageFile,
    "HEIF": HeifImageFile,
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "TIFF": TiffImageFile,
    "WEBP": WebPImageFile,
}

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_FIRST_SIDEWAYS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An upright sRGB picture of working size.

    Parameters
    ----------
    image : Image
        Mode ``RGB``.
    size : (int, int)
        Upright full-size width and height in px.
    exif : Image.Exif
        Empty if there is none that can be read.
    """

    image: Image.Image
    size: tuple[int, int]
    exif: Image.Exif


def decode_raster(
    data: bytes, kind: str, *, max_megapixels: float, default_orientation: int = 1
) -> Picture:
    """Decode a picture.

    Parameters
    ----------
    data : bytes
        The whole file.
    kind : str
        Its format, as `content.identify` says.
    max_megapixels : float
        Larger pictures are refused before they are decoded.
    default_orientation : int
        EXIF orientation of a picture that does not say its own.

    Raises
    ------
    ImageError
        ``too_large`` or ``corrupt``, for its size.
    One of `DECODER_ERRORS`
        If it cannot be decoded.
    """
    image = _OPENERS[kind](io.BytesIO(data))
    width, height = image.size
    check_size(width, height, max_megapixels)
    _draft(image)
    image.load()
    # After loading: pillow-heif, and Pillow for TIFF, have then turned the picture and say 1.
    exif = _exif_of(image)
    turn = metadata.orientation(exif, default_orientation)
    profile = image.info.get("icc_profile")
    upright = to_srgb(turned(shrunk(to_plain(image)), turn), profile)
    size = (height, width) if turn >= _FIRST_SIDEWAYS else (width, height)
    return Picture(upright, size, exif)


def check_size(width: int, height: int, max_megapixels: float) -> None:
    """Refuse a size from a file's header before anything is decoded.

    Raises
    ------
    ImageError
        ``corrupt`` for a picture without pixels, ``too_large`` above ``max_megapixels``.
    """
    if width < 1 or height < 1:
        raise ImageError(Reason.CORRUPT, f"the picture is {width} x {height} px")
    megapixels = width * height / 1e6
    if megapixels > max_megapixels:
        raise ImageError(
            Reason.TOO_LARGE,
            f"{width} x {height} px are {megapixels:.0f} megapixels, more than photos.max_megapixels"
            f" = {max_megapixels:g}",
        )


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """Undo an EXIF orientation (1 to 8)."""
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def shrunk(image: Image.Image) -> Image.Image:
    """Average blocks of pixels until the long edge is at most twice `WORKING_EDGE`."""
    long_edge = max(image.size)
    return image if long_edge <= 2 * WORKING_EDGE else image.reduce(long_edge // WORKING_EDGE)


def _draft(image: ImageFile.ImageFile) -> None:
    """Have a JPEG decoded at 1/2, 1/4 or 1/8, which costs a fraction of decoding it whole.

    ``draft`` keeps both sides at least as long as asked, so each is asked for at its own target.
    """
    share = max(image.size) // WORKING_EDGE
    if isinstance(image, JpegImageFile) and share > 1:
        divisor = min(8, 1 << (share.bit_length() - 1))
        image.draft(None, (max(1, image.width // divisor), max(1, image.height // divisor)))


def _exif_of(image: Image.Image) -> Image.Exif:
    try:
        return image.getexif()
    except DECODER_ERRORS:
        return Image.Exif()
