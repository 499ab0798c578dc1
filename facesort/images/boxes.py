"""The boxes of ISO base media files (ISO/IEC 14496-12): HEIF, AVIF and CR3, and videos too."""

from __future__ import annotations

import io
import logging
import struct
from collections.abc import Iterator

from PIL import ExifTags, Image

from facesort.images.tiff.directories import read_directory

_log = logging.getLogger(__name__)

_Box = tuple[bytes, int, int]

_LONGEST_FILE_TYPE = 256
_AT_THE_TOP = frozenset({b"ftyp", b"free", b"mdat", b"meta", b"moov", b"uuid"})
_CANON = b"uuid" + bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
_INDEX = 1  # EXIF's InteroperabilityIndex
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
    for kind, content, end in boxes_in(data, 0):
        if kind not in _AT_THE_TOP:
            break
        whole = content <= end <= len(data)
        if not whole:
            break
    return whole


def canon_exif(data: bytes) -> Image.Exif:
    """Read the EXIF of a CR3, which has each directory in a box of its own; may raise one of `DECODER_ERRORS`."""
    found = {
        kind: data[at:end] for kind, at, end in boxes_in(data, data.index(_CANON) + len(_CANON))
    }
    exif = Image.Exif()
    exif.load_from_fp(io.BytesIO(found[b"CMT1"]))
    for kind, directory in _CANON_DIRECTORIES.items():
        if kind in found:
            part = Image.Exif()
            part.load_from_fp(io.BytesIO(found[kind]))
            # Its offset counts from here, which Pillow would not know.
            interoperability = part.pop(ExifTags.IFD.Interop, None)
            exif.get_ifd(directory).update(part)
            if isinstance(interoperability, int):
                index = read_directory(found[kind], interoperability).value(_INDEX)
                exif.get_ifd(ExifTags.IFD.Interop)[_INDEX] = index
    return exif


def nclx_of_primary_item(data: bytes) -> tuple[int, int] | None:
    """Read the colour primaries and transfer function of a HEIF's or AVIF's main picture.

    Returns
    -------
    (int, int) or None
        Code points of Rec. ITU-T H.273 from its ``colr`` box (ISO/IEC 14496-12, section 12.1.5); None without one.
    """
    try:
        meta = only(list(boxes_in(data, 0)), b"meta")
        described = list(boxes_in(data, meta[0] + 4, meta[1]))
        primary = item_number(data, only(described, b"pitm")[0])
        properties = list(boxes_in(data, *only(described, b"iprp")))
        listed = list(boxes_in(data, *only(properties, b"ipco")))
        for kind, at, end in properties:
            for index in _properties_of(data[at:end], primary) if kind == b"ipma" else ():
                name, content, _ = listed[index - 1]
                if name == b"colr" and data[content : content + 4] == b"nclx":
                    primaries, transfer = struct.unpack_from(">2H", data, content + 4)
                    return primaries, transfer
    except (LookupError, struct.error) as error:
        _log.debug("a container without a readable colr box: %r", error)
    return None


def only(boxes: list[_Box], kind: bytes) -> tuple[int, int]:
    """Start and end of the first box of a kind."""
    for name, at, end in boxes:
        if name == kind:
            return at, end
    raise LookupError(kind)


def item_number(data: bytes, at: int) -> int:
    """Number of the main item, of a ``pitm`` box."""
    return int(struct.unpack_from(">I" if data[at] else ">H", data, at + 4)[0])


def _properties_of(associations: bytes, item: int) -> list[int]:
    """Which properties, counted from 1, an ``ipma`` box gives to an item."""
    version, wide = associations[0], associations[3] & 1
    number, index = (">I" if version else ">H"), (">H" if wide else ">B")
    (count,) = struct.unpack_from(">I", associations, 4)
    at = 8
    for _ in range(count):
        (found,) = struct.unpack_from(number, associations, at)
        at += struct.calcsize(number)
        size = struct.calcsize(index)
        pieces = associations[at + 1 : at + 1 + size * associations[at]]
        if found == item:
            mask = 0x7FFF if wide else 0x7F  # without the mark of what is essential
            return [v & mask for (v,) in struct.iter_unpack(index, pieces) if v & mask]
        at += 1 + size * associations[at]
    return []


def boxes_in(data: bytes, at: int, stop: int | None = None) -> Iterator[_Box]:
    """Type, start of the content and end of each box, up to the first that has no valid length."""
    stop = len(data) if stop is None else min(stop, len(data))
    while at + 8 <= stop:
        length, kind = struct.unpack_from(">I4s", data, at)
        content = at + 8
        if length == 1 and at + 16 <= stop:
            (length,) = struct.unpack_from(">Q", data, content)
            content += 8
        end = at + length if length else stop  # 0: up to the end
        yield kind, content, end
        if end < content:
            return
        at = end
