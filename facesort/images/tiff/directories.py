"""The directories (IFDs) of TIFF and BigTIFF files, and of camera RAW files based on TIFF.

Pillow and LibRaw decode the pictures.  This module answers what no decoder does: which picture of a file is the photo,
whether a file is RAW, and whether its image data are complete.  LibRaw decodes many truncated RAW files without an
error, to black or repeated rows.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from PIL.TiffImagePlugin import IFDRational

# Olympus and Panasonic replace the magic number 42; the rest of the file is plain TIFF.
PLAIN_MAGIC = {
    b"II*\0": b"II*\0",
    b"MM\0*": b"MM\0*",
    b"IIRO": b"II*\0",
    b"IIRS": b"II*\0",
    b"MMOR": b"MM\0*",
    b"IIU\0": b"II*\0",
}
"""How files start that are plain TIFF otherwise -> how TIFF does."""
_BIG_MAGIC = (b"II+\0\x08\0\0\0", b"MM\0+\0\x08\0\0")
TIFF_MAGIC = (*PLAIN_MAGIC, *_BIG_MAGIC)
"""How TIFF and BigTIFF files start, and RAW files that differ from TIFF in their magic number only."""
_MAX_DIRECTORIES = 64
_MAX_ENTRIES = 4096

TYPES = {
    1: "", 2: "", 3: "H", 4: "I", 5: "II", 6: "b", 7: "", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d", 13: "I",
    16: "Q", 17: "q", 18: "Q",
}  # fmt: skip
"""Code of a type -> letters for `struct`; none for bytes."""
_TEXT = 2
SUB_DIRECTORIES = 330
_NEW_SUBFILE_TYPE = 254
_SUBFILE_TYPE = 255
_COMPRESSION = 259
_PHOTOMETRIC = 262
_DNG_VERSION = 50706

_NO_PHOTO = 1 | 4 | 8  # of NewSubfileType: a reduced version, a mask, a depth map
_REDUCED = 2  # of the older SubfileType
_VC5 = 9
RAW_PHOTOMETRICS = frozenset({32803, 34892})
"""Photometric interpretations of raw data: a colour filter array, and linear raw (DNG)."""
_PIECES = ((273, 279), (324, 325))  # offsets and byte counts: of strips, and of tiles
_JPEG = (513, 514)
_NO_OFFSET = 0xFFFFFFFF  # Panasonic: offset and byte count do not describe the data


@dataclass(frozen=True, slots=True, eq=False)
class Directory:
    """One directory: its tags are read when they are asked for.

    Parameters
    ----------
    data : bytes
        The whole file.
    order : str
        ``<`` or ``>``, as for `struct`.
    offset, following : int
        Where the directory starts, and the offset of the next one in the chain; 0 if there is none.
    entries : dict
        Tag -> type, count and offset of the value.
    chained : bool
        Whether it is in the chain, not a sub-directory.
    """

    data: bytes
    order: Literal["<", ">"]
    offset: int
    following: int = 0
    entries: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    chained: bool = True

    def __contains__(self, tag: int) -> bool:
        return tag in self.entries

    def payload(self, tag: int) -> bytes:
        """Value of a tag as it stands in the file; empty if there is none, or it lies outside the file."""
        if tag not in self.entries:
            return b""
        kind, count, at = self.entries[tag]
        value = self.data[at : at + size_of(kind) * count]
        return value if len(value) == size_of(kind) * count else b""

    def numbers(self, tag: int) -> tuple[float, ...]:
        """Numbers of a tag; of a rational its quotient."""
        values = self.value(tag)
        many = values if isinstance(values, (tuple, bytes)) else (values,)
        return tuple(
            float(each) if isinstance(each, IFDRational) else each
            for each in many
            if isinstance(each, (int, float, IFDRational))
        )

    def integers(self, tag: int) -> tuple[int, ...]:
        """Integers of a tag."""
        return tuple(number for number in self.numbers(tag) if isinstance(number, int))

    def first(self, tag: int, default: int) -> int:
        """First integer of a tag."""
        return next(iter(self.integers(tag)), default)

    def value(self, tag: int) -> Any:
        """Value of a tag as Pillow's EXIF has it: one number or a tuple, a text or bytes; None if there is none."""
        payload = self.payload(tag)
        if not payload:
            return None
        kind, count, _ = self.entries[tag]
        letters = TYPES[kind]
        if not letters:
            return payload.rstrip(b"\0").decode("latin-1") if kind == _TEXT else payload
        values = struct.unpack(f"{self.order}{count * len(letters)}{letters[0]}", payload)
        if len(letters) == 2:
            values = tuple(
                IFDRational(*pair) for pair in zip(values[::2], values[1::2], strict=True)
            )
        return values[0] if len(values) == 1 else values

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in px as stored; 0 if unknown."""
        return self.first(256, 0), self.first(257, 0)

    @property
    def pieces(self) -> list[tuple[int, int]]:
        """Offset and byte count of each strip, and of each tile."""
        return [piece for tags in _PIECES for piece in self._pairs(tags)]

    @property
    def ends(self) -> list[int]:
        """Where the strips, tiles or JPEG end that have a place in the file."""
        pairs = [*self.pieces, *self._pairs(_JPEG)]
        return [offset + count for offset, count in pairs if offset != _NO_OFFSET]

    def _pairs(self, tags: tuple[int, int]) -> Iterator[tuple[int, int]]:
        return zip(*map(self.integers, tags), strict=False)

    @property
    def is_photo(self) -> bool:
        """Whether it has a picture that is not marked as a reduced version, a mask or a depth map."""
        has_data = any(offsets in self for offsets, _ in _PIECES)
        reduced = (
            self.first(_NEW_SUBFILE_TYPE, 0) & _NO_PHOTO or self.first(_SUBFILE_TYPE, 0) == _REDUCED
        )
        return has_data and min(self.size) > 0 and not reduced


def is_tiff(data: bytes) -> bool:
    """Whether the file is a TIFF, or a RAW file that differs from TIFF in its magic number only."""
    return data.startswith(TIFF_MAGIC)


def is_big(data: bytes) -> bool:
    """Whether the file is a BigTIFF."""
    return data.startswith(_BIG_MAGIC)


def read_directories(data: bytes) -> tuple[Directory, ...]:
    """Read all directories reachable from the first one; one without entries stands for one outside the file.

    Parameters
    ----------
    data : bytes
        Of a file for which `is_tiff` is true.
    """
    found: list[Directory] = []
    big = is_big(data)
    order = "<" if data[:2] == b"II" else ">"
    (chain,) = struct.unpack_from(f"{order}Q" if big else f"{order}I", data, 8 if big else 4)
    seen = {0}
    # Only the first directory and the sub-directories must exist: some cameras end the chain with garbage.
    todo = [chain]
    while todo and len(found) < _MAX_DIRECTORIES:
        offset = todo.pop(0)
        if offset in seen:
            continue
        seen.add(offset)
        directory = read_directory(data, offset, chained=offset == chain)
        todo += directory.integers(SUB_DIRECTORIES)
        if offset == chain and read_directory(data, directory.following).entries:
            chain = directory.following
            todo.append(chain)
        found.append(directory)
    return tuple(found)


def read_directory(data: bytes, offset: int, *, chained: bool = True) -> Directory:
    """Read the directory at an offset; without entries if it does not lie within the file."""
    big = is_big(data)
    order: Literal["<", ">"] = "<" if data[:2] == b"II" else ">"
    counter, entry, pointer, inline = ("Q", "HHQ8x", "Q", 8) if big else ("H", "HHI4x", "I", 4)
    start = offset + struct.calcsize(f"={counter}")
    directory = Directory(data, order, offset, chained=chained)
    if not 8 <= offset <= len(data) - 2 or start > len(data):
        return directory
    (count,) = struct.unpack_from(order + counter, data, offset)
    width = struct.calcsize(f"={entry}")
    end = start + width * count
    if not 0 < count <= _MAX_ENTRIES or end > len(data):
        return directory
    for at in range(start, end, width):
        tag, kind, many = struct.unpack_from(order + entry, data, at)
        if kind in TYPES and many and tag not in directory.entries:
            where = at + width - inline
            if size_of(kind) * many > inline:
                (where,) = struct.unpack_from(order + pointer, data, where)
            directory.entries[tag] = kind, many, where
    if end + inline > len(data):
        return directory
    (following,) = struct.unpack_from(order + pointer, data, end)
    return Directory(data, order, offset, following, directory.entries, chained)


def main_picture(directories: tuple[Directory, ...]) -> tuple[Directory, tuple[Directory, ...]]:
    """Find the photo among the pictures of a file, and the other pages.

    By ``NewSubfileType`` and ``SubfileType``, thumbnails, masks and reduced versions do not count, unless there is
    nothing else.  Of the rest the first one counts that has at least half as many pixels as the largest: thumbnails
    and the levels of pyramids that are not marked as such are smaller.

    Raises
    ------
    ValueError
        If there is no picture.
    """
    marked = [directory for directory in directories if directory.is_photo]
    candidates = marked or [directory for directory in directories if min(directory.size) > 0]
    if not candidates:
        raise ValueError("the TIFF has no picture")
    largest = max(_pixels(directory) for directory in candidates)
    main = next(each for each in candidates if 2 * _pixels(each) >= largest)
    pages = tuple(
        each
        for each in marked
        if each is not main and each.chained and main.offset not in each.integers(SUB_DIRECTORIES)
    )
    return main, pages


def holds_raw(data: bytes, directories: tuple[Directory, ...]) -> bool:
    """Whether the content is marked as camera RAW."""
    plain = data.startswith((b"II*\0", b"MM\0*", *_BIG_MAGIC))
    if not plain or data[8:10] == b"CR":  # ORF, RW2, CR2
        return True
    return any(
        _DNG_VERSION in directory or directory.first(_PHOTOMETRIC, 0) in RAW_PHOTOMETRICS
        for directory in directories
    )


def dng_format(directories: tuple[Directory, ...]) -> str | None:
    """``DNG``, ``GPR`` if the raw data are compressed as GoPro does it, or None for another TIFF."""
    if not any(_DNG_VERSION in directory for directory in directories):
        return None
    gopro = any(directory.first(_COMPRESSION, 1) == _VC5 for directory in directories)
    return "GPR" if gopro else "DNG"


def main_data_is_complete(directories: tuple[Directory, ...], size: int) -> bool | None:
    """Whether the strips, tiles or JPEG of the main image lie within the file.

    Previews and thumbnails (odd ``NewSubfileType``) are ignored: a file is usable without them.

    Parameters
    ----------
    directories : tuple of Directory
        From `read_directories`.
    size : int
        Of the file, in bytes.

    Returns
    -------
    bool or None
        None if the file does not locate its image data (Panasonic RW2).
    """
    if any(not directory.entries for directory in directories):
        return False
    ends = [
        end
        for directory in directories
        if not directory.first(_NEW_SUBFILE_TYPE, 0) & 1
        for end in directory.ends
    ]
    return max(ends) <= size if ends else None


def _pixels(directory: Directory) -> int:
    width, height = directory.size
    return width * height


def size_of(kind: int) -> int:
    """Bytes of one value of a type."""
    return struct.calcsize(f"={TYPES[kind]}") or 1
