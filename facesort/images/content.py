"""Identify a file's format by its content; the name only breaks ties."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass

import rawpy

from facesort.errors import ImageError
from facesort.images.boxes import boxes_are_complete
from facesort.images.decoder_errors import DECODER_ERRORS
from facesort.images.kinds import RAW_SUFFIXES, suffix_of
from facesort.images.signatures import HEAD_BYTES, Reader, signature_of
from facesort.images.tiff.directories import (
    Directory,
    dng_format,
    holds_raw,
    main_data_is_complete,
    read_directories,
)
from facesort.images.tiff.exif import exif_of
from facesort.reasons import Reason

EXPORT = "save or export the picture as JPEG"
"""What to do about a picture that cannot be read."""

# What stands in the place of a file that was not fetched, and what fetches it.
_POINTERS = {
    b"/annex/objects/": "git annex get",
    b"version https://git-lfs.github.com/spec/": "git lfs pull",
}

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
        ``unsupported_format`` for a picture that facesort cannot read, else ``not_an_image``.
    """
    found = signature_of(data[:HEAD_BYTES], len(data))
    if found is None:
        raise ImageError(Reason.NOT_AN_IMAGE, _why_unknown(data))
    match found.reader:
        case Reader.PLAYER:
            raise ImageError(Reason.NOT_AN_IMAGE, f"the content is a video ({found.format})")
        case Reader.NOTHING:
            raise ImageError(
                Reason.UNSUPPORTED_FORMAT,
                f"{found.format} files cannot be read: {EXPORT}",
            )
        case Reader.TIFF:
            return _identify_tiff(data, suffix_of(name))
        case Reader.RAW | Reader.RASTER:
            return Content(
                found.format,
                is_raw=found.reader is Reader.RAW,
                complete=_is_complete(data, found.format),
            )


def _why_unknown(data: bytes) -> str:
    for start, command in _POINTERS.items():
        if data.startswith(start):
            return f"only a pointer to the picture is here: `{command}` fetches the picture"
    return "the content is not a known image format"


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


def _raw_format(data: bytes, directories: tuple[Directory, ...], suffix: str) -> str:
    if (kind := dng_format(directories)) is not None:
        return kind
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


def _is_complete(data: bytes, kind: str) -> bool | None:
    match kind:
        case "CR3" | "AVIF" | "HEIF":
            return boxes_are_complete(data)
        case "CRW":
            return _crw_is_complete(data)
        case "RAF":
            return _raf_is_complete(data)
        case "WEBP":
            (length,) = struct.unpack_from("<I", data, 4)
            return 8 + int(length) <= len(data)
        case "JPEG":
            end = b"\xff\xd9"
            # rstrip copies the data
            return data.endswith(end) or data.rstrip(b"\0").endswith(end)
        case "PNG":
            return b"IEND" in data
        case "BMP":
            return int.from_bytes(data[2:6], "little") <= len(data)
        case "GIF":
            return data.rstrip(b"\0").endswith(b";")
        case _:
            return None


def _crw_is_complete(data: bytes) -> bool:
    """Check that the last four bytes of a Canon CRW point to its directory, as they do in a whole one."""
    (start,) = struct.unpack_from("<I", data, 2)
    at = int(start) + int.from_bytes(data[-4:], "little")
    entries = int.from_bytes(data[at : at + 2], "little")
    return entries > 0 and at + 2 + 10 * entries <= len(data) - 4


def _raf_is_complete(data: bytes) -> bool:
    """Check that preview, directory and mosaic of a Fujifilm RAF (bytes 84 to 108) lie within the file."""
    if len(data) < 108:
        return False
    fields = struct.unpack_from(">6I", data, 84)
    return all(
        offset + length <= len(data)
        for offset, length in zip(fields[::2], fields[1::2], strict=True)
    )
