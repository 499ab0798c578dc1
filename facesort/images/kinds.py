"""Tell photos from other files: by name, and by the first bytes of a file whose name says nothing."""

from __future__ import annotations

from enum import StrEnum

from facesort.core.text.paths import SYSTEM_FILES, SYSTEM_FOLDERS
from facesort.images.signatures import Reader, signature_of


class PhotoKind(StrEnum):
    """Kind of file.  Everything but ``PHOTO`` is skipped, with the value as the reason."""

    PHOTO = "photo"
    HIDDEN = "hidden"
    SYSTEM = "system"
    SIDECAR = "sidecar"
    VIDEO = "video"
    OTHER = "other"


TOLD_BY_CONTENT = frozenset({PhotoKind.OTHER, PhotoKind.VIDEO})
"""Kinds by name of files that may be photos nevertheless: a JPEG may be called ``a.mov``, or nothing much."""

# fmt: off
RAW_SUFFIXES = frozenset({
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".gpr", ".iiq", ".kdc",
    ".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2",
    ".srf", ".srw", ".x3f",
})
"""Lower-case suffixes of camera RAW files."""

_RASTER_SUFFIXES = frozenset({
    ".avif", ".bmp", ".gif", ".heic", ".heif", ".hif", ".jfif", ".jpe", ".jpeg", ".jpg", ".mpo",
    ".png", ".tif", ".tiff", ".webp",
    # pictures that cannot be read here, but are counted
    ".j2c", ".j2k", ".jp2", ".jpc", ".jpf", ".jpx", ".jxl", ".psb", ".psd",
})
# Of Capture One (.cof, .comask, .cop, .cos, .cot) and DJI (.scr) some are pictures: previews of a photo beside them.
_SIDECAR_SUFFIXES = frozenset({
    ".aae", ".cof", ".comask", ".cop", ".cos", ".cot", ".dop", ".on1", ".pp3", ".scr", ".thm",
    ".vrd", ".xmp",
})
_VIDEO_SUFFIXES = frozenset({
    ".360", ".3gp", ".avi", ".crm", ".insv", ".lrv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4",
    ".mpeg", ".mpg", ".mts", ".mxf", ".webm", ".wmv",
})
_ICON_SUFFIXES = frozenset({".cur", ".icns", ".ico"})  # nobody took them: disks have one for themselves
# fmt: on
_KINDS = {
    suffix: kind
    for kind, suffixes in (
        (PhotoKind.SYSTEM, _ICON_SUFFIXES),
        (PhotoKind.PHOTO, RAW_SUFFIXES | _RASTER_SUFFIXES),
        (PhotoKind.SIDECAR, _SIDECAR_SUFFIXES),
        (PhotoKind.VIDEO, _VIDEO_SUFFIXES),
    )
    for suffix in suffixes
}

# Windows drops dots and blanks at the end of a name, other systems do not.
_IGNORED_AT_THE_END = ". \t\r\n\u00a0\u3000"


def photo_kind(name: str) -> PhotoKind:
    """Kind of a file by its name.

    Parameters
    ----------
    name : str
        POSIX path relative to the source root; everything in folders such as ``@eaDir/`` or ``.thumbnails/`` is
        skipped.

    Returns
    -------
    PhotoKind
        ``PHOTO`` says nothing about the content (see `photo_file.load_photo`).  One of `TOLD_BY_CONTENT`: the name
        says nothing, or may be wrong; ask `kind_by_content`.
    """
    # No pathlib, and no loop over parts that have no dot: with a million files they would dominate the time of a scan.
    folded = name.casefold()
    *folders, last = parts = folded.split("/")
    if last in SYSTEM_FILES or not SYSTEM_FOLDERS.isdisjoint(folders):
        return PhotoKind.SYSTEM
    may_be_hidden = folded.startswith(".") or "/." in folded
    if may_be_hidden and any(part[:1] == "." and part not in {".", ".."} for part in parts):
        return PhotoKind.HIDDEN
    suffix = suffix_of(last)
    # ExifTool keeps the file as it was before an edit as `<name>_original`: the same picture once more.
    other = PhotoKind.SIDECAR if suffix.endswith("_original") else PhotoKind.OTHER
    return _KINDS.get(suffix, other)


def kind_by_content(head: bytes, size: int, by_name: PhotoKind = PhotoKind.OTHER) -> PhotoKind:
    """Kind of a file by how it starts.

    Parameters
    ----------
    head : bytes
        The first `HEAD_BYTES` bytes, or the whole file if it is smaller.
    size : int
        Of the file, in bytes.
    by_name : PhotoKind
        One of `TOLD_BY_CONTENT`, which counts if the content says nothing.

    Returns
    -------
    PhotoKind
        ``PHOTO`` for every picture, also one that `load_photo` refuses as ``unsupported_format``; ``VIDEO`` or
        ``OTHER``.
    """
    found = signature_of(head, size)
    if found is None:
        return by_name
    # Canon's Cinema RAW Light starts as a CR3 does.
    is_video = found.reader is Reader.PLAYER or (
        by_name is PhotoKind.VIDEO and found.format == "CR3"
    )
    return PhotoKind.VIDEO if is_video else PhotoKind.PHOTO


def suffix_of(name: str) -> str:
    """Suffix of a file name or path, in lower case, with its dot; dots and blanks at the end do not count."""
    # As `posixpath.splitext`, in half the time.
    stem, dot, suffix = name.rstrip(_IGNORED_AT_THE_END).rpartition("/")[2].rpartition(".")
    return f"{dot}{suffix}".lower() if stem.strip(".") else ""
