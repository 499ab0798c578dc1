"""Calls that were too much for a worker, whatever runs it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from facesort.reasons import Reason

T = TypeVar("T")


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


def result_of_two(future: Future[T], again: Callable[[], Future[T]]) -> T:
    """Wait for the result of a call; if its worker was killed, make it once more.

    It may have been killed because of another one: by an out-of-memory killer, for example.

    Raises
    ------
    TimeoutError, WorkerLost, MemoryError
        As the future does.
    """
    try:
        return future.result()
    except WorkerLost:
        return again().result()


def reason_of(error: WorkerFailure) -> Reason:
    """Reason code for an input that crashed its worker, or exceeded its time or memory."""
    if isinstance(error, MemoryError):
        return Reason.TOO_LARGE
    return Reason.TIMEOUT if isinstance(error, TimeoutError) else Reason.WORKER_DIED
