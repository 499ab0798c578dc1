"""Videos that are sent: each in a private file until its job is over."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path
from threading import BoundedSemaphore
from typing import BinaryIO
from uuid import uuid4

from facesort.errors import BusyError, ServiceError, because
from facesort.files import create_own, make_own_folder, remove_own, remove_own_folder

MOST_WAITING = 8
"""Videos, the one that is looked at included."""
_FOLDER, _NAMES = "uploads", re.compile(r"[0-9a-f]{32}\.video")


class Uploads:
    """Makes the files; what a service that was killed has left is removed first.

    Parameters
    ----------
    data : Path
        State folder of the service.
    most : int
        Files at a time, those that are still being sent included; so much of the disk they take at most.

    Raises
    ------
    ServiceError
        If it cannot be used.
    """

    def __init__(self, data: Path, most: int = MOST_WAITING) -> None:
        self._data, self._free = data, BoundedSemaphore(most)
        try:
            remove_own_folder(data / _FOLDER, _NAMES, below=data)
        except OSError as error:
            raise ServiceError(f"{data / _FOLDER} cannot be used {because(error)}") from error

    def create(self, files: ExitStack) -> tuple[Path, BinaryIO]:
        """A new file, which is removed when `files` is closed.

        Raises
        ------
        BusyError
            If there are too many.
        OSError
            If it cannot be made.
        """
        if not self._free.acquire(blocking=False):
            raise BusyError("too many videos are being sent, or wait: send it again in a while")
        files.callback(self._free.release)
        make_own_folder(self._data / _FOLDER, below=self._data)
        path = self._data / _FOLDER / f"{uuid4().hex}.video"
        stream = create_own(path, private=True)
        files.callback(remove_own, path, below=self._data)
        files.callback(stream.close)
        return path, stream
