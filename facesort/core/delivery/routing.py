"""Plan the copies of a photo, and name their folders and files."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from facesort.core.copies import PlannedWrite
from facesort.core.text.words import clock_time
from facesort.errors import GalleryError

UNKNOWN_FOLDER = "_unknown"
MAX_STEM_BYTES = (
    180  # with hash, suffix and temporary name within the 255 bytes that file systems allow
)
MAX_FOLDER_BYTES = 120
_MAX_TARGET_BYTES = 220  # of a part of a target; the same 255 bytes
CLIP_SUFFIXES = frozenset({".avi", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mts", ".webm"})
PARTIAL = ".facesort-part"
"""End of the name that a copy has until it is complete."""


def partial_name(name: str, mark: str) -> str:
    """Name of a copy, in its folder, until it is complete.

    Parameters
    ----------
    mark : str
        Of the workspace, so that two with the same output do not share it.
    """
    return f".{name}{mark}{PARTIAL}"


class Jpeg(NamedTuple):
    """An output JPEG, hashed once for all that is done with it."""

    sha256: str
    data: bytes

    @classmethod
    def of(cls, data: bytes) -> Jpeg:
        """Hash it."""
        return cls(hashlib.sha256(data).hexdigest(), data)


# Controls beyond those of ASCII, and those that reverse what follows: "gpj.exe" would be shown as "exe.jpg".
_NOT_IN_A_NAME = re.compile("[\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def _safe_name(name: str, max_bytes: int, not_first: str = " .") -> str:
    """Turn a name into a path component that Windows, macOS and Linux accept, in NFC."""
    from pathvalidate import sanitize_filename

    text = unicodedata.normalize("NFC", name).encode("utf-8", "replace").decode("utf-8")
    text = re.sub(
        r"\s+", " ", text
    )  # before the next step, which would turn a line feed into a `_`
    text = _NOT_IN_A_NAME.sub("_", text)
    text = sanitize_filename(text, replacement_text="_", platform="universal").lstrip(not_first)
    while len(text.encode("utf-8")) > max_bytes:
        text = text[:-1]
    # Again, since cutting may leave a name that Windows reserves, as `_CON` without its first character.
    return sanitize_filename(text.rstrip(" ."), replacement_text="_", platform="universal")


def safe_folder(name: str) -> str:
    """Output folder for a person's name.

    Parameters
    ----------
    name : str
        As entered by the user.

    Returns
    -------
    str
        One path component, safe on every file system, never starting with ``_`` or ``.``.

    Raises
    ------
    GalleryError
        If no usable character is left.
    """
    folder = _safe_name(name, MAX_FOLDER_BYTES, not_first="_. ")
    if not folder:
        raise GalleryError(f"no folder can be named after {name!r}: give one with --folder")
    return folder


def folder_key(folder: str) -> str:
    """Key that is equal for two names that some file system treats as the same folder."""
    return unicodedata.normalize("NFKC", folder).casefold()


def beside_folders(name: str, folders: Iterable[str]) -> str:
    """Name of a file that lies beside persons' folders: with a ``_``, as no folder begins, if one has the name."""
    taken = {folder_key(folder) for folder in folders}
    return f"_{name}" if folder_key(name) in taken else name


def is_target(target: str) -> bool:
    """Whether a planned target is a file in a folder of the output: exactly ``<folder>/<name>``.

    What is stored may have been changed by somebody else: a path that leads out of the output is never used.
    """
    parts = target.split("/")
    return len(parts) == 2 and all(
        part not in {"", ".", ".."}
        and not re.search(r"[\\\x00]|^[A-Za-z]:", part)
        and len(part.encode("utf-8")) <= _MAX_TARGET_BYTES
        for part in parts
    )


def output_name(source_path: str, sha256: str, at_ms: int | None = None) -> str:
    """Name of a photo's copies: ``<stem>_<first 12 hex of the source's SHA-256>.jpg``.

    Parameters
    ----------
    source_path : str
        POSIX path of the photo.
    sha256 : str
        Hex digest of the source file.
    at_ms : int or None
        Of a clip: the frame that the copy shows; then its time stands before the hash, as ``hh-mm-ss.mmm``.
    """
    shown = "" if at_ms is None else f"_{clock_time(at_ms).replace(':', '-')}"
    return f"{_stem(source_path) or 'photo'}{shown}_{sha256[:12]}.jpg"


def clip_name(source_path: str, sha256: str) -> str:
    """Name of the copies of a whole clip: ``<stem>_<first 12 hex of the source's SHA-256><suffix>``.

    Parameters
    ----------
    source_path : str
        POSIX path of the clip.  A suffix that is not one of clips is not kept: nothing is opened as what it is not.
    sha256 : str
        Hex digest of the source file.
    """
    suffix = f".{source_path.rpartition('.')[2].lower()}"
    known = suffix if suffix in CLIP_SUFFIXES else ".mp4"
    return f"{_stem(source_path) or 'clip'}_{sha256[:12]}{known}"


def _stem(source_path: str) -> str:
    file_name = source_path.rsplit("/", 1)[-1]
    return _safe_name(file_name.rpartition(".")[0] or file_name, MAX_STEM_BYTES)


def plan_writes(
    photo_id: int,
    name: str,
    folders: Iterable[tuple[int | None, str]],
    sha256: str,
    size: int,
    at_ms: int | None = None,
) -> tuple[PlannedWrite, ...]:
    """Plan one copy per folder, all with the same content: a JPEG, or a whole clip.

    Parameters
    ----------
    name : str
        From `output_name` or `clip_name`.
    folders : iterable of (person_id or None, folder)
    sha256, size, at_ms
        As in `PlannedWrite`.
    """
    return tuple(
        PlannedWrite(photo_id, person_id, f"{folder}/{name}", sha256, size, at_ms)
        for person_id, folder in folders
    )
