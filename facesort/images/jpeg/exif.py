"""Read the EXIF of a JPEG that has it in more than one segment."""

from __future__ import annotations

import logging
import re

from PIL import ExifTags, Image
from PIL.JpegImagePlugin import JpegImageFile

from facesort.images.decoder_errors import DECODER_ERRORS

_log = logging.getLogger(__name__)

_HEADER = re.compile(
    rb".{0,4}Exif\0.(?:Exif\0\0)?", re.DOTALL | re.IGNORECASE
)  # as ExifTool takes it
_TIFF = (b"II*\0", b"MM\0*")
_POINTERS = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)


def jpeg_exif(image: JpegImageFile) -> Image.Exif:
    """Read the EXIF of all segments.

    As ExifTool does: a segment that starts like a TIFF is EXIF of its own, and of a tag that is in several the last
    counts; others continue the one before.  XMP gives the orientation only if EXIF has none.
    """
    usual = image.getexif()
    blocks = _blocks(image.applist)
    if len(blocks) == bool("exif" in image.info):
        return usual
    merged = Image.Exif()
    for block in blocks:
        try:
            _add(merged, block)
        except DECODER_ERRORS as error:
            _log.debug("an unreadable EXIF segment: %s", error)
    if ExifTags.Base.Orientation not in merged and ExifTags.Base.Orientation in usual:
        merged[ExifTags.Base.Orientation] = usual[ExifTags.Base.Orientation]
    return merged


def _blocks(segments: list[tuple[str, bytes]]) -> list[bytes]:
    """The EXIF of each segment that has some, with those that continue it."""
    blocks: list[bytes] = []
    continues = False
    for name, content in segments:
        header = _HEADER.match(content) if name == "APP1" else None
        if header is not None:
            body = content[header.end() :]
            if continues and not body.startswith(_TIFF):
                blocks[-1] += body
            else:
                blocks.append(body)
        continues = header is not None
    return blocks


def _add(merged: Image.Exif, block: bytes) -> None:
    part = Image.Exif()
    part.load(block)
    for tag in part.keys() - set(_POINTERS):
        merged[tag] = part[tag]
    for pointer in (*_POINTERS, ExifTags.IFD.Interop):
        found = part.get_ifd(pointer)
        merged.get_ifd(pointer).update(found)
