"""Load a photo file: upright sRGB pixels, or a reason code.

::

    bytes ──identify──> raster ──┐
                    └─> RAW ─────┴──> LoadedPhoto

Formats: JPEG (also the first frame of an MPO), PNG, WEBP, TIFF, HEIC/HEIF, AVIF, BMP, GIF, and camera RAW as far as
LibRaw supports it (ARW, NEF, CR2, CR3, DNG, RAF, ORF, RW2, CRW ...), identified by content, not by name.
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

_TOO_LARGE: tuple[type[Exception], ...] = (
    MemoryError,
    Image.DecompressionBombError,
    rawpy.LibRawTooBigError,
    rawpy.LibRawUnsufficientMemoryError,
)


@dataclass(frozen=True, slots=True, eq=False)
class LoadedPhoto:
    """A decoded photo, ready for face detection.

    Parameters
    ----------
    pixels : Pixels
        The working image: upright, sRGB, read-only.  Its long edge is 2048 to 4096 px, or the photo's if that is
        smaller.
    scale : float
        Full size divided by the size of ``pixels``; at least 1.
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
        Its name or path; only the suffix is used, to tell RAW files from other TIFFs.
    max_megapixels : float
        Larger photos are refused before they are decoded.

    Raises
    ------
    ImageError
        With reason ``empty_file``, ``not_an_image``, ``unsupported_format``, ``truncated``,
        ``corrupt`` or ``too_large``.
    """
    if not data:
        raise ImageError(Reason.EMPTY_FILE, "the file is empty")
    content = identify(data, name)
    try:
        picture = _decode(data, content, max_megapixels)
    except (rawpy.LibRawFileUnsupportedError, rawpy.NotSupportedError) as error:
        detail = f"LibRaw does not support this {content.format}: convert it to DNG first"
        raise ImageError(Reason.UNSUPPORTED_FORMAT, detail) from error
    except (*_TOO_LARGE, *DECODER_ERRORS) as error:
        raise ImageError(_reason(content, error), f"{content.format}: {_message(error)}") from error
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
    if isinstance(error, _TOO_LARGE) or "security limit" in _message(error).lower():  # libheif
        return Reason.TOO_LARGE
    if content.complete is False or isinstance(error, (EOFError, rawpy.LibRawIOError)):
        return Reason.TRUNCATED
    return Reason.CORRUPT


def _message(error: Exception) -> str:
    """Message of a decoder's exception; LibRaw's are bytes."""
    first = error.args[0] if error.args else ""
    text = first.decode("utf-8", "replace") if isinstance(first, bytes) else str(error)
    return text.strip() or type(error).__name__
