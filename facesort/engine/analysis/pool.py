"""Worker processes that may die: an Executor in which one bad file takes down only itself."""

from __future__ import annotations

import concurrent.futures
import logging
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool
from threadpoolctl import threadpool_limits

from facesort.engine.analysis.memory import keep_freed_memory, leave_no_core, limit_process, watched
from facesort.settings import PhotoSettings

log = logging.getLogger(__name__)
T = TypeVar("T")

# A worker is replaced after this many files: what a decoder leaks is bounded.
_FILES_PER_WORKER = 2000
# How a worker ends that may have had the workers' common pipe in its hands: killed from outside, or tired of waiting
# for the pipe.  (A file that crashes its decoder, hangs or swells does so far from the pipe.)
_SUSPICIOUS_EXITS = {-9, 1}
_STALLED_S = 60.0  # beyond the time limit of a file: for workers that start on a cold disk
_MOST_RESTARTS = 20  # in a row, without a single result


@dataclass(eq=False)
class _Task:
    """A call that is not done, whichever processes are trying it."""

    call: tuple[Any, ...]
    kwargs: dict[str, Any]
    future: concurrent.futures.Future[Any] = field(default_factory=concurrent.futures.Future)


class LocalPool(concurrent.futures.Executor):
    """Processes on this machine.

    A file that kills its process, or takes longer than `timeout_s` or more memory than `max_worker_mb`, fails alone:
    its future raises `pebble.ProcessExpired` or `TimeoutError`, the process is replaced, and the others go on.

    Workers share a pipe.  One that is killed from outside while it uses the pipe leaves it locked or half read, and
    Pebble's pool would wait for ever; so after such an end all workers are replaced, and what they had in work starts
    again.

    Parameters
    ----------
    workers : int
        Number of processes.
    timeout_s : float
        Wall time per file, in seconds.
    max_worker_mb : float
        Resident memory per process, in MB.
    """

    def __init__(self, workers: int, timeout_s: float, max_worker_mb: float = 4000.0) -> None:
        self._workers = workers
        self._timeout_s = timeout_s
        self._max_worker_mb = max_worker_mb
        self._pool = self._new_pool()
        self._tasks: dict[concurrent.futures.Future[Any], _Task] = {}
        self._lock = threading.RLock()
        self._restarts = 0
        self._last_sign = time.monotonic()
        self._closed = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    @classmethod
    def of(cls, workers: int, photos: PhotoSettings) -> LocalPool:
        """A pool with the limits that the settings give."""
        return cls(workers, photos.timeout_s, photos.max_worker_mb)

    def submit(
        self, fn: Callable[..., T], /, *args: Any, **kwargs: Any
    ) -> concurrent.futures.Future[T]:
        """Run a function in a worker."""
        task = _Task((self._max_worker_mb, fn, *args), kwargs)
        with self._lock:
            if not self._tasks:
                self._last_sign = time.monotonic()
            if not self._pool.active and not self._closed.is_set():
                self._restart("it broke")
            self._hand_over(task)
        return task.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Stop the workers; with `cancel_futures`, what is under way is given up."""
        self._closed.set()
        if cancel_futures:
            self._pool.stop()
        else:
            self._pool.close()
        if wait:
            _join(self._pool)

    def __exit__(self, kind: type | None, error: object, trace: object) -> None:
        """Stop at once after an error, else when all is done."""
        self.shutdown(cancel_futures=kind is not None)

    def _new_pool(self) -> ProcessPool:
        # spawn: a forked copy of a process with ONNX Runtime or DuckDB threads may deadlock.
        return ProcessPool(
            max_workers=self._workers,
            max_tasks=_FILES_PER_WORKER,
            initializer=_start_worker,
            initargs=(self._max_worker_mb,),
            context=multiprocessing.get_context("spawn"),
        )

    def _hand_over(self, task: _Task) -> None:
        inner = self._pool.schedule(
            watched, args=task.call, kwargs=task.kwargs, timeout=self._timeout_s
        )
        self._tasks[inner] = task
        inner.add_done_callback(self._done)

    def _done(self, inner: concurrent.futures.Future[Any]) -> None:
        """Pass on how a call ended; called in threads of Pebble's."""
        error = inner.exception()
        with self._lock:
            task = self._tasks.get(inner)
            if task is None:  # it is tried again already
                return
            if isinstance(error, BrokenProcessPool):
                self._restart("all its workers were lost")
                return
            del self._tasks[inner]
            self._last_sign = time.monotonic()
            if isinstance(error, ProcessExpired) and error.exitcode in _SUSPICIOUS_EXITS:
                self._restart(f"a worker ended with code {error.exitcode}")
            elif error is None:
                self._restarts = 0
        if error is None:
            task.future.set_result(inner.result())
        else:
            task.future.set_exception(error)

    def _restart(self, why: str) -> None:
        """Replace all workers, and hand over to the new ones what is not done; with the lock held."""
        self._restarts += 1
        self._last_sign = time.monotonic()
        waiting, self._tasks = list(self._tasks.values()), {}
        threading.Thread(target=_end, args=(self._pool,), daemon=True).start()
        if self._closed.is_set() or self._restarts > _MOST_RESTARTS:
            for task in waiting:
                task.future.set_exception(
                    BrokenProcessPool(f"no worker process stays alive: {why}")
                )
            return
        log.warning("the worker processes are replaced: %s", why)
        self._pool = self._new_pool()
        for task in waiting:
            self._hand_over(task)

    def _watch(self) -> None:
        """Notice that workers wait for each other."""
        while not self._closed.wait(1):
            with self._lock:
                silent = time.monotonic() - self._last_sign
                if self._tasks and silent > self._timeout_s + _STALLED_S:
                    self._restart(f"nothing was heard of them for {silent:.0f} s")


def _end(pool: ProcessPool) -> None:
    """End a pool's workers; in a thread of its own, for it waits for Pebble's threads."""
    pool.stop()
    try:
        _join(pool)
    except OSError as error:  # its pipe is what was broken
        log.warning("workers that were replaced did not end in order: %s", error)


def _join(pool: ProcessPool) -> None:
    """Wait until all workers have ended."""
    while True:
        try:
            pool.join()
            return
        except KeyError as pid:  # one of Pebble's threads has stopped that worker meanwhile: again, for the others
            log.debug("worker %s had been stopped already", pid)


def _start_worker(max_worker_mb: float) -> None:
    """Set up one worker: it ends with its parent, also when that is killed."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C is for the coordinator, which stops the workers
    # What decoders say of odd metadata is no one's business; what matters of a file ends as its reason code.
    warnings.filterwarnings("ignore", module="PIL")
    limit_process(max_worker_mb)
    leave_no_core()
    keep_freed_memory()
    threadpool_limits(1)  # one process per core already; more threads for numpy would only fight
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(1)
