"""Whether a file is as it was, without reading it; and what is kept beside it as long as it is."""

from __future__ import annotations

import hmac
import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from facesort.files.durable import replace_file, replace_json
from facesort.files.own import READ_LIMIT, Kind, expect, make_own_folder, read_own
from facesort.version import __version__

_KEY_BYTES = 32

Stamp = tuple[int, ...]
"""Changes whenever a database does, and in a copy of it."""


def stamp_of(path: Path) -> Stamp | None:
    """Stamp of a database; None while there is a log beside it, or no database."""
    if os.path.exists(f"{path}.wal") or not path.exists():
        return None
    at = path.stat()
    return at.st_dev, at.st_ino, at.st_size, at.st_mtime_ns, at.st_ctime_ns


def keep_while(stamp: Stamp | None, path: Path, said: Mapping[str, Any] | None = None) -> None:
    """Keep what is true of a database while it has a stamp; if that cannot be, nothing: it only saves time.

    Parameters
    ----------
    path : Path
        Of a small JSON file of facesort's own.
    said : mapping, optional
        What is kept; default: that its content was looked at.
    """
    if stamp is not None:
        with suppress(OSError):
            expect(path.parent, Kind.FOLDER)
            kept = {"version": __version__, "database": stamp, **(said or {})}
            replace_json(path, kept | {"seal": _seal(kept)}, durable=False)


def kept_while(
    stamp: Stamp | None, path: Path, *, below: Path, limit: int = READ_LIMIT
) -> bytes | None:
    """The JSON file that this user's facesort kept while the database had the same stamp; None if there is none.

    One that came with a workspace from elsewhere counts for nothing: on a stick, the stamp can be made to fit.

    Parameters
    ----------
    path, below, limit
        As of `read_own`.
    """
    if stamp is None:
        return None
    try:
        data = read_own(path, below=below, limit=limit)
        found = json.loads(data)
        theirs, seal = (found["version"], found["database"]), str(found.pop("seal"))
        if theirs != (__version__, list(stamp)):
            return None
        return data if hmac.compare_digest(seal.encode(), _seal(found).encode()) else None
    except (OSError, ValueError, RecursionError, LookupError, TypeError):
        return None


def _seal(kept: Mapping[str, Any]) -> str:
    """What only this user can write below it.

    Raises
    ------
    OSError
        If there is no folder for what is the user's own.
    """
    data = json.dumps(kept, sort_keys=True).encode()
    return hmac.digest(_key(_own_folder()), data, "sha256").hex()


def _own_folder() -> Path:
    try:
        return Path.home() / ".facesort"
    except RuntimeError as error:
        raise FileNotFoundError(str(error)) from error


@cache
def _key(folder: Path) -> bytes:
    """A secret of the user's, made when it is first needed."""
    path = folder / "key"
    make_own_folder(folder, below=folder.parent)
    if expect(path, Kind.FILE, None) is None:
        replace_file(path, secrets.token_bytes(_KEY_BYTES), private=True)
    return read_own(path, below=folder, limit=_KEY_BYTES)
