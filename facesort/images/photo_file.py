"""Load a photo file: upright sRGB pixels and metadata, or a reason code.

::

    bytes ──identify──> raster ──┐
                    └─> RAW ─────┴──> LoadedPhoto

Formats: JPEG (also the first frame of an MPO), PNG, WEBP, TIFF and BigTIFF, HEIC/HEIF, AVIF, BMP, GIF, and camera RAW
as far as LibRaw supports it (ARW, NEF, CR2, CR3, DNG, RAF, ORF, RW2, CRW ...), identified by content, not by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import rawpy
from PIL import Image

from facesort.core.records import PhotoInfo, Pixels
from facesort.errors import ImageError
from facesort.images import metadata
from facesort.images.content import EXPORT, Content, identify
from facesort.images.decoder_errors import DECODER_ERRORS
from facesort.images.position import position
from facesort.images.raster import WORKING_EDGE, Header, decode_raster, read_header
from facesort.images.raw.photo import decode_raw, read_raw_header
from facesort.pixels import Pyramid
from facesort.reasons import Reason, Remark

_TOO_LARGE: tuple[type[Exception], ...] = (
    MemoryError,
    Image.DecompressionBombError,
    rawpy.LibRawTooBigError,
    rawpy.LibRawUnsufficientMemoryError,
)
# What decoders say of whole pictures that they do not know, and what these are.
_NO_DECODER = {
    "not identified by this driver": "HEIF files that are not compressed with HEVC",
    "Unsupported feature": "HEIF files that are not compressed with HEVC",
    "Unsupported color conversion": "JPEG files of grey with lossless compression",
    "cannot handle 12-bit layers": "JPEG files of 12 bits per channel",
}


@dataclass(frozen=True, slots=True, eq=False)
class LoadedPhoto:
    """A decoded photo, ready for face detection.

    Parameters
    ----------
    image : Pyramid
        The working image: upright as far as the file says how it hangs, sRGB, read-only.  Its long edge is 2048 to
        4096 px, or the photo's if that is smaller.
    scale : float
        Full size divided by the size of ``image``; at least 1.
    hangs : bool
        Whether the file says how the photo hangs: a camera's "as it is" counts, a missing tag does not.
    damage : str
        What people are told of a photo that was accepted although it is damaged.
    """

    image: Pyramid
    scale: float
    info: PhotoInfo
    hangs: bool = False
    damage: str = ""

    @property
    def pixels(self) -> Pixels:
        """The working image, shape (height, width, 3)."""
        return self.image.pixels


def load_photo(
    data: bytes,
    name: str,
    *,
    max_megapixels: float,
    accept_damaged: bool = False,
    edge: int = WORKING_EDGE,
) -> LoadedPhoto:
    """Decode one file.

    Parameters
    ----------
    data : bytes
        The whole file.
    name : str
        Its name or path; only the suffix is used, to tell RAW files from other TIFFs.
    max_megapixels : float
        Larger photos are refused before they are decoded.
    accept_damaged : bool
        Whether a photo of which pixels are missing or guessed is taken, with a remark.
    edge : int
        Long edge in px that the working image has at least, unless the photo is smaller, and at most twice.

    Raises
    ------
    ImageError
        With reason ``empty_file``, ``not_an_image``, ``unsupported_format``, ``truncated``,
        ``corrupt`` or ``too_large``.
    """
    content = _identified(data, name)
    with _as_image_errors(content):
        if content.is_raw:
            picture = decode_raw(data, content, max_megapixels=max_megapixels, edge=edge)
        else:
            picture = decode_raster(data, content.format, max_megapixels=max_megapixels, edge=edge)
    pixels = picture.pixels.view()
    pixels.flags.writeable = False
    scale = max(picture.header.size) / max(pixels.shape[:2])
    info, told = _info(content, picture.header), ""
    if picture.damage is not None:
        told = picture.damage.sentence(content.format)
        if not accept_damaged:
            reason = Reason.TRUNCATED if content.complete is False else Reason.CORRUPT
            told += "; photos.accept_damaged = true takes it nevertheless"
            raise ImageError(picture.damage.reason or reason, told)
        info = replace(info, remarks=(*info.remarks, Remark.DAMAGED))
    return LoadedPhoto(Pyramid(pixels), scale, info, picture.header.hangs, told)


def look_at(data: bytes, name: str, *, max_megapixels: float) -> PhotoInfo:
    """Read size and metadata of one file, without decoding its pixels.

    Parameters and exceptions are those of `load_photo`, but damage to the pixels is not noticed.

    Returns
    -------
    PhotoInfo
        As `load_photo` gives it.  Only for RAW files with diagonal or non-square pixels and no large preview, the size
        is that of the raw data.
    """
    content = _identified(data, name)
    with _as_image_errors(content):
        if content.is_raw:
            header = read_raw_header(data, content, max_megapixels=max_megapixels)
        else:
            header = read_header(data, content.format, max_megapixels=max_megapixels)
    return _info(content, header)


def _identified(data: bytes, name: str) -> Content:
    if not data:
        raise ImageError(Reason.EMPTY_FILE, "the file is empty")
    return identify(data, name)


@contextmanager
def _as_image_errors(content: Content) -> Iterator[None]:
    """Turn what decoders raise into reasons."""
    try:
        yield
    except (rawpy.LibRawFileUnsupportedError, rawpy.NotSupportedError) as error:
        detail = (
            f"LibRaw cannot decode this {content.format}: convert it to DNG with Adobe DNG Converter, or export it as"
            " JPEG"
        )
        raise ImageError(Reason.UNSUPPORTED_FORMAT, detail) from error
    except (*_TOO_LARGE, *DECODER_ERRORS) as error:
        reason, detail = _reason(content, error), f"{content.format}: {_message(error)}"
        if reason is Reason.UNSUPPORTED_FORMAT:
            detail = f"{_not_decoded(content, error)} cannot be read: {EXPORT}"
        raise ImageError(reason, detail) from error


def _info(content: Content, header: Header) -> PhotoInfo:
    width, height = header.size
    captured_at, utc_offset = metadata.captured_at(header.exif)
    return PhotoInfo(
        format=content.format,
        width=width,
        height=height,
        captured_at=captured_at,
        camera=metadata.camera(header.exif),
        utc_offset=utc_offset,
        position=position(header.exif),
        remarks=header.remarks,
    )


def _reason(content: Content, error: Exception) -> Reason:
    if isinstance(error, _TOO_LARGE) or "security limit" in _message(error).lower():  # libheif
        return Reason.TOO_LARGE
    if content.complete is False or isinstance(error, (EOFError, rawpy.LibRawIOError)):
        return Reason.TRUNCATED
    if _not_decoded(content, error):
        return Reason.UNSUPPORTED_FORMAT
    return Reason.CORRUPT


def _not_decoded(content: Content, error: Exception) -> str:
    """What a picture is for which there is no decoder; empty for others."""
    known = (what for said, what in _NO_DECODER.items() if said in _message(error))
    return next((what for what in known if what.startswith(content.format)), "")


def _message(error: Exception) -> str:
    """Message of a decoder's exception; LibRaw's are bytes."""
    first = error.args[0] if error.args else ""
    text = first.decode("utf-8", "replace") if isinstance(first, bytes) else str(error)
    return text.strip() or type(error).__name__
