"""One file -> upright sRGB pixels, or a reason why there are none.

::

    bytes ──identify──> raster ──┐
                    └─> RAW ─────┴──> LoadedPhoto

Read formats: JPEG (also the first frame of an MPO), PNG, WEBP, TIFF, HEIC/HEIF, AVIF, BMP, GIF, and
camera RAW as far as LibRaw knows it (ARW, NEF, CR2, CR3, DNG, RAF, ORF, RW2, CRW ...).  The content
decides, not the name.
"""

from __future__ import annotations

from dataclasses import dataclass

import rawpy
from PIL import Image

from facesort.core.records import PhotoInfo, Pixels
from facesort.errors import ImageError
from facesort.images import metadata
from facesort.images.content import Content, identify
from facesort.images.decoder_errors import DECODER_ERRORS
from facesort.images.raster import Picture, decode_raster
from facesort.images.raw import decode_raw
from facesort.reasons import Reason

_OUT_OF_BOUNDS: tuple[type[Exception], ...] = (
    MemoryError,
    Image.DecompressionBombError,
    rawpy.LibRawTooBigError,
    rawpy.LibRawUnsufficientMemoryError,
)


@dataclass(frozen=True, slots=True, eq=False)
class LoadedPhoto:
    """A photo, ready to look for faces in it.

    Parameters
    ----------
    pixels : Pixels
        The working image: upright, sRGB, shape (height, width, 3), read-only.  Its long edge is in
        [2048, 4096] px, or that of the whole photo where that is smaller.
    scale : float
        A length in px of the full-size photo is one in px of ``pixels`` times this; at least 1.
    info : PhotoInfo
        What the file says about itself; its width and height are the upright full size.
    """

    pixels: Pixels
    scale: float
    info: PhotoInfo


def load_photo(data: bytes, name: str, *, max_megapixels: float) -> LoadedPhoto:
    """Decode one file.

    Parameters
    ----------
    data : bytes
        The whole file.
    name : str
        Its name or path; only the suffix is looked at, and only to tell RAW files from other TIFFs.
    max_megapixels : float
        Larger photos are refused by their header, before they are decoded.

    Raises
    ------
    ImageError
        With reason ``empty_file``, ``not_an_image``, ``unsupported_format``, ``truncated``,
        ``corrupt`` or ``too_large``.
    """
    if not data:
        raise ImageError(Reason.EMPTY_FILE, "the file has no content")
    content = identify(data, name)
    try:
        picture = _decode(data, content, max_megapixels)
    except (rawpy.LibRawFileUnsupportedError, rawpy.NotSupportedError) as error:
        detail = f"LibRaw does not know this {content.format}; convert it to DNG first"
        raise ImageError(Reason.UNSUPPORTED_FORMAT, detail) from error
    except (*_OUT_OF_BOUNDS, *DECODER_ERRORS) as error:  # the one rim: they raise nearly everything
        raise ImageError(_reason(content, error), f"{content.format}: {_words(error)}") from error
    pixels = picture.pixels.view()
    pixels.flags.writeable = False
    return LoadedPhoto(pixels, max(picture.size) / max(pixels.shape[:2]), _info(picture, content))


def _decode(data: bytes, content: Content, max_megapixels: float) -> Picture:
    if content.is_raw:
        return decode_raw(data, content, max_megapixels=max_megapixels)
    return decode_raster(data, content.format, max_megapixels=max_megapixels)


def _info(picture: Picture, content: Content) -> PhotoInfo:
    width, height = picture.size
    return PhotoInfo(
        format=content.format,
        width=width,
        height=height,
        captured_at=metadata.captured_at(picture.exif),
        camera=metadata.camera(picture.exif),
    )


def _reason(content: Content, error: Exception) -> Reason:
    if isinstance(error, _OUT_OF_BOUNDS) or "security limit" in _words(error).lower():  # libheif's
        return Reason.TOO_LARGE
    if content.complete is False or isinstance(error, (EOFError, rawpy.LibRawIOError)):
        return Reason.TRUNCATED
    return Reason.CORRUPT


def _words(error: Exception) -> str:
    """Say what a decoder said; LibRaw speaks in bytes."""
    said = error.args[0] if error.args else ""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(error)
    return text.strip() or type(error).__name__
