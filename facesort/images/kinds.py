"""Which files of a source are photos, told from their names alone: the scan opens nothing."""

from __future__ import annotations

import posixpath
from enum import StrEnum


class PhotoKind(StrEnum):
    """What a name promises.  Everything but ``PHOTO`` is left out, and the value says why."""

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
_SYSTEM_FOLDERS = frozenset(
    {
        "#recycle",
        "$recycle.bin",
        "@eadir",
        "__macosx",
        "lost+found",
        "system volume information",
    }
)
_SYSTEM_FILES = frozenset({"desktop.ini", "ehthumbs.db", "thumbs.db"})


def photo_kind(name: str) -> PhotoKind:
    """Tell what a file is from its name.

    Parameters
    ----------
    name : str
        POSIX path relative to the source root; the folders in it count too, so that everything below
        ``@eaDir/`` or ``.thumbnails/`` is left out.

    Returns
    -------
    PhotoKind
        The file is taken if and only if this is ``PhotoKind.PHOTO``; its content may still turn out to
        be something else (see `photo_file.load_photo`).
    """
    # No pathlib: it would take longer than everything else that is done to a file of a million.
    *folders, last = parts = name.casefold().split("/")
    if last in _SYSTEM_FILES or not _SYSTEM_FOLDERS.isdisjoint(folders):
        return PhotoKind.SYSTEM
    if any(part.startswith(".") and part not in {".", ".."} for part in parts):
        return PhotoKind.HIDDEN
    suffix = posixpath.splitext(last)[1]
    if suffix in RAW_SUFFIXES or suffix in _RASTER_SUFFIXES:
        return PhotoKind.PHOTO
    if suffix in _SIDECAR_SUFFIXES:
        return PhotoKind.SIDECAR
    return PhotoKind.VIDEO if suffix in _VIDEO_SUFFIXES else PhotoKind.OTHER
