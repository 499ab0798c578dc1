"""Decode JPEG, HEIF, PNG and other raster formats to an upright sRGB picture of working size.

Pillow's plugin classes are used directly instead of ``Image.open``: the format is known from the content, HEIF needs no
global registration, and the user's size limit is the only one.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from pi_heif.as_plugin import HeifImageFile
from PIL import Image, ImageFile
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from facesort.core.records import Pixels
from facesort.errors import ImageError
from facesort.images import metadata
from facesort.images.colour.conversion import Samples, from_space, through_profile, to_plain
from facesort.images.colour.samples import deep_samples
from facesort.images.colour.spaces import SRGB, ColourSpace
from facesort.images.colour.tags import Colour, container_colour, exif_colour
from facesort.images.damage import Damage, load_what_is_there
from facesort.images.decoder_errors import DECODER_ERRORS
from facesort.images.heif_damage import heif_damage
from facesort.images.jpeg.exif import jpeg_exif
from facesort.images.jpeg.head import with_height
from facesort.images.jpeg.photo import decode_photo, open_jpeg
from facesort.images.png.chunks import tidied
from facesort.images.png.damage import examine_png, missing_rows
from facesort.images.tiff.damage import tiff_damage
from facesort.images.tiff.picture import TiffPicture
from facesort.pixels import apply_orientation
from facesort.reasons import Reason, Remark

_log = logging.getLogger(__name__)

WORKING_EDGE = 2048
"""Long edge of a working image in px: at least this and at most twice this, unless the photo is smaller."""

# Of multi-picture files and animations each class opens the first frame, of HEIF the primary image.
_OPENERS: dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    "AVIF": AvifImageFile,
    "BMP": BmpImageFile,
    "GIF": GifImageFile,
    "HEIF": HeifImageFile,
    "JPEG": lambda file: open_jpeg(file.getvalue()),
    "PNG": PngImageFile,
    "TIFF": TiffPicture,
    "WEBP": WebPImageFile,
}

_FIRST_SIDEWAYS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Header:
    """What a picture says of itself.

    Parameters
    ----------
    size : (int, int)
        Upright full-size width and height in px.
    exif : Image.Exif
        Empty if there is none, or it is unreadable.
    remarks : tuple of Remark
    hangs : bool
        Whether the file says how the picture hangs, even if that is "as it is".
    """

    size: tuple[int, int]
    exif: Image.Exif
    remarks: tuple[Remark, ...] = ()
    hangs: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An upright sRGB picture of working size, and the header of the full-size one.

    Parameters
    ----------
    damage : Damage or None
        What is known of pixels that are missing or guessed.
    """

    pixels: Pixels
    header: Header
    damage: Damage | None = None


def read_header(data: bytes, kind: str, *, max_megapixels: float) -> Header:
    """Read the size and the EXIF of a picture, without its pixels.

    Parameters and exceptions are those of `decode_raster`; damage behind the header is not noticed.
    """
    data = _prepared(data, kind)
    image = _opened(data, kind, max_megapixels)
    exif = _exif_of(image)
    remarks = _remarks(image, container_colour(image, data))
    return Header(_upright(image.size, _turn(image, exif)), exif, remarks)


def decode_raster(
    data: bytes,
    kind: str,
    *,
    max_megapixels: float,
    default_orientation: int = 1,
    default_colour: Colour | None = None,
    edge: int = WORKING_EDGE,
) -> Picture:
    """Decode a picture.

    Parameters
    ----------
    data : bytes
        The whole file.
    kind : str
        Its format, from `content.identify`.
    max_megapixels : float
        Larger pictures are refused before they are decoded.
    default_orientation : int
        EXIF orientation of a picture without one.
    default_colour : bytes or ColourSpace or None
        What the numbers of a picture mean that does not say so; None for sRGB.
    edge : int
        Long edge in px that the result has at least, unless the picture is smaller, and at most twice.

    Raises
    ------
    ImageError
        ``too_large`` or ``corrupt``, because of its size.
    One of `DECODER_ERRORS`
        If it cannot be decoded.
    """
    data = _prepared(data, kind)
    image, damage = _opened(data, kind, max_megapixels), None
    if kind == "PNG":
        mended, damage = examine_png(data)
        if mended is not data:
            data, image = mended, _opened(mended, kind, max_megapixels)
    size = image.size
    colour = container_colour(image, data)
    decoded, seen = _decoded(data, kind, image, colour, edge)
    exif = _exif_of(image)
    pixels = _as_srgb(decoded, colour or exif_colour(exif) or default_colour or SRGB)
    turn = _turn(image, exif, default_orientation)
    hangs = metadata.orientation(exif, 0) > 0
    header = Header(_upright(size, turn), exif, _remarks(image, colour), hangs)
    damage = damage or seen or _hidden_damage(data, kind, image)
    return Picture(apply_orientation(pixels, turn), header, damage)


def check_size(width: int, height: int, max_megapixels: float) -> None:
    """Refuse a picture by the size in its header, before it is decoded.

    Raises
    ------
    ImageError
        ``corrupt`` if it has no pixels, ``too_large`` above ``max_megapixels``.
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


def shrink_to_working_size(image: Image.Image, edge: int = WORKING_EDGE) -> Image.Image:
    """Average blocks of pixels so that the long edge is at most twice `edge`."""
    long_edge = max(image.size)
    return image if long_edge <= 2 * edge else image.reduce(long_edge // edge)


def _prepared(data: bytes, kind: str) -> bytes:
    """The file as the decoders read it."""
    prepare = {"JPEG": with_height, "PNG": tidied}.get(kind)
    return prepare(data) if prepare else data


def _opened(data: bytes, kind: str, max_megapixels: float) -> ImageFile.ImageFile:
    image = _OPENERS[kind](io.BytesIO(data))
    check_size(*image.size, max_megapixels)
    return image


def _turn(image: ImageFile.ImageFile, exif: Image.Exif, default: int = 1) -> int:
    """Orientation that is left to undo: pi_heif rotates the picture itself."""
    if isinstance(image, HeifImageFile):
        return 1
    return metadata.orientation(exif, default)


def _upright(size: tuple[int, int], turn: int) -> tuple[int, int]:
    return (size[1], size[0]) if turn >= _FIRST_SIDEWAYS else size


def _decoded(
    data: bytes, kind: str, image: ImageFile.ImageFile, colour: Colour | None, edge: int
) -> tuple[Image.Image | Samples, Damage | None]:
    """Decode at working size, in the stored colours and orientation."""
    damage = None
    if isinstance(image, JpegImageFile):
        # A profile may be for one channel only, or for CMYK: Pillow keeps the mode.
        plain = image.mode == "RGB" or (image.mode == "L" and not isinstance(colour, bytes))
        divisor = _jpeg_divisor(image.size, edge)
        decoded, damage = decode_photo(data, image, divisor, by_pillow=not plain)
        if not isinstance(decoded, JpegImageFile):
            return _shrunk(decoded, edge), damage
        image = decoded
    space = colour if isinstance(colour, ColourSpace) else SRGB
    if space != SRGB:
        try:
            if (samples := deep_samples(image, data, space.white)) is not None:
                return _shrunk(samples, edge), damage
        except DECODER_ERRORS:  # with 8 bits, it is told how much can be decoded
            image = _OPENERS[kind](io.BytesIO(data))
    damage = damage or load_what_is_there(image, lambda: _OPENERS[kind](io.BytesIO(data)))
    return shrink_to_working_size(to_plain(image, space.white), edge), damage


def _hidden_damage(data: bytes, kind: str, image: ImageFile.ImageFile) -> Damage | None:
    """What shows in the bytes only of a picture that could be decoded, or what its opener does not raise."""
    if isinstance(image, TiffPicture) and image.damage:
        return image.damage
    if kind == "PNG":
        return missing_rows(data, image)
    look = {"HEIF": heif_damage, "TIFF": tiff_damage}.get(kind)
    try:
        return look(data) if look else None
    except DECODER_ERRORS as error:
        _log.debug("not looked for damage: %s", error)
        return None


def _shrunk(samples: Samples, edge: int) -> Samples:
    """What `shrink_to_working_size` does, of samples."""
    height, width = samples.shape[:2]
    if max(height, width) <= 2 * edge:
        return samples
    block = max(height, width) // edge
    size = -(-width // block), -(-height // block)
    return np.asarray(cv2.resize(samples, size, interpolation=cv2.INTER_AREA), samples.dtype)


def _as_srgb(decoded: Image.Image | Samples, colour: Colour) -> Pixels:
    if isinstance(colour, bytes):
        image = decoded if isinstance(decoded, Image.Image) else Image.fromarray(decoded)
        return through_profile(image, colour)
    if isinstance(decoded, Image.Image):
        colour = SRGB if decoded.mode == "CMYK" else colour  # a described space has three channels
        decoded = np.asarray(decoded.convert("RGB"))
    return from_space(decoded, colour)


def _remarks(image: ImageFile.ImageFile, colour: Colour | None) -> tuple[Remark, ...]:
    return (
        *([Remark.TONE_MAPPED] if isinstance(colour, ColourSpace) and colour.is_hdr else []),
        *([Remark.PAGES] if _has_pages(image) else []),
    )


def _has_pages(image: ImageFile.ImageFile) -> bool:
    """Whether there are other pictures: frames of animations are none, nor is what an MPO adds to its first one."""
    if isinstance(image, HeifImageFile):
        return image.n_frames > 1
    return isinstance(image, TiffPicture) and image.has_pages


def _jpeg_divisor(size: tuple[int, int], edge: int) -> int:
    """Divisor of the size at which a JPEG is decoded: 1, 2, 4 or 8."""
    share = max(1, max(size) // edge)
    return min(8, 1 << (share.bit_length() - 1))


def _exif_of(image: Image.Image) -> Image.Exif:
    try:
        if isinstance(image, JpegImageFile):
            return jpeg_exif(image)
        if isinstance(image, PngImageFile):
            return Image.Image.getexif(image)  # its own method would decode the pixels
        return image.getexif()
    except DECODER_ERRORS:
        return Image.Exif()
