"""``backups.json``: where the backups of a workspace are, also those that were never finished.

An archive is listed before it is made, under the name that it has while it is written.  So whatever interrupts it, the
next command finds it: `settle` removes an unfinished one, and names what it cannot reach.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from facesort.core.text.paths import from_text, to_text
from facesort.engine.privacy.archive import made_at
from facesort.errors import WorkspaceError
from facesort.files import read_own, remove_own, replace_json
from facesort.settings import problems

LIST = "backups.json"
_UNFINISHED = re.compile(r"facesort-backup-[0-9a-f]{32}\.unfinished")


class _Backup(BaseModel):
    """An archive that exists, or may exist.

    Parameters
    ----------
    path, unfinished : str
        Where it is when it is complete, and until then; `to_text` of both.
    disk : str
        Mount point of the disk it is on.
    created_at : str
        ISO 8601, UTC; also in the archive.
    """

    model_config = ConfigDict(extra="forbid")

    path: str
    unfinished: str
    disk: str
    created_at: str


class _List(BaseModel):
    model_config = ConfigDict(extra="forbid")

    backups: list[_Backup] = []


@dataclass(frozen=True, slots=True)
class KnownBackup:
    """An archive with biometric data of a workspace.

    Parameters
    ----------
    what : str
        What it is, as the rest of a sentence.
    is_whole : bool
        Whether it is there and complete; else it is unfinished, or cannot be seen.
    """

    path: Path
    what: str
    is_whole: bool = False


def start(root: Path, path: Path, created_at: str) -> Path:
    """List an archive, before it is made; returns the name to write it under until it is complete.

    Raises
    ------
    WorkspaceError
        If the list cannot be read: what it says is not overwritten.
    OSError
        If it cannot be written.
    """
    listed, problem = _read(root)
    if problem:
        raise WorkspaceError(f"{root / LIST} {problem}: move it away, and run the command again")
    unfinished = path.with_name(f"facesort-backup-{secrets.token_hex(16)}.unfinished")
    disk = next(folder for folder in path.parents if os.path.ismount(folder))
    texts = [to_text(str(each)) for each in (path, unfinished, disk)]
    names = ("path", "unfinished", "disk")
    new = _Backup(**dict(zip(names, texts, strict=True)), created_at=created_at)
    _write(root, [*listed, new])
    return unfinished


def settle(root: Path) -> list[KnownBackup]:
    """Remove the archives of a workspace that were never finished, and list what remains.

    To be called with the sorting lock held.

    Parameters
    ----------
    root : Path
        Of the workspace.
    """
    listed, _ = _read(root)
    kept = [backup for backup in listed if _what_remains(backup, remove=True)]
    if len(kept) < len(listed):
        _write(root, kept)
    return remaining(root)


def remaining(root: Path) -> list[KnownBackup]:
    """List what there is of the backups of a workspace, as far as can be seen; removes nothing."""
    listed, problem = _read(root)
    found = [_what_remains(backup, remove=False) for backup in listed]
    if problem:
        found.append(
            KnownBackup(root / LIST, f"a list that {problem}: where backups are is not known")
        )
    return [each for each in found if each]


def _what_remains(backup: _Backup, *, remove: bool) -> KnownBackup | None:
    path, unfinished, disk = (
        Path(from_text(text)) for text in (backup.path, backup.unfinished, backup.disk)
    )
    when = backup.created_at
    try:
        if remove:
            remove_own(unfinished, below=unfinished.parent)
        if os.path.lexists(unfinished):
            return KnownBackup(unfinished, f"an interrupted backup of {when}")
        if os.path.lexists(path) and made_at(path) == when:
            return KnownBackup(path, f"a backup of {when}", is_whole=True)
    except OSError as error:
        return KnownBackup(path, f"a backup of {when}, which cannot be read ({error.strerror})")
    if os.path.ismount(disk):
        return None  # deleted, or moved elsewhere
    what = f"a backup of {when}, or {unfinished.name} if it was interrupted, but {disk} is not plugged in"
    return KnownBackup(path, what)


def _read(root: Path) -> tuple[list[_Backup], str]:
    """The list, and what is wrong with it.

    Only names that facesort gives are ever removed, whatever somebody wrote into it.
    """
    try:
        listed = _List.model_validate_json(read_own(root / LIST, below=root)).backups
    except FileNotFoundError:
        return [], ""
    except ValidationError as error:
        return [], f"is damaged ({problems(error)[0]})"
    except OSError as error:
        return [], f"cannot be read ({error.strerror})"
    return [backup for backup in listed if _is_ours(backup)], ""


def _is_ours(backup: _Backup) -> bool:
    path, unfinished = (Path(from_text(text)) for text in (backup.path, backup.unfinished))
    return bool(
        _UNFINISHED.fullmatch(unfinished.name)
        and unfinished.parent == path.parent
        and path.is_absolute()
        and ".." not in path.parts
        and "\0" not in backup.path + backup.disk
    )


def _write(root: Path, backups: Sequence[_Backup]) -> None:
    replace_json(root / LIST, _List(backups=list(backups)).model_dump())
