"""What comes before the compressed data of a JPEG."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

START, END = b"\xff\xd8", b"\xff\xd9"
# Any number of these may stand before a marker; searching for `\xff+` would take the square of their number.
FILL = b"\xff"
MARKER = re.compile(rb"\xff([^\0\xff])", re.DOTALL)
RESTART = re.compile(rb"\xff([\xd0-\xd7])")
SCAN = 0xDA
RESTART_INTERVAL = 0xDD
ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a segment
_LINES = re.compile(rb"\xff\xdc\0\x04(..)", re.DOTALL)
_METADATA = frozenset({*range(0xE0, 0xF0), 0xFE})
_TABLES = frozenset({0xC4, 0xCC, 0xDB, 0xDC, 0xDD})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
SEQUENTIAL = frozenset({0xC0, 0xC1, 0xC9})
PROGRESSIVE = 0xC2
HUFFMAN = frozenset({0xC0, 0xC1, PROGRESSIVE})
_SHORTEST = {(0xE0, b"JFIF"): 14, (0xEE, b"Adob"): 12}
_ALL_COEFFICIENTS = b"\0\x3f\0"


@dataclass(slots=True)
class Head:
    """All that comes before the compressed data of the first scan, without what the decoder does not need."""

    parts: list[bytes] = field(default_factory=lambda: [START])
    metadata: list[bytes] = field(default_factory=list)
    frame: bytes = b""  # body of the frame header
    kind: int = 0
    interval: int = 0  # blocks (MCUs) between restart markers

    def add(self, marker: int, body: bytes) -> None:
        """Take in a segment."""
        if marker in _FRAMES:
            self.kind, self.frame = marker, body
        elif marker == RESTART_INTERVAL:
            self.interval = int.from_bytes(body[:2], "big")
        elif marker == SCAN and self.kind in SEQUENTIAL:
            body = body[:-3] + _ALL_COEFFICIENTS
        elif len(body) < _SHORTEST.get((marker, body[:4]), 0):
            return  # no decoder reads them but Pillow, which fails
        elif marker == 0xE0 and body.startswith(b"JFIF\0"):
            body = body[:5] + b"\1\1" + body[7:]
        elif marker == 0xEE and body.startswith(b"Adobe"):
            unknown = body[11] > 2
            body = body[:11] + (bytes([self.components // 2]) if unknown else body[11:12])
        whole = segment(marker, body)
        if marker in _FRAMES | _TABLES | {SCAN} or body.startswith((b"JFIF\0", b"Adobe")):
            self.parts.append(whole)
        elif marker in _METADATA:
            self.metadata.append(whole)

    @property
    def data(self) -> bytes:
        """All of it, without metadata."""
        return b"".join(self.parts)

    @property
    def components(self) -> int:
        """Number of components."""
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
        """Number of MCUs of a scan with all components."""
        (width, height), size = self.block, self.size
        return -(-size[0] // width) * -(-size[1] // height)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in px."""
        height, width = self.frame[1:3], self.frame[3:5]
        return int.from_bytes(width, "big"), int.from_bytes(height, "big")

    def of_one_row(self, blocks: int) -> bytes:
        """The head of a picture that consists of so many MCUs side by side, without restart markers."""
        width, height = self.block[0] * blocks, self.block[1]
        size = height.to_bytes(2, "big") + width.to_bytes(2, "big")
        frame = self.frame[:1] + size + self.frame[5:]
        return b"".join(p for p in self.parts if p[1] != RESTART_INTERVAL).replace(
            self.frame, frame, 1
        )


def segment(marker: int, body: bytes) -> bytes:
    """A marker with its length and its body."""
    return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body


def with_height(data: bytes) -> bytes:
    """The same file with its height in its head, where decoders look for it; DNL gives it behind the first scan."""
    try:
        head, start = read_head(data)
    except ValueError:
        return data
    if not head.frame or head.size[1] or not (lines := _LINES.search(data, start)):
        return data
    at = data.rindex(head.frame, 0, start) + 1
    return data[:at] + lines[1] + data[at + 2 :]


def read_head(data: bytes) -> tuple[Head, int]:
    """The head, and where the compressed data begin."""
    head, at = Head(), 2
    while match := MARKER.search(data, at):
        marker, at = match[1][0], match.end()
        if marker == START[1] and data[len(START) : match.start()].strip(FILL):  # of a thumbnail
            raise ValueError("another picture begins before the data of this one")
        if marker in ALONE:
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        if length < 2 or at + length > len(data):
            break
        head.add(marker, data[at + 2 : at + length])
        at += length
        if marker == SCAN:
            return head, at
    raise ValueError("the file ends before the picture begins")
