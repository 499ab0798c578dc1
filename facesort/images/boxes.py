"""The boxes of ISO base media files (ISO/IEC 14496-12): HEIF, AVIF and CR3, and videos too."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

from PIL import ExifTags, Image

_LONGEST_FILE_TYPE = 256
_AT_THE_TOP = frozenset({b"ftyp", b"free", b"mdat", b"meta", b"moov", b"uuid"})
_CANON = b"uuid" + bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
_CANON_DIRECTORIES = {b"CMT2": ExifTags.IFD.Exif, b"CMT4": ExifTags.IFD.GPSInfo}


def brands(head: bytes) -> tuple[bytes, ...]:
    """Brands in the ``ftyp`` box at the start of a file, the major one first; empty if there is none."""
    if head[4:8] != b"ftyp":
        return ()
    listed = head[8 : min(int.from_bytes(head[:4], "big"), _LONGEST_FILE_TYPE)]
    return tuple(listed[start : start + 4] for start in range(0, len(listed), 4))


def boxes_are_complete(data: bytes) -> bool:
    """Whether a file holds its top-level boxes; garbage after the last one is ignored."""
    whole = False
    for kind, content, end in _boxes(data, 0):
        if kind not in _AT_THE_TOP:
            break
        whole = content <= end <= len(data)
        if not whole:
            break
    return whole


def canon_exif(data: bytes) -> Image.Exif:
    """Read the EXIF of a CR3, which has each directory in a box of its own; may raise one of `DECODER_ERRORS`."""
    found = {kind: data[at:end] for kind, at, end in _boxes(data, data.index(_CANON) + len(_CANON))}
    exif = Image.Exif()
    exif.load_from_fp(io.BytesIO(found[b"CMT1"]))
    for kind, directory in _CANON_DIRECTORIES.items():
        if kind in found:
            part = Image.Exif()
            part.load_from_fp(io.BytesIO(found[kind]))
            exif.get_ifd(directory).update(part)
    return exif


def _boxes(data: bytes, at: int) -> Iterator[tuple[bytes, int, int]]:
    """Type, start of the content and end of each box, up to the first that has no valid length."""
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        content = at + 8
        if length == 1 and at + 16 <= len(data):
            (length,) = struct.unpack_from(">Q", data, content)
            content += 8
        end = at + length if length else len(data)  # 0: up to the end of the file
        yield kind, content, end
        if end < content:
            return
        at = end
