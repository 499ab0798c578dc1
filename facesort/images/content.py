"""Identify a file's format by its content; the name only breaks ties."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from pathlib import PurePosixPath

import rawpy
from PIL import Image, UnidentifiedImageError

from facesort.errors import ImageError
from facesort.images.decoder_errors import DECODER_ERRORS
from facesort.images.kinds import RAW_SUFFIXES
from facesort.images.tiff import (
    DNG_VERSION,
    Directories,
    exif_of,
    holds_raw,
    is_tiff,
    main_data_is_complete,
    read_directories,
)
from facesort.reasons import Reason

_RASTER_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
)
_RAW_MAGIC = (
    (0, b"FUJIFILMCCD-RAW", "RAF"),
    (6, b"HEAPCCDR", "CRW"),
    (0, b"\0MRM", "MRW"),
    (0, b"FOVb", "X3F"),
)
_HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"mif2", b"msf1"}
)
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_TIFF_RAW_MAGIC = {b"IIRO": "ORF", b"IIRS": "ORF", b"MMOR": "ORF", b"IIU\0": "RW2"}
_RAW_OF_MAKER = {"SONY": "ARW", "NIKON": "NEF", "PENTAX": "PEF", "SAMSUNG": "SRW"}
_MAKE = 271


@dataclass(frozen=True, slots=True)
class Content:
    """Format of a file, and whether it is complete.

    Parameters
    ----------
    format : str
        ``JPEG``, ``HEIF``, ``ARW`` ...; goes into `PhotoInfo.format`.
    is_raw : bool
        Whether LibRaw decodes it.
    complete : bool or None
        Whether the container holds all the data it declares; None if unknown.  Trailing garbage is ignored.
    """

    format: str
    is_raw: bool
    complete: bool | None


def identify(data: bytes, name: str) -> Content:
    """Identify a file.

    Parameters
    ----------
    data : bytes
        The whole file, not empty.
    name : str
        Its name or path.  The suffix matters only for TIFFs that are not marked as RAW: one with a RAW suffix is RAW if
        LibRaw opens it.

    Raises
    ------
    ImageError
        ``unsupported_format`` for an image format that facesort does not read, else ``not_an_image``.
    """
    if is_tiff(data):
        return _identify_tiff(data, PurePosixPath(name).suffix.lower())
    if data[4:8] == b"ftyp" and (found := _identify_boxes(data)):
        return found
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        (length,) = struct.unpack_from("<I", data, 4)
        return Content("WEBP", is_raw=False, complete=8 + length <= len(data))
    for magic, kind in _RASTER_MAGIC:
        if data.startswith(magic):
            return Content(kind, is_raw=False, complete=_has_end_marker(data, kind))
    for offset, magic, kind in _RAW_MAGIC:
        if data.startswith(magic, offset):
            return Content(
                kind, is_raw=True, complete=_raf_is_complete(data) if kind == "RAF" else None
            )
    raise _unknown(data)


def _identify_tiff(data: bytes, suffix: str) -> Content:
    try:
        directories = read_directories(data)
        complete = main_data_is_complete(directories, len(data))
    except DECODER_ERRORS:
        directories, complete = (), None
    if holds_raw(data, directories) or (suffix in RAW_SUFFIXES and _libraw_supports(data)):
        return Content(_raw_format(data, directories, suffix), is_raw=True, complete=complete)
    return Content("TIFF", is_raw=False, complete=complete)


def _libraw_supports(data: bytes) -> bool:
    try:
        rawpy.imread(io.BytesIO(data)).close()
    except (rawpy.LibRawFileUnsupportedError, rawpy.NotSupportedError):
        return False
    except rawpy.LibRawError:
        pass  # a supported format, but a broken file: decoding will tell
    return True


def _raw_format(data: bytes, directories: Directories, suffix: str) -> str:
    if any(DNG_VERSION in directory for directory in directories):
        return "DNG"
    if data[8:10] == b"CR":
        return "CR2"
    if data[:4] in _TIFF_RAW_MAGIC:
        return _TIFF_RAW_MAGIC[data[:4]]
    try:
        maker = str(exif_of(data).get(_MAKE, "")).upper()
    except DECODER_ERRORS:
        maker = ""
    for start, kind in _RAW_OF_MAKER.items():
        if maker.startswith(start):
            return kind
    return suffix[1:].upper() if suffix in RAW_SUFFIXES else "RAW"


def _identify_boxes(data: bytes) -> Content | None:
    """Identify HEIF, AVIF and CR3 among ISO base media files, which videos are too."""
    (length,) = struct.unpack_from(">I", data)
    listed = data[8 : min(length, 256)]
    brands = {listed[start : start + 4] for start in range(0, len(listed), 4)}
    if b"crx " in brands:
        return Content("CR3", is_raw=True, complete=_boxes_are_complete(data))
    if brands & _AVIF_BRANDS:
        return Content("AVIF", is_raw=False, complete=_boxes_are_complete(data))
    if brands & _HEIF_BRANDS:
        return Content("HEIF", is_raw=False, complete=_boxes_are_complete(data))
    return None


def _boxes_are_complete(data: bytes) -> bool:
    """Walk the top-level boxes (ISO/IEC 14496-12, 4.2); garbage after the last one is ignored."""
    at = 0
    while at + 16 <= len(data) and data[at + 4 : at + 8] in {
        b"ftyp",
        b"free",
        b"mdat",
        b"meta",
        b"moov",
        b"uuid",
    }:
        (length,) = struct.unpack_from(">I", data, at)
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, at + 8)
        if length == 0:  # extends to the end of the file
            return True
        if length < 8 or at + length > len(data):
            return False
        at += length
    return at > 0


def _raf_is_complete(data: bytes) -> bool:
    """Check that preview, directory and mosaic of a Fujifilm RAF (bytes 84 to 108) lie within the file."""
    if len(data) < 108:
        return False
    fields = struct.unpack_from(">6I", data, 84)
    return all(
        offset + length <= len(data)
        for offset, length in zip(fields[::2], fields[1::2], strict=True)
    )


def _has_end_marker(data: bytes, kind: str) -> bool | None:
    if kind == "JPEG":
        end = b"\xff\xd9"
        return data.endswith(end) or data.rstrip(b"\0").endswith(end)  # rstrip copies the data
    if kind == "PNG":
        return b"IEND" in data
    if kind == "GIF":
        return data.rstrip(b"\0").endswith(b";")
    return None


def _unknown(data: bytes) -> ImageError:
    """Error for an unidentified file; Pillow with all its plugins may still recognise the format."""
    try:
        kind = Image.open(io.BytesIO(data)).format
    except UnidentifiedImageError:
        return ImageError(Reason.NOT_AN_IMAGE, "the content is not a known image format")
    except DECODER_ERRORS:
        kind = "image"
    return ImageError(
        Reason.UNSUPPORTED_FORMAT, f"{kind} files are not supported: save it as JPEG first"
    )
