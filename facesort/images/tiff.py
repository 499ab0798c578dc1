"""The directories (IFDs) of TIFF files, and of camera RAW files based on TIFF.

Pillow reads the tags.  This module answers what no decoder does: whether a file is RAW, and whether its image data are
complete.  LibRaw decodes many truncated RAW files without an error, to black or repeated rows.
"""

from __future__ import annotations

import io

from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

Directories = tuple[ImageFileDirectory_v2, ...]
"""All reachable directories; an empty one stands for one that lies outside the file."""

# Olympus and Panasonic replace the magic number 42; the rest of the file is plain TIFF.
_PLAIN_MAGIC = {
    b"II*\0": b"II*\0",
    b"MM\0*": b"MM\0*",
    b"IIRO": b"II*\0",
    b"IIRS": b"II*\0",
    b"MMOR": b"MM\0*",
    b"IIU\0": b"II*\0",
}
TIFF_MAGIC = tuple(_PLAIN_MAGIC)
"""How TIFF files start, and RAW files that differ from TIFF in their magic number only."""
_MAX_DIRECTORIES = 64

_NEW_SUBFILE_TYPE = 254
_COMPRESSION = 259
_PHOTOMETRIC = 262
_SUB_DIRECTORIES = 330
_DNG_VERSION = 50706

_VC5 = 9
_RAW_PHOTOMETRICS = frozenset({32803, 34892})  # colour filter array; linear raw (DNG)
_DATA_TAGS = ((273, 279), (324, 325), (513, 514))  # offsets and byte counts: strips, tiles, JPEG
_NO_OFFSET = 0xFFFFFFFF  # Panasonic: offset and byte count do not describe the data


def is_tiff(data: bytes) -> bool:
    """Whether the file is a TIFF, or a RAW file that differs from TIFF in its magic number only."""
    return data.startswith(TIFF_MAGIC)


def read_directories(data: bytes) -> Directories:
    """Read all directories reachable from the first one.

    Parameters
    ----------
    data : bytes
        Of a file for which `is_tiff` is true.

    Raises
    ------
    One of `DECODER_ERRORS`
        If the structure is invalid.
    """
    header = _PLAIN_MAGIC[data[:4]] + data[4:8]
    found: list[ImageFileDirectory_v2] = []
    chain, seen = ImageFileDirectory_v2(header).next, {0}
    # Only the first directory and the sub-directories must exist: some cameras end the chain with garbage.
    todo = [chain]
    while todo and len(found) < _MAX_DIRECTORIES:
        offset = todo.pop(0)
        if offset in seen:
            continue
        seen.add(offset)
        directory = ImageFileDirectory_v2(header)
        if _lies_within(data, offset, header[:2]):
            stream = io.BytesIO(data)
            stream.seek(offset)
            directory.load(stream)
            todo += _numbers(directory, _SUB_DIRECTORIES)
        if offset == chain and _lies_within(data, directory.next, header[:2]):
            chain = directory.next
            todo.append(chain)
        found.append(directory)
    return tuple(found)


def holds_raw(data: bytes, directories: Directories) -> bool:
    """Whether the content is marked as camera RAW."""
    if data[:4] not in {b"II*\0", b"MM\0*"} or data[8:10] == b"CR":  # ORF, RW2, CR2
        return True
    return any(
        _DNG_VERSION in directory or directory.get(_PHOTOMETRIC) in _RAW_PHOTOMETRICS
        for directory in directories
    )


def dng_format(directories: Directories) -> str | None:
    """``DNG``, ``GPR`` if the raw data are compressed as GoPro does it, or None for another TIFF."""
    if not any(_DNG_VERSION in directory for directory in directories):
        return None
    return "GPR" if any(directory.get(_COMPRESSION) == _VC5 for directory in directories) else "DNG"


def main_data_is_complete(directories: Directories, size: int) -> bool | None:
    """Whether the strips, tiles or JPEG of the main image lie within the file.

    Previews and thumbnails (odd ``NewSubfileType``) are ignored: a file is usable without them.

    Parameters
    ----------
    directories : Directories
        From `read_directories`.
    size : int
        Of the file, in bytes.

    Returns
    -------
    bool or None
        None if the file does not locate its image data (Panasonic RW2).
    """
    if any(not len(directory) for directory in directories):
        return False
    ends = [
        offset + count
        for directory in directories
        if not int(directory.get(_NEW_SUBFILE_TYPE, 0)) & 1
        for offsets, counts in _DATA_TAGS
        for offset, count in zip(
            _numbers(directory, offsets), _numbers(directory, counts), strict=False
        )
        if offset != _NO_OFFSET
    ]
    return max(ends) <= size if ends else None


def exif_of(data: bytes) -> Image.Exif:
    """Read the EXIF of a file for which `is_tiff` is true; may raise one of `DECODER_ERRORS`."""
    magic = _PLAIN_MAGIC[data[:4]]
    exif = Image.Exif()
    exif.load_from_fp(io.BytesIO(data if data.startswith(magic) else magic + data[4:]))
    return exif


def _lies_within(data: bytes, offset: int, byte_order: bytes) -> bool:
    """Whether all entries of the directory at ``offset`` lie within the file."""
    if not 8 <= offset <= len(data) - 2:
        return False
    entries = int.from_bytes(data[offset : offset + 2], "little" if byte_order == b"II" else "big")
    return entries > 0 and offset + 2 + 12 * entries <= len(data)


def _numbers(directory: ImageFileDirectory_v2, tag: int) -> tuple[int, ...]:
    value = directory.get(tag, ())
    values = value if isinstance(value, tuple) else (value,)
    return tuple(number for number in values if isinstance(number, int))
