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
from itertools import accumulate, pairwise

import numpy as np

from facesort.images.damage import Damage
from facesort.images.jpeg.codec import decode_scaled, decode_smallest
from facesort.images.jpeg.head import (
    END,
    FILL,
    HUFFMAN,
    RESTART,
    SEQUENTIAL,
    START,
    Head,
    read_head,
)
from facesort.images.jpeg.huffman import coded_damage
from facesort.images.jpeg.zeros import ZEROS, has_erased_data, has_erased_tables
from facesort.reasons import Reason

# What stands for damage in compressed data: erased bytes, and markers that do not belong there.
_ERASED = re.compile(rb"\0{16,}|\xff{8,}")
_SCAN_START = re.compile(rb"\xff\xda(..)", re.DOTALL)
_STRANGE = re.compile(rb"\xff{1,8}(?:[^\0\xff\xc4\xda\xd0-\xd7]|[\xc4\xda](?!\0))", re.DOTALL)
# Where the end of a thumbnail is taken for that of the picture, because its segment lost its beginning.
_TABLES_BEHIND = re.compile(rb"\0*\xff[\xc0-\xc7\xdb\xdd]")
_ALIKE = 2  # levels
# What it says of a few rare pictures that it decodes nevertheless, but not for simplejpeg.
_ODD_SAMPLING = "determine subsampling"
_NO_COLOURS = "Unsupported color conversion"  # of lossless ones in grey
_LONGEST_ROW = 65_000  # px
_NOISE = 65_536  # bytes


def without_odd_segments(data: bytes) -> bytes:
    """The same file without segments and bytes in front of the picture that Pillow stumbles over."""
    head, start = read_head(data)
    return b"".join((START, *head.metadata, *head.parts[1:], data[start:]))


def looks_erased(data: bytes) -> bool:
    """Whether there are zeros in place of compressed data, of which decoders make coefficients without a warning."""
    try:
        head, start = read_head(data)
    except ValueError:
        return False
    if has_erased_tables(head.kind, head.parts):
        return True
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
    head, start = read_head(data)
    end = data.find(END, start)
    if end >= 0 and _TABLES_BEHIND.match(data, end + len(END)):
        raise ValueError("a thumbnail stands where the picture begins")
    body = data[start:] if end < 0 else data[start:end]
    bare = body.rstrip(b"\0")
    reason = Reason.TRUNCATED if end < 0 else Reason.CORRUPT
    warning = _warning(head.data + body + END)
    if _NO_COLOURS in warning:
        raise ValueError(warning)
    if _ODD_SAMPLING in warning:
        body = bare + body[len(bare) : len(bare) + 1]  # a zero may belong to the data
        return head.data + body + END, _damage_of_rare(head, body, reason)
    found = ""
    for tail in (body, bare, bare + b"\0") if bare != body else (body,):
        whole = head.data + tail + END
        found = (
            _warning(whole)
            or _lacking(head, tail, ended=end >= 0)
            or _is_erased(head, tail) * "zeros in place of data"
        )
        if not found:
            return whole, None
    if len(body) - len(bare) >= len(ZEROS):
        body = bare
    found = _warning(head.data + body + END) or found
    if has_erased_tables(head.kind, head.parts):
        return head.data + body + END, Damage(reason, found, 1.0)
    share, body = _measured(head, body)
    suspect = Damage(reason, found, 1.0 if share is None else share, at_most=share is None)
    return head.data + body + END, suspect


def _is_erased(head: Head, body: bytes) -> bool:
    return has_erased_tables(head.kind, head.parts) or has_erased_data(
        head.kind, head.parts, body + END, 0
    )


def _damage_of_rare(head: Head, body: bytes, reason: Reason) -> Damage | None:
    """Damage to a picture of which simplejpeg gives no warnings."""
    found = (
        _lacking(head, body, ended=reason is Reason.CORRUPT)
        or _is_erased(head, body) * "zeros in place of data"
    )
    if not found and head.kind in HUFFMAN:
        try:
            return coded_damage(head, body, reason)
        except ValueError as error:
            found = str(error)
        except (LookupError, ArithmeticError):
            found = "the tables do not fit the data"
    return Damage(reason, found, 1.0, at_most=True) if found else None


def _warning(data: bytes) -> str:
    """The first warning, or the error, of libjpeg-turbo; empty: none."""
    try:
        decode_smallest(data)
    except ValueError as error:
        return str(error)
    return ""


def _lacking(head: Head, body: bytes, *, ended: bool) -> str:
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


def _measured(head: Head, body: bytes) -> tuple[float | None, bytes]:
    """Share of the picture that is missing or guessed, None if nobody can tell; and the best that can be decoded."""
    single = head.kind in SEQUENTIAL and not _SCAN_START.search(body)
    if single and head.interval and head.block[0] * head.interval <= _LONGEST_ROW:
        return _sound_intervals(head, body)
    scans = list(_scans(body))
    ends = [*(at for at, _ in scans), len(body)]

    def warning_before(end: int) -> str:
        return _warning(head.data + body[:end] + END)

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


def _below(head: Head, sound: bytes) -> float:
    """Share of the picture below the first row that is not given by the start of its data."""
    noise = random.Random(0).randbytes(_NOISE).replace(b"\xff", b"\xfe")
    nothing, something = (
        decode_scaled(head.data + sound + fill + END, head.size, 1, strict=False)
        for fill in (b"", noise)
    )
    differ = np.maximum(nothing, something) - np.minimum(nothing, something) > _ALIKE
    rows = np.flatnonzero(differ.any(axis=(1, 2)))
    return 1 - float(rows[0]) / len(differ) if len(rows) else 0.0


def _sound_intervals(head: Head, body: bytes) -> tuple[float, bytes]:
    """Keep what stands between two restart markers and is sound, in its place; and the share of all else."""
    marks = [*RESTART.finditer(body)]
    pieces = [
        body[start:end].rstrip(FILL)
        for start, end in zip(
            (0, *(m.end() for m in marks)), (*(m.start() for m in marks), len(body)), strict=True
        )
    ]
    count = -(-head.blocks // head.interval)
    blocks = [head.interval] * (count - 1) + [head.blocks - head.interval * (count - 1)]
    kept, sound = [b""] * count, 0
    numbers = _numbers([m[1][0] - 0xD0 for m in marks], pieces, count)
    for number, piece in zip(numbers, pieces, strict=False):
        if number < count and not _warning(head.of_one_row(blocks[number]) + piece + END):
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
