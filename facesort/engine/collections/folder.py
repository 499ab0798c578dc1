"""The state folder of a service: its collections, credentials and audit log."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from facesort.errors import ServiceError, because


def state_folder(folder: Path) -> Path:
    """Make the folder if it is missing, and refuse one that others can read.

    Raises
    ------
    ServiceError
        If it cannot be used.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = folder.stat().st_mode
    except OSError as error:
        raise ServiceError(f"{folder} cannot be used {because(error)}") from error
    if os.name != "nt" and stat.S_IMODE(mode) & 0o077:
        raise ServiceError(
            f"others can read {folder}, which is for faces and a token: chmod 700 it, or choose another folder with "
            "--data"
        )
    return folder
