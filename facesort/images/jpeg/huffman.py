"""Read through the compressed data of a JPEG with Huffman codes, to find what libjpeg-turbo warns of.

For the few pictures of which simplejpeg gives no warnings: it takes one or two seconds per megabyte.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from facesort.images.damage import Damage
from facesort.images.jpeg.codec import decode_smallest
from facesort.images.jpeg.head import (
    ALONE,
    END,
    FILL,
    MARKER,
    PROGRESSIVE,
    RESTART,
    RESTART_INTERVAL,
    SCAN,
    START,
    Head,
    segment,
)
from facesort.reasons import Reason

_TABLE, _QUANTISATION = 0xC4, 0xDB
_IS_AC = 0x10
_OTHER_MARKER = re.compile(rb"\xff[^\0\xff\xd0-\xd7]", re.DOTALL)
_COEFFICIENTS = 64
_END_OF_BLOCK, _SIXTEEN_ZEROS = 0, 0xF0
_LONGEST_VALUE = 16  # bits
_NO_MORE = 2 * _COEFFICIENTS  # how far the code for the end of a block goes on
_LONGEST_MCU = 10 * _COEFFICIENTS * 4  # bytes
_RESTARTS = [bytes([0xD0 + n]) for n in range(8)]
_ONE_BIT = [1 | 1 << 8] * (1 << 16)
_PREMATURE = "premature end of data segment"

_Codes = list[int]
"""By the next 16 bits of the data: how many bits a code and its value have, and from the ninth bit on how many
coefficients they are; 0 if there is no such code."""


@dataclass(frozen=True, slots=True)
class _Scan:
    """A scan: its header, the Huffman tables so far as they are written and as they are read, and its data."""

    header: bytes
    written: bytes
    tables: dict[int, _Codes]
    interval: int  # MCUs between restart markers
    data: bytes


def coded_damage(head: Head, body: bytes, reason: Reason) -> Damage | None:
    """Look for damage to compressed data, up to the marker for the end of the picture.

    Of a progressive picture only the mean values are read here.  The other scans have one component each: libjpeg-turbo
    reads them as those of a grey picture.

    Raises
    ------
    ValueError
        If there is something between two segments.
    LookupError, ArithmeticError
        If the tables do not fit the scans.
    """
    details: dict[int, list[_Scan]] = {}
    for scan in _scans(head, body):
        if head.kind == PROGRESSIVE and scan.header[-3]:
            details.setdefault(scan.header[1], []).append(scan)
        elif damage := _damage(head, scan, reason):
            return damage
    for component, scans in details.items():
        try:
            decode_smallest(_as_grey(head, component, scans))
        except ValueError as error:
            return Damage(reason, str(error), 1.0, at_most=True)
    return None


def _damage(head: Head, scan: _Scan, reason: Reason) -> Damage | None:
    blocks, total = _blocks(head, scan)
    *ended, last = RESTART.split(scan.data)
    split = [b"", *(part.rstrip(FILL) for part in ended), last]
    pieces = list(zip(split[::2], split[1::2], strict=True))  # each with the marker before it
    interval = scan.interval or total
    starts = range(0, total, interval)
    lost, found = 0, ""
    if scan.interval and len(pieces) > len(starts):
        lost, found = total, "too many restart markers"
    for number, start in enumerate(starts):
        count = min(interval, total - start)
        mark, data = pieces[number] if number < len(pieces) else (b"", b"")
        sound, wrong = 0, "wrong restart marker"
        if number == 0 or mark == _RESTARTS[(number - 1) % 8]:
            sound, wrong = _read(blocks, count, data)
        if wrong:
            lost += count - sound if wrong == _PREMATURE else count
        found = found or wrong
    if not found:
        return None
    return Damage(reason, found, min(1.0, lost / total), at_most=found != _PREMATURE)


def _scans(head: Head, body: bytes) -> Iterator[_Scan]:
    interval, header, at = head.interval, head.parts[-1][4:], 0
    written = b"".join(part for part in head.parts if part[1] == _TABLE)
    tables: dict[int, _Codes] = {}
    for part in head.parts:
        if part[1] == _TABLE:
            tables |= _codes(part[4:])
    while header:
        match = _OTHER_MARKER.search(body, at)
        end = match.start() if match else len(body)
        data = body[at:end].rstrip(FILL) if match else body[at:]
        yield _Scan(header, written, tables, interval, data)
        header, at = b"", end
        while not header:
            match = MARKER.search(body, at)
            between = body[at : match.start() if match else None].strip(b"\0\xff")
            if between:
                raise ValueError(f"{len(between)} extraneous bytes between two segments")
            if not match:
                return
            marker, at = match[1][0], match.end()
            if marker in ALONE:
                continue
            length = int.from_bytes(body[at : at + 2], "big")
            content, at = body[at + 2 : at + length], at + max(2, length)
            if marker == _TABLE:
                written += segment(_TABLE, content)
                tables = tables | _codes(content)
            elif marker == RESTART_INTERVAL:
                interval = int.from_bytes(content[:2], "big")
            elif marker == SCAN:
                header = content


def _blocks(head: Head, scan: _Scan) -> tuple[list[tuple[_Codes, _Codes]], int]:
    """The tables for each block of an MCU, and the number of MCUs."""
    header, progressive = scan.header, head.kind == PROGRESSIVE
    factors = dict(zip(head.frame[6::3], head.frame[7::3], strict=False))
    used = [(factors[header[n]], header[n + 1]) for n in range(1, 1 + 2 * header[0], 2)]
    blocks = [
        (
            _ONE_BIT if progressive and header[-1] >> 4 else scan.tables[each >> 4],
            [] if progressive else scan.tables[_IS_AC | each & 15],
        )
        for factor, each in used
        for _ in range((factor >> 4) * (factor & 15) if len(used) > 1 else 1)
    ]
    if len(used) > 1:
        return blocks, head.blocks
    across, down = _side(head, used[0][0])
    return blocks, across * down


def _side(head: Head, factor: int) -> tuple[int, int]:
    """Blocks of a component side by side, and one below the other: without those that only fill an MCU."""
    sizes = zip(head.size, (factor >> 4, factor & 15), head.block, strict=True)
    across, down = (-(-side * part // full) for side, part, full in sizes)
    return across, down


def _as_grey(head: Head, component: int, scans: Sequence[_Scan]) -> bytes:
    """A grey picture whose mean values all are zero, with the other scans of a component."""
    index = head.frame[6::3].index(component)
    across, down = _side(head, head.frame[7::3][index])
    size = (8 * down).to_bytes(2, "big") + (8 * across).to_bytes(2, "big")
    frame = head.frame[:1] + size + bytes([1, component, 0x11, head.frame[8::3][index]])
    parts = [START, *(part for part in head.parts if part[1] == _QUANTISATION)]
    parts += [segment(head.kind, frame), segment(_TABLE, b"\0\1" + bytes(16))]
    parts += [segment(SCAN, bytes([1, component, 0, 0, 0, 0])), bytes(-(-across * down // 8))]
    for scan in scans:
        interval = segment(RESTART_INTERVAL, scan.interval.to_bytes(2, "big"))
        parts += [interval, scan.written, segment(SCAN, scan.header), scan.data]
    return b"".join([*parts, END])


def _codes(body: bytes) -> dict[int, _Codes]:
    """The Huffman tables of a segment, by class and number."""
    found, at = {}, 0
    while at + 17 <= len(body):
        table, code = np.zeros(1 << 16, np.int64), 0
        symbols = iter(body[at + 17 :])
        for length, many in enumerate(body[at + 1 : at + 17], 1):
            span = 1 << (16 - length)
            for _, symbol in zip(range(many), symbols, strict=False):
                table[code : code + span] = _entry(length, symbol, is_ac=bool(body[at] & _IS_AC))
                code += span
        found[body[at]] = table.tolist()
        at += 17 + sum(body[at + 1 : at + 17])
    return found


def _entry(length: int, symbol: int, *, is_ac: bool) -> int:
    if not is_ac:
        return length + symbol | 1 << 8 if symbol <= _LONGEST_VALUE else 0
    if symbol in {_END_OF_BLOCK, _SIXTEEN_ZEROS}:
        return length | (16 if symbol else _NO_MORE) << 8
    return length + (symbol & 15) | ((symbol >> 4) + 1) << 8


def _read(blocks: Sequence[tuple[_Codes, _Codes]], count: int, data: bytes) -> tuple[int, str]:
    """Read so many MCUs; how many are sound, and what is wrong then."""
    plain = data.replace(b"\xff\0", b"\xff")
    padded = np.frombuffer(plain + bytes(_LONGEST_MCU + 4), np.uint8).astype(np.uint32)
    # The 24 bits from each byte on.
    words = (padded[:-2] << 16 | padded[1:-1] << 8 | padded[2:]).data
    end, at = 8 * len(plain), 0
    for mcu in range(count):
        for dc, ac in blocks:
            entry = dc[words[at >> 3] >> 8 - (at & 7) & 0xFFFF]
            at += entry & 0xFF
            n = entry >> 8
            while ac and entry and n < _COEFFICIENTS:
                entry = ac[words[at >> 3] >> 8 - (at & 7) & 0xFFFF]
                at += entry & 0xFF
                n += entry >> 8
            if at <= end and (entry == 0 or _COEFFICIENTS < n < _NO_MORE):
                return mcu, "bad Huffman code"
        if at > end:
            return mcu, _PREMATURE
    rest = plain[-(-at // 8) :].strip(b"\0\xff")
    return count, f"{len(rest)} extraneous bytes" if rest else ""
