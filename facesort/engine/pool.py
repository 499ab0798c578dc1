"""Worker processes that may die: an Executor in which one bad file takes down only itself."""

from __future__ import annotations

import concurrent.futures
import logging
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from pebble import ProcessPool
from threadpoolctl import threadpool_limits

__all__ = ["LocalPool"]

log = logging.getLogger(__name__)
T = TypeVar("T")

# A worker is replaced after this many files: what a decoder leaks is bounded.
_FILES_PER_WORKER = 2000


class LocalPool(concurrent.futures.Executor):
    """Processes on this machine.

    A file that kills its process, or takes longer than `timeout_s`, fails alone: its future raises
    `pebble.ProcessExpired` or `TimeoutError`, the process is replaced, and the others go on.

    Parameters
    ----------
    workers : int
        Number of processes.
    timeout_s : float
        Wall time per file, in seconds.
    """

    def __init__(self, workers: int, timeout_s: float) -> None:
        # spawn: a forked copy of a process with ONNX Runtime or DuckDB threads may deadlock.
        self._pool = ProcessPool(
            max_workers=workers,
            max_tasks=_FILES_PER_WORKER,
            initializer=_start_worker,
            context=multiprocessing.get_context("spawn"),
        )
        self._timeout_s = timeout_s

    def submit(
        self, fn: Callable[..., T], /, *args: Any, **kwargs: Any
    ) -> concurrent.futures.Future[T]:
        """Run a function in a worker."""
        return self._pool.schedule(fn, args=args, kwargs=kwargs, timeout=self._timeout_s)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Stop the workers; with `cancel_futures`, what is under way is given up."""
        if cancel_futures:
            self._pool.stop()
        else:
            self._pool.close()
        if wait:
            self._pool.join()

    def __exit__(self, kind: type | None, error: object, trace: object) -> None:
        """Stop at once after an error, else when all is done."""
        self.shutdown(cancel_futures=kind is not None)


def _start_worker() -> None:
    """Set up one worker: it ends with its parent, also when that is killed."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C is for the coordinator, which stops the workers
    # What decoders say of odd metadata is no one's business; what matters of a file ends as its reason code.
    warnings.filterwarnings("ignore", module="PIL")
    threadpool_limits(1)  # one process per core already; more threads for numpy would only fight
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(1)
