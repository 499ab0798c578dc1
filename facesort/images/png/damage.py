"""Damage to a PNG: its checksums tell it, but Pillow does not look at those of the pixels."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from PIL import Image

from facesort.images.damage import Damage
from facesort.images.png.chunks import SIGNATURE, checksum, chunk, chunks
from facesort.reasons import Reason

_PIXELS, _LAST = b"IDAT", b"IEND"
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # per pixel, by the type of colours
# First column and row, and the steps, of each pass.
_PLAIN = ((0, 0, 1, 1),)
_INTERLACED = (
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
    *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
)
_FASTEST = 1
_STEP = 4096  # bytes


def examine_png(data: bytes) -> tuple[bytes, Damage | None]:
    """Check the pixels of a PNG against its checksums.

    Parameters
    ----------
    data : bytes
        A file that Pillow opens, and of a size that may be decoded.

    Returns
    -------
    (bytes, Damage or None)
        A PNG to decode.  Of a damaged one it holds what can be unpacked, and black behind it.

    Raises
    ------
    ValueError, KeyError, struct.error or zlib.error
        If its header makes no sense.
    """
    found = list(chunks(data))
    pixels = [whole for name, whole in found if name == _PIXELS]
    sound = [whole[-4:] == checksum(_PIXELS, whole[8:-4]) for whole in pixels]
    if found[-1][0] == _LAST and all(sound):
        return data, None
    packed = [whole[8:-4] for whole in pixels]
    if found[-1][0] != _LAST and found[-1][1][4:8] == _PIXELS:  # the file ends in it
        packed.append(found[-1][1][8:])
        sound.append(True)
    if not pixels and not packed:
        return data, None  # no picture: Pillow says so
    size = _unpacked_size(found[0][1][8:])
    unpacked, is_whole = _unpacked(b"".join(packed), size)
    front = [whole for name, whole in found if name and name not in {_PIXELS, _LAST}]
    filled = zlib.compress(unpacked[:size].ljust(size, b"\0"), _FASTEST)
    mended = b"".join((SIGNATURE, *front, chunk(_PIXELS, filled), chunk(_LAST, b"")))
    if is_whole:
        return mended, None
    reason, how = (
        (Reason.TRUNCATED, "the file ends too early")
        if all(sound)
        else (Reason.CORRUPT, "the checksum of the pixels is wrong")
    )
    certain = sound.index(False) if False in sound else len(sound)
    given = len(_unpacked(b"".join(packed[:certain]), size)[0])
    return mended, Damage(reason, how, max(0.0, 1 - given / size), at_most=certain < len(sound))


def missing_rows(data: bytes, image: Image.Image) -> Damage | None:
    """What a decoded PNG lacks whose checksums are right, but whose pixels end too early.

    Pillow leaves the rest zero: only where one of the last two rows is, which are also the last of an interlaced
    picture, all is unpacked once more.
    """
    width, height = image.size
    last = np.asarray(image.crop((0, max(0, height - 2), width, height)))
    if last.reshape(len(last), -1).any(axis=1).all():
        return None
    found = list(chunks(data))
    size = _unpacked_size(found[0][1][8:])
    packed = b"".join(whole[8:-4] for name, whole in found if name == _PIXELS)
    given = len(_unpacked(packed, size)[0])
    return Damage(Reason.CORRUPT, "rows are missing", 1 - given / size) if given < size else None


def _unpacked_size(header: bytes) -> int:
    """Bytes of all rows of a picture, each with the byte of its filter."""
    width, height, bits, colours, _, _, interlaced = struct.unpack_from(">IIBBBBB", header)
    size = 0
    for column, row, right, down in _INTERLACED if interlaced else _PLAIN:
        columns, rows = -(-(width - column) // right), -(-(height - row) // down)
        if columns > 0 and rows > 0:
            size += rows * (1 + (columns * bits * _SAMPLES[colours] + 7) // 8)
    return size


def _unpacked(packed: bytes, size: int) -> tuple[bytes, bool]:
    """What can be unpacked, at most so many bytes; and whether these are all of it, with the right checksum."""
    unpacker = zlib.decompressobj()
    parts: list[bytes] = []
    for start in range(0, len(packed), _STEP):
        try:
            parts.append(unpacker.decompress(packed[start : start + _STEP], size + 1))
        except zlib.error:
            return b"".join(parts), False
        size -= len(parts[-1])
        if size < 0 or unpacker.eof:
            break
    return b"".join(parts), size == 0 and unpacker.eof
