"""Tell photos from other files by name; the scan opens no files."""

from __future__ import annotations

import posixpath
from enum import StrEnum

from facesort.core.paths import SYSTEM_FILES, SYSTEM_FOLDERS


class PhotoKind(StrEnum):
    """Kind of file by its name.  Everything but ``PHOTO`` is skipped, with the value as the reason."""

    PHOTO = "photo"
    HIDDEN = "hidden"
    SYSTEM = "system"
    SIDECAR = "sidecar"
    VIDEO = "video"
    OTHER = "other"


# fmt: off
RAW_SUFFIXES = frozenset({
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc",
    ".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2",
    ".srf", ".srw", ".x3f",
})
"""Lower-case suffixes of camera RAW files that LibRaw reads."""

_RASTER_SUFFIXES = frozenset({
    ".avif", ".bmp", ".gif", ".heic", ".heif", ".hif", ".jfif", ".jpe", ".jpeg", ".jpg", ".mpo",
    ".png", ".tif", ".tiff", ".webp",
})
_SIDECAR_SUFFIXES = frozenset({
    ".aae", ".cop", ".cos", ".dop", ".on1", ".pp3", ".thm", ".vrd", ".xmp",
})
_VIDEO_SUFFIXES = frozenset({
    ".360", ".3gp", ".avi", ".insv", ".lrv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg",
    ".mpg", ".mts", ".mxf", ".webm", ".wmv",
})
# fmt: on


def photo_kind(name: str) -> PhotoKind:
    """Kind of a file.

    Parameters
    ----------
    name : str
        POSIX path relative to the source root; everything in folders such as ``@eaDir/`` or ``.thumbnails/`` is
        skipped.

    Returns
    -------
    PhotoKind
        ``PHOTO`` says nothing about the content (see `photo_file.load_photo`).
    """
    # No pathlib: with a million files it would dominate the time of a scan.
    *folders, last = parts = name.casefold().split("/")
    if last in SYSTEM_FILES or not SYSTEM_FOLDERS.isdisjoint(folders):
        return PhotoKind.SYSTEM
    if any(part.startswith(".") and part not in {".", ".."} for part in parts):
        return PhotoKind.HIDDEN
    suffix = posixpath.splitext(last)[1]
    if suffix in RAW_SUFFIXES or suffix in _RASTER_SUFFIXES:
        return PhotoKind.PHOTO
    if suffix in _SIDECAR_SUFFIXES:
        return PhotoKind.SIDECAR
    return PhotoKind.VIDEO if suffix in _VIDEO_SUFFIXES else PhotoKind.OTHER
