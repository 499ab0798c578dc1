"""Tell harmless oddities of a JPEG from damage, where libjpeg-turbo warns of something.

libjpeg-turbo never stops at a warning, and tells only the first one of a picture.  So the file is written anew without
what no pixel depends on: odd segments and bytes before the first scan, what follows the end, padding in front of it.
If it decodes without a warning then, it is whole.  Else pixels are missing or guessed, and it is measured how many:

- Every interval between two restart markers is decoded on its own, as a picture one block row high: those that give a
  warning are lost, all others are sound.
- Without restart markers, all that follows the first damage is suspect, because every block builds on the one before.
  What follows is replaced in two ways, by nothing and by noise: from where the two pictures differ, the file does not
  say what belongs there.  Of a progressive picture, that is done with the first scan that is not sound; if scans are
  missing, all of it lacks detail.
- If damage shows nowhere, but the data are too long or too short, nobody can say where it begins: all is suspect.
"""

from __future__ import annotations

import bisect
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

import numpy as np

from facesort.images.damage import Damage
from facesort.images.jpeg import decode_scaled, decode_smallest
from facesort.images.jpeg_zeros import ZEROS, has_erased_data
from facesort.reasons import Reason

_START, _END = b"\xff\xd8", b"\xff\xd9"
_MARKER = re.compile(rb"\xff+([^\0\xff])", re.DOTALL)
_SCAN = 0xDA
_RESTART_INTERVAL = 0xDD
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a segment
_METADATA = frozenset({*range(0xE0, 0xF0), 0xFE})
_TABLES = frozenset({0xC4, 0xCC, 0xDB, 0xDC, 0xDD})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL = frozenset({0xC0, 0xC1, 0xC9})
_ALL_COEFFICIENTS = b"\0\x3f\0"
# What stands for damage in compressed data: erased bytes, and markers that do not belong there.
_ERASED = re.compile(rb"\0{16,}|\xff{8,}")
_RESTART = re.compile(rb"\xff+([\xd0-\xd7])")
_SCAN_START = re.compile(rb"\xff\xda(..)", re.DOTALL)
_STRANGE = re.compile(rb"\xff+[^\0\xff\xc4\xda\xd0-\xd7]|\xff+[\xc4\xda](?!\0)", re.DOTALL)
_ALIKE = 2  # levels
# What it says of a few rare pictures that it decodes nevertheless, but not for simplejpeg.
_ODD_SAMPLING = "determine subsampling"
_LONGEST_ROW = 65_000  # px
_NOISE = 65_536  # bytes


@dataclass(slots=True)
class _Head:
    """All that comes before the compressed data of the first scan, without what the decoder does not need."""

    parts: list[bytes] = field(default_factory=lambda: [_START])
    metadata: list[bytes] = field(default_factory=list)
    frame: bytes = b""  # body of the frame header
    kind: int = 0
    interval: int = 0  # blocks (MCUs) between restart markers

    def add(self, marker: int, body: bytes) -> None:
        if marker in _FRAMES:
            self.kind, self.frame = marker, body
        elif marker == _RESTART_INTERVAL:
            self.interval = int.from_bytes(body[:2], "big")
        elif marker == _SCAN and self.kind in _SEQUENTIAL:
            body = body[:-3] + _ALL_COEFFICIENTS
        elif marker == 0xE0 and body.startswith(b"JFIF\0"):
            body = body[:5] + b"\1\1" + body[7:]
        elif marker == 0xEE and body.startswith(b"Adobe") and len(body) > 11:
            unknown = body[11] > 2
            body = body[:11] + (bytes([self.components // 2]) if unknown else body[11:12])
        segment = bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body
        if marker in _FRAMES | _TABLES | {_SCAN} or body.startswith((b"JFIF\0", b"Adobe")):
            self.parts.append(segment)
        elif marker in _METADATA:
            self.metadata.append(segment)

    @property
    def data(self) -> bytes:
        return b"".join(self.parts)

    @property
    def components(self) -> int:
        return self.frame[5] if len(self.frame) > 5 else 3

    @property
    def block(self) -> tuple[int, int]:
        """Width and height of an MCU of a scan with all components, in px."""
        if self.components == 1:
            return 8, 8
        factors = self.frame[7::3]
        return 8 * max(f >> 4 for f in factors), 8 * max(f & 15 for f in factors)

    @property
    def blocks(self) -> int:
        (width, height), size = self.block, self.size
        return -(-size[0] // width) * -(-size[1] // height)

    @property
    def size(self) -> tuple[int, int]:
        height, width = self.frame[1:3], self.frame[3:5]
        return int.from_bytes(width, "big"), int.from_bytes(height, "big")

    def of_one_row(self, blocks: int) -> bytes:
        """The head of a picture that consists of so many MCUs side by side, without restart markers."""
        width, height = self.block[0] * blocks, self.block[1]
        size = height.to_bytes(2, "big") + width.to_bytes(2, "big")
        frame = self.frame[:1] + size + self.frame[5:]
        return b"".join(p for p in self.parts if p[1] != _RESTART_INTERVAL).replace(
            self.frame, frame, 1
        )


def without_odd_segments(data: bytes) -> bytes:
    """The same file without segments and bytes in front of the picture that Pillow stumbles over."""
    head, start = _read_head(data)
    return b"".join((_START, *head.metadata, *head.parts[1:], data[start:]))


def looks_erased(data: bytes) -> bool:
    """Whether there are zeros in place of compressed data, of which decoders make coefficients without a warning."""
    try:
        head, start = _read_head(data)
    except ValueError:
        return False
    # Aligned words are looked at first: that takes a tenth of the time.
    start += -start % 8
    words = np.frombuffer(data, np.uint64, max(0, (len(data) - start) // 8), min(start, len(data)))
    return not words.all() and has_erased_data(head.kind, head.parts, data, start)


def examine(data: bytes) -> tuple[bytes, Damage | None]:
    """Tell whether a JPEG of which libjpeg-turbo gives a warning is damaged.

    Returns
    -------
    (bytes, Damage or None)
        The same picture without harmless oddities: if it is not damaged, it decodes without a warning.

    Raises
    ------
    ValueError
        If there is no picture in it.
    """
    head, start = _read_head(data)
    end = data.find(_END, start)
    body = data[start:] if end < 0 else data[start:end]
    bare = body.rstrip(b"\0")
    found = ""
    for tail in (body, bare, bare + b"\0") if bare != body else (body,):
        whole = head.data + tail + _END
        found = (
            _warning(whole)
            or _lacking(head, tail, ended=end >= 0)
            or has_erased_data(head.kind, head.parts, tail + _END, 0) * "zeros in place of data"
        )
        if not found or _ODD_SAMPLING in found:
            return whole, None
    if len(body) - len(bare) >= len(ZEROS):
        body = bare
    reason = Reason.TRUNCATED if end < 0 else Reason.CORRUPT
    found = _warning(head.data + body + _END) or found
    share, body = _measured(head, body)
    suspect = Damage(reason, found, 1.0 if share is None else share, at_most=share is None)
    return head.data + body + _END, suspect


def _read_head(data: bytes) -> tuple[_Head, int]:
    """The head, and where the compressed data begin."""
    head, at = _Head(), 2
    while match := _MARKER.search(data, at):
        marker, at = match[1][0], match.end()
        if marker in _ALONE:
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        if length < 2 or at + length > len(data):
            break
        head.add(marker, data[at + 2 : at + length])
        at += length
        if marker == _SCAN:
            return head, at
    raise ValueError("the file ends before the picture begins")


def _warning(data: bytes) -> str:
    """The first warning, or the error, of libjpeg-turbo; empty: none."""
    try:
        decode_smallest(data)
    except ValueError as error:
        return str(error)
    return ""


def _lacking(head: _Head, body: bytes, *, ended: bool) -> str:
    """What is missing of a picture that ends between two scans, of which no decoder warns."""
    seen: set[tuple[int, int]] = set()
    scans = [head.parts[-1][4:], *(body[at + 4 : at + 16] for at, _ in _scans(body))]
    for scan in scans:
        first, last, bits = scan[1 + 2 * scan[0] : 4 + 2 * scan[0]]
        seen |= {
            (component, c)
            for component in scan[1 : 1 + 2 * scan[0] : 2]
            for c in range(first, last + 1)
            if bits & 15 == 0 or ended
        }
    wanted = range(1) if ended else range(64)
    lacking = any((c, n) not in seen for c in head.frame[6::3] for n in wanted)
    return "scans are missing" if lacking else ""


def _scans(body: bytes) -> Iterator[tuple[int, int]]:
    """Where the headers of the scans after the first begin, and their data."""
    for match in _SCAN_START.finditer(body):
        yield match.start(), match.start() + 2 + int.from_bytes(match[1], "big")


def _measured(head: _Head, body: bytes) -> tuple[float | None, bytes]:
    """Share of the picture that is missing or guessed, None if nobody can tell; and the best that can be decoded."""
    single = head.kind in _SEQUENTIAL and not _SCAN_START.search(body)
    if single and head.interval and head.block[0] * head.interval <= _LONGEST_ROW:
        return _sound_intervals(head, body)
    scans = list(_scans(body))
    ends = [*(at for at, _ in scans), len(body)]

    def warning_before(end: int) -> str:
        return _warning(head.data + body[:end] + _END)

    # The first scan that is not sound; with it, all that follow.
    bad = bisect.bisect_left(ends, True, key=lambda end: bool(warning_before(end))) % len(ends)
    begin, end = scans[bad - 1][1] if bad else 0, ends[bad]
    places = [m.start() for p in (_ERASED, _STRANGE) if (m := p.search(body, begin, end))]
    if "premature" in warning_before(end).lower():
        places.append(end)
    if single and not places:
        return None, body
    if not single and _lacking(head, body, ended=False):
        return 1.0, body
    return _below(head, body[: min(places, default=begin)]), body


def _below(head: _Head, sound: bytes) -> float:
    """Share of the picture below the first row that is not given by the start of its data."""
    noise = random.Random(0).randbytes(_NOISE).replace(b"\xff", b"\xfe")
    nothing, something = (
        decode_scaled(head.data + sound + fill + _END, head.size, 1, strict=False)
        for fill in (b"", noise)
    )
    differ = np.maximum(nothing, something) - np.minimum(nothing, something) > _ALIKE
    rows = np.flatnonzero(differ.any(axis=(1, 2)))
    return 1 - float(rows[0]) / len(differ) if len(rows) else 0.0


def _sound_intervals(head: _Head, body: bytes) -> tuple[float, bytes]:
    """Keep what stands between two restart markers and is sound, in its place; and the share of all else."""
    marks = [*_RESTART.finditer(body)]
    pieces = [
        body[start:end]
        for start, end in zip(
            (0, *(m.end() for m in marks)), (*(m.start() for m in marks), len(body)), strict=True
        )
    ]
    count = -(-head.blocks // head.interval)
    blocks = [head.interval] * (count - 1) + [head.blocks - head.interval * (count - 1)]
    kept, sound = [b""] * count, 0
    numbers = _numbers([m[1][0] - 0xD0 for m in marks], pieces, count)
    for number, piece in zip(numbers, pieces, strict=False):
        if number < count and not _warning(head.of_one_row(blocks[number]) + piece + _END):
            kept[number], sound = piece, sound + blocks[number]
    joined = [piece + bytes([0xFF, 0xD0 + n % 8]) for n, piece in enumerate(kept)]
    return 1 - sound / head.blocks, b"".join(joined)[:-2]


def _numbers(marks: list[int], pieces: list[bytes], count: int) -> list[int]:
    """Number of each piece in its picture: restart markers count from 0 to 7, and some may be missing."""
    steps = [1 + (mark - before - 1) % 8 for before, mark in pairwise([-1, *marks])]
    missing = count - 1 - sum(steps)
    if (
        missing > 0 and steps
    ):  # a hole that is longer than eight: it is in, or behind, the longest piece
        longest = max(range(len(steps)), key=lambda n: len(pieces[n]))
        steps[longest] += missing // 8 * 8
    return [*accumulate(steps, initial=0)]
