"""TIFF files of any kind, written by hand: Pillow writes only some."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 10: 8, 12: 8, 16: 8, 18: 8}
_LETTERS = {3: "H", 4: "I", 5: "I", 10: "i", 12: "d", 16: "Q", 18: "Q"}
_Value = tuple[int, bytes | tuple[int, ...]]
_DEFLATE = 8


@dataclass
class Page:
    """One directory: its tags as type and value, its strips or tiles, its sub-directories."""

    tags: dict[int, _Value]
    blocks: list[bytes] = field(default_factory=list)
    children: tuple[Page, ...] = ()


def page(
    samples: NDArray[np.generic],
    *,
    order: str = "<",
    planar: bool = False,
    tile: tuple[int, int] | None = None,
    rows: int | None = None,
    deflate: bool = False,
    predictor: int = 1,
    photometric: int | None = None,
    children: tuple[Page, ...] = (),
    **tags: _Value,
) -> Page:
    """A directory for samples of shape (height, width, channels); more tags as ``t254=(4, (1,))``."""
    height, width, count = samples.shape
    block_rows, columns = tile or (rows or height, width)
    kind = {"u": 1, "i": 2, "f": 3}[samples.dtype.kind]
    photometric = (2 if count >= 3 else 1) if photometric is None else photometric
    written: dict[int, _Value] = {
        256: (4, (width,)), 257: (4, (height,)), 258: (3, (samples.itemsize * 8,) * count),
        259: (3, (_DEFLATE if deflate else 1,)), 262: (3, (photometric,)), 277: (3, (count,)),
        284: (3, (2 if planar else 1,)), 317: (3, (predictor,)), 339: (3, (kind,) * count),
    }  # fmt: skip
    written |= (
        {322: (4, (columns,)), 323: (4, (block_rows,))} if tile else {278: (4, (block_rows,))}
    )
    planes = [samples[..., n : n + 1] for n in range(count)] if planar else [samples]
    blocks = []
    for plane in planes:
        for top in range(0, height, block_rows):
            for left in range(0, width, columns):
                block = plane[top : top + block_rows, left : left + columns]
                if tile:
                    lack = [
                        (0, full - got) for full, got in zip(tile, block.shape[:2], strict=True)
                    ]
                    block = np.pad(block, [*lack, (0, 0)])
                packed = _predicted(block, predictor, order)
                blocks.append(zlib.compress(packed) if deflate else packed)
    written |= {int(tag[1:]): value for tag, value in tags.items()}
    return Page(written, blocks, children)


def tiff(*pages: Page, order: str = "<", big: bool = False) -> bytes:
    """Lay out a TIFF or BigTIFF."""
    head = b"II" if order == "<" else b"MM"
    head += struct.pack(f"{order}HHHQ", 43, 8, 0, 0) if big else struct.pack(f"{order}HI", 42, 0)
    file = bytearray(head)
    link = 8 if big else 4
    for each in pages:
        at, link_of_next = _append(file, each, order, big)
        struct.pack_into(order + ("Q" if big else "I"), file, link, at)
        link = link_of_next
    return bytes(file)


def of_float24(page: Page) -> Page:
    """The same directory of 32-bit floats with their 24 upper bits as DNG 1.4 has them."""
    count = len(page.blocks)
    for number in range(count):
        bits = np.frombuffer(page.blocks[number], "<u4")
        exponent = np.clip((bits >> 23 & 0xFF).astype(int) - 64, 0, 126).astype(np.uint32)
        packed = (bits >> 31 << 23) | (exponent << 16) | (bits >> 7 & 0xFFFF)
        page.blocks[number] = packed.astype("<u4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    _, of_one = page.tags[258]
    page.tags[258] = (3, (24,) * len(of_one))
    return page


def _append(file: bytearray, page: Page, order: str, big: bool) -> tuple[int, int]:
    tags, pointer = dict(page.tags), (16 if big else 4)
    if page.blocks:
        offsets = []
        for block in page.blocks:
            offsets.append(len(file))
            file += block
        tiled = 322 in tags
        tags[324 if tiled else 273] = (pointer, tuple(offsets))
        tags[325 if tiled else 279] = (pointer, tuple(len(block) for block in page.blocks))
    if page.children:
        starts = tuple(_append(file, child, order, big)[0] for child in page.children)
        tags[330] = (18 if big else 4, starts)
    inline, letter = (8, "Q") if big else (4, "I")
    entries = []
    for tag, (kind, value) in sorted(tags.items()):
        if not isinstance(value, bytes):
            value = struct.pack(f"{order}{len(value)}{_LETTERS[kind]}", *value)
        count = len(value) // _SIZES[kind]
        if len(value) > inline:
            file += bytes(len(file) % 2)
            value, outside = struct.pack(order + letter, len(file)), value
            file += outside
        entries.append(struct.pack(f"{order}HH{letter}{inline}s", tag, kind, count, value))
    file += bytes(len(file) % 2)
    at = len(file)
    file += struct.pack(order + ("Q" if big else "H"), len(entries)) + b"".join(entries)
    file += bytes(inline)
    return at, len(file) - inline


def _predicted(block: NDArray[np.generic], predictor: int, order: str) -> bytes:
    """Bytes of a strip or tile, as differences to the pixel before for 2 and the predictors of floats."""
    if predictor == 1:
        return block.astype(block.dtype.newbyteorder(order)).tobytes()
    rows, _, count = block.shape
    if predictor == 2:
        steps = np.diff(block, axis=1, prepend=np.zeros((rows, 1, count), block.dtype))
        return steps.astype(block.dtype.newbyteorder(order)).tobytes()
    back = {3: 1, 34894: 2, 34895: 4}[predictor]
    big_endian = np.ascontiguousarray(block, block.dtype.newbyteorder(">"))
    planes = big_endian.reshape(rows, -1, 1).view(np.uint8).transpose(0, 2, 1).reshape(rows, -1)
    steps = planes.copy()
    steps[:, count * back :] -= planes[:, : -count * back]
    return steps.tobytes()
