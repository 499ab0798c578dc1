"""Read through the compressed data of a sequential JPEG, to find what libjpeg-turbo warns of.

For the few pictures of which simplejpeg gives no warnings: it takes one or two seconds per megabyte.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from facesort.images.damage import Damage
from facesort.images.jpeg_head import ALONE, MARKER, RESTART_INTERVAL, SCAN, Head
from facesort.reasons import Reason

_TABLE = 0xC4
_IS_AC = 0x10
_RESTART = re.compile(rb"\xff+([\xd0-\xd7])")
_OTHER_MARKER = re.compile(rb"\xff+[^\0\xff\xd0-\xd7]", re.DOTALL)
_COEFFICIENTS = 64
_END_OF_BLOCK, _SIXTEEN_ZEROS = 0, 0xF0
_LONGEST_VALUE = 16  # bits
_NO_MORE = 2 * _COEFFICIENTS  # how far the code for the end of a block goes on
_LONGEST_MCU = 10 * _COEFFICIENTS * 4  # bytes
_RESTARTS = [bytes([0xD0 + n]) for n in range(8)]
_PREMATURE = "premature end of data segment"

_Codes = list[int]
"""By the next 16 bits of the data: how many bits a code and its value have, and from the ninth bit on how many
coefficients they are; 0 if there is no such code."""


@dataclass(frozen=True, slots=True)
class _Scan:
    """A scan: the tables for each block of an MCU, the number of MCUs, and of those between restart markers."""

    blocks: list[tuple[_Codes, _Codes]]
    count: int
    interval: int
    data: bytes


def sequential_damage(head: Head, body: bytes, reason: Reason) -> Damage | None:
    """Look for damage to the compressed data, which end before the marker for the end of the picture."""
    for scan in _scans(head, body):
        split = [b"", *_RESTART.split(scan.data)]
        pieces = list(
            zip(split[::2], split[1::2], strict=True)
        )  # with the restart marker before each
        interval = scan.interval or scan.count
        starts = range(0, scan.count, interval)
        lost, found = 0, ""
        if scan.interval and len(pieces) > len(starts):
            lost, found = scan.count, "too many restart markers"
        for number, start in enumerate(starts):
            count = min(interval, scan.count - start)
            mark, data = pieces[number] if number < len(pieces) else (b"", b"")
            sound, wrong = 0, "wrong restart marker"
            if number == 0 or mark == _RESTARTS[(number - 1) % 8]:
                sound, wrong = _read(scan.blocks, count, data)
            if wrong:
                lost += count - sound if wrong == _PREMATURE else count
            found = found or wrong
        if found:
            share = min(1.0, lost / scan.count)
            return Damage(reason, found, share, at_most=found != _PREMATURE)
    return None


def _scans(head: Head, body: bytes) -> Iterator[_Scan]:
    tables: dict[int, _Codes] = {}
    interval, header, at = head.interval, head.parts[-1][4:], 0
    for part in head.parts:
        if part[1] == _TABLE:
            tables |= _codes(part[4:])
    while header:
        match = _OTHER_MARKER.search(body, at)
        end = match.start() if match else len(body)
        yield _scan(head, header, tables, interval, body[at:end])
        header, at = b"", end
        while not header and (match := MARKER.search(body, at)):
            marker, at = match[1][0], match.end()
            if marker in ALONE:
                continue
            length = int.from_bytes(body[at : at + 2], "big")
            content, at = body[at + 2 : at + length], at + max(2, length)
            if marker == _TABLE:
                tables |= _codes(content)
            elif marker == RESTART_INTERVAL:
                interval = int.from_bytes(content[:2], "big")
            elif marker == SCAN:
                header = content


def _scan(
    head: Head, header: bytes, tables: dict[int, _Codes], interval: int, data: bytes
) -> _Scan:
    factors = dict(zip(head.frame[6::3], head.frame[7::3], strict=False))
    used = [(factors[header[n]], header[n + 1]) for n in range(1, 1 + 2 * header[0], 2)]
    blocks = [
        (tables[each >> 4], tables[_IS_AC | each & 15])
        for factor, each in used
        for _ in range((factor >> 4) * (factor & 15) if len(used) > 1 else 1)
    ]
    count = head.blocks
    if (
        len(used) == 1
    ):  # of it, the blocks at the right and at the bottom that only fill an MCU are not there
        sizes = zip(head.size, (used[0][0] >> 4, used[0][0] & 15), head.block, strict=True)
        across, down = (-(-side * factor // full) for side, factor, full in sizes)
        count = across * down
    return _Scan(blocks, count, interval, data)


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
            while entry and n < _COEFFICIENTS:
                entry = ac[words[at >> 3] >> 8 - (at & 7) & 0xFFFF]
                at += entry & 0xFF
                n += entry >> 8
            if at <= end and (entry == 0 or _COEFFICIENTS < n < _NO_MORE):
                return mcu, "bad Huffman code"
        if at > end:
            return mcu, _PREMATURE
    rest = plain[-(-at // 8) :].strip(b"\0\xff")
    return count, f"{len(rest)} extraneous bytes" if rest else ""
