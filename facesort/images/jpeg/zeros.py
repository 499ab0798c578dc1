"""Zeros in place of the compressed data of a JPEG: decoders make coefficients of them, mostly without a warning.

Many zeros in a row are the shortest code over and over.  Where it stands for a coefficient, whole blocks would have the
same one in all places, as no picture has.  Where it ends a block, a flat picture gives such data; but not with codes
for runs of such blocks, since one of these stands for all of them.  In scans of mean values zeros are common.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

ZEROS = bytes(16)
"""So many are noticed."""

_END = b"\xff\xd9"
_TABLE, _QUANTISATION = 0xC4, 0xDB
_WITH_HUFFMAN, _PROGRESSIVE = frozenset({0xC0, 0xC1, 0xC2}), 0xC2
_SCAN_START = re.compile(rb"\xff\xda(..)", re.DOTALL)
_TABLE_START = re.compile(rb"\xff\xc4(..)", re.DOTALL)
_MARKER = re.compile(rb"\xff[^\0\xff\xd0-\xd7]", re.DOTALL)
_IS_AC = 0x10
_STANDARD = {0x10: b"\1", 0x11: b"\0"}  # shortest code of each: of a picture without tables
_END_OF_BLOCK = 0


def has_erased_tables(kind: int, parts: Sequence[bytes]) -> bool:
    """Whether there are zeros in a table of quantisation, or in place of a Huffman table.

    In the first each number is 1 or more (Rec. ITU-T T.81, B.2.4.1).  Of the Huffman tables that the first scan needs
    all are there, or none: libjpeg-turbo puts the usual ones in the place of those that are missing.  Parameters as of
    `has_erased_data`.
    """
    if any(part[1] == _QUANTISATION and ZEROS in part for part in parts):
        return True
    tables = _tables(parts)
    if kind not in _WITH_HUFFMAN or not tables:
        return False
    used = parts[-1][6 : 5 + 2 * parts[-1][4] : 2]
    wanted = {each >> 4 for each in used}
    if kind != _PROGRESSIVE:
        wanted |= {_IS_AC | each & 15 for each in used}
    return not wanted <= tables.keys()


def has_erased_data(kind: int, parts: Sequence[bytes], data: bytes, start: int) -> bool:
    """Whether there are zeros that cannot be data.

    Parameters
    ----------
    kind : int
        Marker of the frame.
    parts : sequence of bytes
        Segments before the compressed data, the header of the first scan last.
    data : bytes
        Holds the compressed data up to the end of the picture.
    start : int
        Where they begin.
    """
    end = data.find(_END, start)
    end = len(data) if end < 0 else end
    if kind not in _WITH_HUFFMAN or data.find(ZEROS, start, end) < 0:
        return False
    tables = _STANDARD | _tables(parts)
    header, begin = parts[-1][4:], start
    for match in [*_SCAN_START.finditer(data, start, end), None]:
        stop = match.start() if match else end
        marker = _MARKER.search(data, begin, stop)  # tables have zeros
        found = data.find(ZEROS, begin, marker.start() if marker else stop) >= 0
        if found and not _may_be_zeros(header, tables, progressive=kind == _PROGRESSIVE):
            return True
        for table in _TABLE_START.finditer(data, begin, stop):
            length = int.from_bytes(table[1], "big")
            tables |= _symbols(data[table.start() + 4 : table.start() + 2 + length])
        if match:
            begin = match.start() + 2 + int.from_bytes(match[1], "big")
            header = data[match.start() + 4 : begin]
    return False


def _tables(parts: Sequence[bytes]) -> dict[int, bytes]:
    """`_symbols` of all segments."""
    found: dict[int, bytes] = {}
    for part in parts:
        if part[1] == _TABLE:
            found |= _symbols(part[4:])
    return found


def _symbols(body: bytes) -> dict[int, bytes]:
    """Symbols of each Huffman table in a segment, that with the shortest code first."""
    found, at = {}, 0
    while at + 17 < len(body):
        count = sum(body[at + 1 : at + 17])
        found[body[at]] = body[at + 17 : at + 17 + count]
        at += 17 + count
    return found


def _may_be_zeros(header: bytes, tables: dict[int, bytes], *, progressive: bool) -> bool:
    """Whether the data of a scan can be many zeros."""
    count = header[0] if header else 0
    if len(header) < 4 + 2 * count:
        return False  # no header of a scan
    used = [tables.get(_IS_AC | table & 15, b"") for table in header[2 : 2 + 2 * count : 2]]
    first_coefficient, bits = header[1 + 2 * count], header[3 + 2 * count]
    if progressive and first_coefficient == 0:
        return True
    if (
        progressive and bits >> 4
    ):  # a scan of bits: none of them need be set, but not all zeros become a coefficient
        return any(symbol & 15 == 0 for symbol in used[0][:1])
    if any(symbols[:1] != bytes([_END_OF_BLOCK]) for symbols in used):
        return False
    return not (progressive and any(0 < s < 0xF0 and s & 15 == 0 for s in used[0]))
