"""The audit log: who did what to which collection, without faces."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Lock

from facesort.clock import utc_text
from facesort.files import append_own
from facesort.serve.watch.noted import Noted


class AuditLog:
    """One JSON object a line, in a file per month that only its owner can read; facesort deletes none.

    It names no face and no user: what was erased must not be found in it.

    Parameters
    ----------
    folder : Path
        State folder of the service.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()

    def write(self, noted: Noted, status: int) -> None:
        """Append what was done.  `OSError` if it cannot be written."""
        at = utc_text()
        entry = {
            "at": at,
            "request_id": noted.request_id,
            "who": noted.who,
            "operation": noted.operation,
            "collection": noted.collection,
            "status": status,
            "error": noted.error,
            "indexed": noted.indexed,
            "deleted": noted.deleted,
        }
        path = self._folder / f"audit-{at[:7]}.jsonl"
        with self._lock, append_own(path, below=self._folder) as stream:
            stream.write(json.dumps(entry).encode() + b"\n")
