"""A program that backs up or restores once per file operation, and is killed before it.

``killed_copies.py backup WORKSPACE FOLDER STEP`` writes ``FOLDER/<n>/saved``, of a copy of the workspace in ``hot``;
``killed_copies.py restore ARCHIVE FOLDER STEP`` unpacks to ``FOLDER/<n>/hot``.  Operation number n was not carried out;
every STEP-th is tried.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from facesort.engine.privacy.backup import backup
from facesort.engine.privacy.restore import restore
from facesort.workspace import open_workspace

_WATCHED = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.chmod"}


def die_before(number: int, folder: Path) -> None:
    """Be killed before an operation in a folder; waiting for the disk is one, too."""
    left = number

    def tick() -> None:
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    def hear(event: str, arguments: tuple[object, ...]) -> None:
        if event in _WATCHED and str(folder) in str(arguments[0]):
            tick()

    wait = os.fsync

    def fsync(handle: int) -> None:
        tick()
        wait(handle)
        tick()

    os.fsync = fsync
    sys.addaudithook(hear)


def main() -> None:
    """Until one is not killed."""
    verb, given, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    number, step, status = 1, int(sys.argv[4]), 1
    while status:
        place = folder / f"{number:03}"
        place.mkdir()
        act: Callable[[], object]
        if verb == "backup":
            shutil.copytree(given, place / "hot")
            workspace = open_workspace(place / "hot")
            act = lambda w=workspace, p=place: backup(w, p / "saved")  # noqa: E731
        else:
            act = lambda p=place: restore(given, p / "hot")  # noqa: E731
        child = os.fork()
        if not child:
            die_before(number, place)
            act()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert status in (0, signal.SIGKILL), status
        number += step


if __name__ == "__main__":
    main()
