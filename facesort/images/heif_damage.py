"""Damage to a HEIF that shows in its bytes: libde265 decodes nearly anything without a complaint.

HEVC never has three zeros in a row inside a unit, nor two before a one or a two (Rec. ITU-T H.265, 7.4.2.1), and the
units of an item fill it exactly.  So zeros in place of data are noticed, and bytes that shifted; a flipped bit is not.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from facesort.images.boxes import boxes_in, item_number, only
from facesort.images.damage import Damage
from facesort.reasons import Reason

_NEVER = re.compile(rb"\0\0[\0\1\2]")
_VIDEO = b"hvc1"
_SHORTEST_UNIT = 2  # bytes


def heif_damage(data: bytes) -> Damage | None:
    """Look at the data of a HEIF's main picture.

    Raises
    ------
    LookupError or struct.error
        If its boxes make no sense.
    """
    start, end = only(list(boxes_in(data, 0)), b"meta")
    described = list(boxes_in(data, start + 4, end))
    primary = item_number(data, only(described, b"pitm")[0])
    kinds = dict(_kinds(data, *only(described, b"iinf")))
    extents = dict(_extents(data, *only(described, b"iloc")))
    parts = [primary] if kinds[primary] == _VIDEO else _made_of(data, described, primary)
    tiles = [extents[part] for part in parts if kinds[part] == _VIDEO and part in extents]
    spoiled = sum(not _is_sound(b"".join(data[a:b] for a, b in tile)) for tile in tiles)
    if not spoiled:
        return None
    found = "bytes that HEVC never has"
    return Damage(Reason.CORRUPT, found, spoiled / len(tiles), at_most=True)


def _is_sound(item: bytes) -> bool:
    """Whether an item consists of units of HEVC, each with its length in four bytes."""
    at = 0
    while at + 4 <= len(item):
        (length,) = struct.unpack_from(">I", item, at)
        at += 4
        if not _SHORTEST_UNIT <= length <= len(item) - at or _NEVER.search(item, at, at + length):
            return False
        at += length
    return True


def _kinds(data: bytes, at: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Number and type of each item, of an ``iinf`` box."""
    for kind, content, _ in boxes_in(data, at + (8 if data[at] else 6), end):
        if kind == b"infe" and data[content] >= 2:
            wide = data[content] > 2
            number, _, name = struct.unpack_from(">IH4s" if wide else ">HH4s", data, content + 4)
            yield number, name


def _made_of(data: bytes, described: list[tuple[bytes, int, int]], item: int) -> list[int]:
    """The items that another one is made of, such as the tiles of a grid."""
    at, end = only(described, b"iref")
    wide = data[at] > 0
    for kind, content, _ in boxes_in(data, at + 4, end):
        source, count = struct.unpack_from(">IH" if wide else ">HH", data, content)
        if kind == b"dimg" and source == item:
            start = content + (6 if wide else 4)
            return list(struct.unpack_from(f">{count}{'I' if wide else 'H'}", data, start))
    return []


def _extents(data: bytes, at: int, end: int) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """Number of each item, and where in the file its pieces start and end, of an ``iloc`` box."""
    version = data[at]
    widths = [data[at + 4] >> 4, data[at + 4] & 15, data[at + 5] >> 4, data[at + 5] & 15]
    at += 6

    def number(width: int) -> int:
        nonlocal at
        value = int.from_bytes(data[at : at + width], "big")
        at += width
        return value

    for _ in range(number(4 if version > 1 else 2)):
        item = number(4 if version > 1 else 2)
        in_file = not version or number(2) & 15 == 0
        number(2)
        base = number(widths[2])
        pieces = []
        for _ in range(number(2)):
            number(widths[3] if version else 0)
            start = base + number(widths[0])
            pieces.append((start, start + number(widths[1])))
        if at > end:
            return
        if in_file:
            yield item, pieces
