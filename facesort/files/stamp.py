"""Whether a file is as it was, without reading it."""

from __future__ import annotations

import os
from pathlib import Path


def stamp_of(path: Path) -> tuple[int, ...] | None:
    """What changes whenever a database does; None while there is a log beside it, or no database."""
    if os.path.exists(f"{path}.wal") or not path.exists():
        return None
    at = path.stat()
    return at.st_dev, at.st_ino, at.st_size, at.st_mtime_ns, at.st_ctime_ns
