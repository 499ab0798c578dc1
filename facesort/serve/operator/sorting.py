"""The sort that the operator starts and stops: the command `facesort sort`, in a process that outlives the service."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from threading import Lock
from typing import IO

from facesort.engine.job.progress import interrupt, is_running, read_progress
from facesort.engine.setup import check_gallery, open_with_pack
from facesort.errors import ServiceError, WorkspaceBusyError
from facesort.import_path import safe_environment
from facesort.serve.operator.places import Places

_CAN_INTERRUPT = os.name != "nt"
_TAIL = 8000  # bytes of what a sort printed


class Sorting:
    """One sort at a time, whoever started it.

    A sort is not a child that has to die: where the service ends it goes on, and the next service finds it by its
    progress file.  What it prints goes to a file without a name, so that nothing is left of it.
    """

    def __init__(self, places: Places) -> None:
        self._options, self._turn = places.options, places.turn
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._printed: IO[bytes] | None = None
        self._is_stopped = False
        self._started = 0.0

    def start(self) -> None:
        """Start a sort, or go on with the one that was interrupted.

        Raises
        ------
        WorkspaceBusyError
            If a sort is running already, also one that somebody else started.
        FacesortError
            If there is no workspace, or it cannot be sorted.
        """
        with self._lock:
            if self.is_own():
                raise WorkspaceBusyError("a sort is running already: watch it, or stop it first")
            workspace, pack = open_with_pack(self._options.workspace)
            with self._turn, workspace.sorting_lock():
                check_gallery(workspace, pack)
            self._close()
            self._started = time.time()
            self._printed = tempfile.TemporaryFile(dir=workspace.state)  # noqa: SIM115
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "facesort", "sort"),
                    *("-w", str(workspace.root), "--runs", str(self._options.runs)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=self._printed,
                stderr=subprocess.STDOUT,
                cwd=workspace.root,
                env=safe_environment(),
                start_new_session=True,  # Ctrl-C in the service's terminal is not for it
            )
            self._is_stopped = False

    def stop(self) -> bool:
        """Stop the sort as Ctrl-C does; what is committed stays, and the next start goes on from there.

        Returns
        -------
        bool
            Whether there was one.

        Raises
        ------
        ServiceError
            On Windows, where a process without a console of its own cannot be sent Ctrl-C.
        """
        with self._lock:
            process = self._process if self.is_own() else None
            progress = read_progress(self._options.workspace / "state")
            if process is None and (progress is None or not is_running(progress)):
                return False
            if not _CAN_INTERRUPT:
                raise ServiceError(
                    "on Windows a sort cannot be stopped from here: press Ctrl-C in the window in which it, or this "
                    "service, was started"
                )
            if process is not None:
                self._is_stopped = True
                process.send_signal(signal.SIGINT)
            elif progress is not None:
                interrupt(progress)
            return True

    def is_own(self) -> bool:
        """Whether a sort that this service started is running."""
        return self._process is not None and self._process.poll() is None

    def trouble(self) -> str:
        """The last sentence of a sort of this service that failed; empty if none did, or it was stopped here."""
        with self._lock:  # a start closes what the sort before it printed
            return self._trouble()

    def _trouble(self) -> str:
        process, printed = self._process, self._printed
        if process is None or printed is None or process.poll() in {None, 0} or self._is_stopped:
            return ""
        if process.returncode < 0 or self._was_killed():
            return (
                "the sort was killed, perhaps because memory was short: start it again, and it goes on from what is "
                "committed"
            )
        printed.seek(0, 2)
        printed.seek(max(printed.tell() - _TAIL, 0))
        lines = printed.read().decode("utf-8", "replace").splitlines()
        said = [line.removeprefix("Error: ") for line in lines if line.startswith("Error: ")]
        return said[-1] if said else ""

    def _was_killed(self) -> bool:
        """Whether the process that this sort works in ended without a word; the command only knows that it is gone."""
        progress = read_progress(self._options.workspace / "state")
        return (
            progress is not None
            and progress["state"] == "running"
            and progress["process_started"] >= self._started
        )

    def _close(self) -> None:
        if self._printed is not None:
            self._printed.close()
