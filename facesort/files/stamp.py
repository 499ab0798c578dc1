"""Whether a file is as it was, without reading it; and what is kept beside it as long as it is."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from facesort.files.durable import replace_json
from facesort.files.own import READ_LIMIT, Kind, expect, read_own
from facesort.version import __version__

Stamp = tuple[int, ...]
"""Changes whenever a database does.  Nobody can send it along: where a copy will lie, and since when, is not known."""


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
            replace_json(path, kept, durable=False)


def kept_while(
    stamp: Stamp | None, path: Path, *, below: Path, limit: int = READ_LIMIT
) -> bytes | None:
    """The JSON file that this facesort kept while the database had the same stamp; None if there is none.

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
        theirs = found["version"], found["database"]
    except (OSError, ValueError, RecursionError, LookupError, TypeError):
        return None
    return data if theirs == (__version__, list(stamp)) else None
