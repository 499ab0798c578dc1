"""EXIF of TIFF and BigTIFF files, and of camera RAW files based on TIFF."""

from __future__ import annotations

import io
from typing import Any

from PIL import ExifTags, Image

from facesort.images.tiff.directories import (
    PLAIN_MAGIC,
    Directory,
    is_big,
    read_directories,
    read_directory,
)

_POINTERS = frozenset({ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo, ExifTags.IFD.Interop})


def exif_of(data: bytes) -> Image.Exif:
    """Read the EXIF of a file for which `is_tiff` is true; may raise one of `DECODER_ERRORS`."""
    if is_big(data):
        return exif_from(read_directories(data)[:1])
    magic = PLAIN_MAGIC[data[:4]]
    exif = Image.Exif()
    exif.load_from_fp(io.BytesIO(data if data.startswith(magic) else magic + data[4:]))
    return exif


def exif_from(directories: tuple[Directory, ...]) -> Image.Exif:
    """EXIF of some directories; of a tag that is in more than one, the last counts."""
    exif = Image.Exif()
    for directory in directories:
        _fill(exif, directory)
        for pointer in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
            inner = read_directory(directory.data, directory.first(pointer, 0))
            _fill(exif.get_ifd(pointer), inner)
            innermost = inner.first(ExifTags.IFD.Interop, 0)
            _fill(exif.get_ifd(ExifTags.IFD.Interop), read_directory(directory.data, innermost))
    return exif


def _fill(target: Any, directory: Directory) -> None:
    for tag in directory.entries.keys() - _POINTERS:
        value = directory.value(tag)
        if value is not None:
            target[tag] = value
