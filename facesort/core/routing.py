"""Plan the copies of a photo, and name their folders and files."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from pathvalidate import sanitize_filename

from facesort.errors import GalleryError

UNKNOWN_FOLDER = "_unknown"
MAX_STEM_BYTES = (
    180  # with hash, suffix and temporary name within the 255 bytes that file systems allow
)
MAX_FOLDER_BYTES = 120
_MAX_TARGET_BYTES = 220  # of a part of a target; the same 255 bytes
PARTIAL = ".facesort-part"
"""End of the name that a copy has until it is complete."""


@dataclass(frozen=True, slots=True)
class PlannedWrite:
    """A file to be added to the output.

    Parameters
    ----------
    person_id : int or None
        None for the folder of unknown faces.
    target : str
        POSIX path relative to the output root.
    sha256 : str
        Of the JPEG that will be there.
    size : int
        In bytes.
    """

    photo_id: int
    person_id: int | None
    target: str
    sha256: str
    size: int


# Controls beyond those of ASCII, and those that reverse what follows: "gpj.exe" would be shown as "exe.jpg".
_NOT_IN_A_NAME = re.compile("[\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def _safe_name(name: str, max_bytes: int, not_first: str = " .") -> str:
    """Turn a name into a path component that Windows, macOS and Linux accept, in NFC."""
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


def output_name(source_path: str, sha256: str) -> str:
    """Name of a photo's copies: ``<stem>_<first 12 hex of the source's SHA-256>.jpg``.

    Parameters
    ----------
    source_path : str
        POSIX path of the photo.
    sha256 : str
        Hex digest of the source file.
    """
    file_name = source_path.rsplit("/", 1)[-1]
    stem = _safe_name(file_name.rpartition(".")[0] or file_name, MAX_STEM_BYTES)
    return f"{stem or 'photo'}_{sha256[:12]}.jpg"


def plan_writes(
    photo_id: int,
    name: str,
    folders: Iterable[tuple[int | None, str]],
    jpeg: bytes,
) -> tuple[PlannedWrite, ...]:
    """Plan one copy per folder, all with the same content.

    Parameters
    ----------
    name : str
        From `output_name`.
    folders : iterable of (person_id or None, folder)
    """
    digest = hashlib.sha256(jpeg).hexdigest()
    return tuple(
        PlannedWrite(photo_id, person_id, f"{folder}/{name}", digest, len(jpeg))
        for person_id, folder in folders
    )
