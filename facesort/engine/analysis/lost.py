"""Calls that were too much for a worker, whatever runs it."""

from __future__ import annotations

from facesort.reasons import Reason


class WorkerLost(Exception):
    """The process that had a call ended meanwhile, by its input or by something else.

    Parameters
    ----------
    exitcode : int
        Negative: the signal that ended it.
    """

    def __init__(self, exitcode: int) -> None:
        super().__init__(exitcode)  # what it is pickled from
        self.exitcode = exitcode

    def __str__(self) -> str:
        return f"its worker process ended with code {self.exitcode}"


WorkerFailure = TimeoutError | WorkerLost | MemoryError
WORKER_FAILURES = (TimeoutError, WorkerLost, MemoryError)
"""What the future of a call raises whose input was too much for its worker."""


def reason_of(error: WorkerFailure) -> Reason:
    """Reason code for an input that crashed its worker, or exceeded its time or memory."""
    if isinstance(error, MemoryError):
        return Reason.TOO_LARGE
    return Reason.TIMEOUT if isinstance(error, TimeoutError) else Reason.WORKER_DIED
