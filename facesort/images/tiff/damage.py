"""Damage to the strips and tiles of a TIFF that libtiff does not look for, or swallows."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from facesort.images.damage import Damage
from facesort.images.jpeg.codec import decode_smallest
from facesort.images.jpeg.damage import examine, looks_erased
from facesort.images.tiff.directories import main_picture, read_directories
from facesort.reasons import Reason

_COMPRESSION, _TABLES = 259, 347
_LZW, _JPEG, _DEFLATE = 5, 7, (8, 32946)
_ZEROS = bytes(16)
_STEP = 1 << 20  # bytes
_LARGEST_PIXEL = 64  # bytes


def tiff_damage(data: bytes) -> Damage | None:
    """Look at the data of a TIFF's main picture, of which all could be decoded.

    Raises
    ------
    ValueError
        If there is no picture.
    """
    main, _ = main_picture(read_directories(data))
    compression, tables = main.first(_COMPRESSION, 1), main.payload(_TABLES)
    is_sound: Callable[[bytes], bool]
    if compression in _DEFLATE:
        most = _LARGEST_PIXEL * max(1, main.size[0] * main.size[1])
        is_sound, found = (lambda piece: _unpacks(piece, most)), "wrong checksum"
    elif compression == _LZW:
        # Nobody writes the same byte over and over: there is a code for many of them.
        is_sound, found = (
            (lambda piece: _ZEROS not in piece.rstrip(b"\0")),
            "zeros in place of data",
        )
    elif compression == _JPEG:
        is_sound, found = (lambda piece: _is_sound_jpeg(tables, piece)), "damaged JPEG inside"
    else:
        return None
    pieces = [data[offset : offset + count] for offset, count in main.pieces if offset or count]
    spoiled = sum(not is_sound(piece) for piece in pieces)
    if not spoiled:
        return None
    return Damage(Reason.CORRUPT, found, spoiled / len(pieces), at_most=True)


def _unpacks(piece: bytes, most: int) -> bool:
    """Whether a piece ends with the right checksum; what unpacks to more than a picture has is not read on."""
    unpacker = zlib.decompressobj()
    try:
        while piece and not unpacker.eof and most > 0:
            most -= len(unpacker.decompress(piece, _STEP))
            piece = unpacker.unconsumed_tail
    except zlib.error:
        return False
    return unpacker.eof or most <= 0


def _is_sound_jpeg(tables: bytes, piece: bytes) -> bool:
    whole = tables[:-2] + piece[2:] if tables else piece
    try:
        decode_smallest(whole)
    except ValueError:
        return examine(whole)[1] is None
    return not looks_erased(whole)
