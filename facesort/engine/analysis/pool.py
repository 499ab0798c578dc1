"""Worker processes that may die: an executor in which a bad file fails alone."""

from __future__ import annotations

import concurrent.futures
import errno
import logging
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

import psutil
from pebble import ProcessExpired, ProcessPool
from threadpoolctl import threadpool_limits

from facesort.engine.analysis.lost import WorkerLost
from facesort.engine.analysis.memory import (
    EXIT_OUT_OF_MEMORY,
    disable_core_dumps,
    keep_freed_memory,
    limit_memory,
    run_within,
)
from facesort.engine.analysis.spawn import SafeSpawn
from facesort.errors import ResourceError, short_of
from facesort.settings import PhotoSettings, Settings

log = logging.getLogger(__name__)
T = TypeVar("T")

# A worker is replaced after this many files, to bound what a decoder leaks.
_FILES_PER_WORKER = 2000
# Exit codes of a worker that may have held the workers' shared pipe: killed from outside, or timed out waiting for
# the pipe.  (A file that crashes its decoder, hangs or takes too much memory does so while the pipe is free.)
_SUSPICIOUS_EXITS = {-9, 1}
FILES_WORTH_A_WORKER = 8
"""The start of a worker takes about as much CPU time as eight large photos, or fifty small ones."""
_STALL_GRACE_S = 60.0  # on top of the time limit of a file: workers may start on a cold disk
_TICK_S = 0.25
_LONGEST_TICK_S = 1.0  # what is more was spent stopped, or asleep with the whole machine
_MAX_RESTARTS = 20  # in a row, without a result
# RuntimeError is what Pebble and threads raise, ImportError a system without semaphores.
_NOT_STARTED = (OSError, RuntimeError, ImportError)
_TRACKER_ENDED = {errno.EPIPE, errno.EBADF}


@dataclass(eq=False)
class _Task:
    """A call that is not finished, across restarts of the workers."""

    call: tuple[Any, ...]
    kwargs: dict[str, Any]
    timeout_s: float
    future: concurrent.futures.Future[Any] = field(default_factory=concurrent.futures.Future)
    ran_s: float = 0.0


class LocalPool(concurrent.futures.Executor):
    """Processes on this machine.

    A file that kills its process, or takes longer than `timeout_s` or more memory than `max_worker_mb`, fails alone:
    its future raises `WorkerLost`, `TimeoutError` or `MemoryError`, its process is replaced, and the others continue.

    Workers share a pipe.  One that is killed from outside while it uses the pipe leaves it locked or half read, and
    Pebble's pool would wait forever; so after such an exit all workers are replaced and their calls start again.  The
    same is done when a worker has ended and no call was told.  Pebble hears over the pipe which worker has which call,
    but finds ended workers beside it, perhaps before it has heard; that call would then run until its limit.

    Workers that cannot be started, or end at once again and again, fail all calls with a `ResourceError`.

    Parameters
    ----------
    workers : int
        Number of processes.
    timeout_s : float
        Time per file, in seconds.  Time in which this process or one of its workers was stopped, or the machine asleep,
        does not count; so Pebble's own limit, which follows the system's clock, is not used.
    max_worker_mb : float
        Resident memory per process, in MB.
    nice : int
        By how much other processes come first, as of Unix' `nice`; elsewhere it does not count.
    """

    def __init__(
        self, workers: int, timeout_s: float, max_worker_mb: float = 4000.0, *, nice: int = 0
    ) -> None:
        self._workers = workers
        self._timeout_s = timeout_s
        self._max_worker_mb, self._nice = max_worker_mb, nice
        self._pool = self._new_pool()
        self._tasks: dict[concurrent.futures.Future[Any], _Task] = {}
        self._ends_told = 0
        self._ends_unexplained = 0
        self._lock = threading.RLock()
        self._restarts = 0
        self._silent_s = 0.0
        self._closed = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    @classmethod
    def of(cls, workers: int, photos: PhotoSettings, *, nice: int = 0) -> LocalPool:
        """A pool with the limits that the settings give."""
        return cls(workers, photos.timeout_s, photos.max_worker_mb, nice=nice)

    def submit(
        self, fn: Callable[..., T], /, *args: Any, **kwargs: Any
    ) -> concurrent.futures.Future[T]:
        """Run a function in a worker."""
        return self._submit(
            _Task((self._max_worker_mb, fn, *args), kwargs, timeout_s=self._timeout_s)
        )

    def submit_within(
        self, limits: PhotoSettings, fn: Callable[..., T], /, *args: Any
    ) -> concurrent.futures.Future[T]:
        """Run a function in a worker, with limits of time and memory of its own."""
        return self._submit(
            _Task((limits.max_worker_mb, fn, *args), {}, timeout_s=limits.timeout_s)
        )

    def _submit(self, task: _Task) -> concurrent.futures.Future[Any]:
        with self._lock:
            if not self._tasks:
                self._silent_s = 0.0
            self._start([task])
        return task.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Stop the workers; with `cancel_futures`, abandon the calls under way."""
        self._closed.set()
        if cancel_futures:
            self._pool.stop()
            with self._lock:
                self._tasks = {}
        else:
            self._pool.close()
        if wait:
            _join(self._pool)

    def __exit__(self, kind: type | None, error: object, trace: object) -> None:
        """Stop at once after an error, otherwise when all calls are done."""
        self.shutdown(cancel_futures=kind is not None)

    def _new_pool(self) -> ProcessPool:
        self._spawn = SafeSpawn()
        return ProcessPool(
            max_workers=self._workers,
            max_tasks=_FILES_PER_WORKER,
            initializer=_start_worker,
            initargs=(self._max_worker_mb, self._nice),
            context=self._spawn,
        )

    def _schedule(self, task: _Task) -> None:
        inner = self._pool.schedule(run_within, args=task.call, kwargs=task.kwargs)
        task.ran_s = 0.0
        self._tasks[inner] = task
        inner.add_done_callback(self._done)

    def _done(self, inner: concurrent.futures.Future[Any]) -> None:
        """Pass on the result of a call; called in Pebble's threads."""
        # Only `_count` cancels one; Pebble then stops its worker.
        error = TimeoutError() if inner.cancelled() else inner.exception()
        with self._lock:
            task = self._tasks.get(inner)
            if task is None:  # it was rescheduled already
                return
            if isinstance(error, BrokenProcessPool):
                self._restart("all its workers were lost")
                return
            del self._tasks[inner]
            self._silent_s = 0.0
            self._ends_told += isinstance(error, ProcessExpired)
            if isinstance(error, ProcessExpired) and error.exitcode in _SUSPICIOUS_EXITS:
                self._restart(f"a worker ended with code {error.exitcode}")
            elif error is None:
                self._restarts = 0
        if not task.future.set_running_or_notify_cancel():
            return
        if error is None:
            task.future.set_result(inner.result())
        else:
            task.future.set_exception(_ours(error))

    def _restart(self, why: str) -> None:
        """Replace all workers and reschedule the unfinished calls; the lock is held."""
        self._restarts += 1
        self._silent_s = 0.0
        waiting, self._tasks = list(self._tasks.values()), {}
        with suppress(RuntimeError):  # no thread is to be had: they end with this process
            threading.Thread(target=_stop, args=(self._pool,), daemon=True).start()
        if self._closed.is_set() or self._restarts > _MAX_RESTARTS:
            _fail(waiting, _why_not_started(BrokenProcessPool(f"none stays alive: {why}")))
            return
        log.warning("the worker processes are replaced: %s", why)
        self._pool, self._ends_told, self._ends_unexplained = self._new_pool(), 0, 0
        self._start(waiting)

    def _start(self, tasks: Sequence[_Task]) -> None:
        """Hand calls to the workers, and start these if there are none yet; the lock is held."""
        try:
            if not self._pool.active and not self._closed.is_set():
                self._restart("it broke")
            for task in tasks:
                self._schedule(task)
        except _NOT_STARTED as error:
            if self._closed.is_set():
                raise
            self._tasks = {inner: task for inner, task in self._tasks.items() if task not in tasks}
            _fail(tasks, _why_not_started(error))

    def _watch(self) -> None:
        """Measure the time that counts."""
        last = time.monotonic()
        while self._tasks or not self._closed.is_set():
            time.sleep(_TICK_S)
            now = time.monotonic()
            passed, last = min(now - last, _LONGEST_TICK_S), now
            if not _is_one_stopped([w for w in self._spawn.workers if w.exitcode is None]):
                with self._lock:
                    self._count(passed)

    def _count(self, passed: float) -> None:
        """End calls that take too long, and restart workers that are deadlocked on the pipe; the lock is held."""
        for inner, task in list(self._tasks.items()):
            task.ran_s += passed if inner.running() else 0.0
            if task.ran_s > task.timeout_s:
                inner.cancel()
                self._ends_told += 1  # Pebble stops its worker
        ended = sum(worker.exitcode not in {None, 0} for worker in self._spawn.workers)
        before, self._ends_unexplained = self._ends_unexplained, ended - self._ends_told
        self._silent_s += passed
        longest = max((task.timeout_s for task in self._tasks.values()), default=self._timeout_s)
        if self._tasks and self._silent_s > longest + _STALL_GRACE_S:
            self._restart(f"no result for {self._silent_s:.0f} s")
        elif self._tasks and not self._pool.active:
            self._restart("it broke")  # Pebble forgets a call that it got at the same moment
        elif self._tasks and min(before, self._ends_unexplained) > 0:
            self._restart("a worker ended, and no call was told")


def _ours(error: BaseException) -> BaseException:
    """An error as callers know it, whatever pool is used."""
    if not isinstance(error, ProcessExpired):
        return error
    if error.exitcode == EXIT_OUT_OF_MEMORY:
        return MemoryError()
    return WorkerLost(error.exitcode)


def _is_one_stopped(processes: Iterable[BaseProcess]) -> bool:
    """Whether somebody has stopped one of these processes, to continue it later."""
    for process in processes:
        with suppress(psutil.Error, OSError):  # it has ended, or there are no file handles
            if psutil.Process(process.pid).status() == psutil.STATUS_STOPPED:
                return True
    return False


@contextmanager
def executor_or_local(
    executor: concurrent.futures.Executor | None, settings: Settings, tasks: int | None = None
) -> Iterator[concurrent.futures.Executor]:
    """Use the executor given and leave it open, or a `LocalPool` that is closed at the end.

    Parameters
    ----------
    tasks : int, optional
        How many files there are: no more processes are started than are worth it.  Else there are as many as
        `run.workers` says, where 0 is one per core.
    """
    if executor is not None:
        yield executor
        return
    workers = settings.run.workers or os.cpu_count() or 1
    if tasks is not None:
        workers = max(min(workers, -(-tasks // FILES_WORTH_A_WORKER)), 1)
    with LocalPool.of(workers, settings.photos) as pool:
        yield pool


def _fail(tasks: Sequence[_Task], error: ResourceError) -> None:
    for task in tasks:
        if task.future.set_running_or_notify_cancel():
            task.future.set_exception(error)


def _why_not_started(error: BaseException) -> ResourceError:
    """Explain why there are no workers."""
    cause = error.__cause__ or error  # Pebble hides the system's error behind one of its own
    if (short := short_of(cause)) is not None:
        return short
    # Before the first process only their lock is made.  If a pipe is broken or closed, the process that minds locks has
    # ended.
    if (
        isinstance(error, (OSError, ImportError))
        and getattr(error, "errno", None) not in _TRACKER_ENDED
    ):
        words = getattr(error, "strerror", None) or error
        return ResourceError(
            f"worker processes need semaphores, which the system does not give ({words}): on Linux /dev/shm must be "
            "there, writable and not full; then run the same command again"
        )
    return ResourceError(
        f"worker processes cannot be started ({cause}): the messages above say more, and `facesort doctor` checks the "
        "installation; then run the same command again, it resumes by itself"
    )


def _stop(pool: ProcessPool) -> None:
    """Stop a pool's workers; in a thread of its own, since it waits for Pebble's threads."""
    pool.stop()
    try:
        _join(pool)
    except OSError as error:  # its pipe is broken
        log.warning("replaced workers did not stop cleanly: %s", error)


def _join(pool: ProcessPool) -> None:
    """Wait until all workers have ended."""
    while True:
        try:
            pool.join()
            return
        except (
            KeyError
        ) as pid:  # one of Pebble's threads has stopped that worker meanwhile: join the others
            log.debug("worker %s was stopped already", pid)


def _start_worker(max_worker_mb: float, nice: int) -> None:
    """Set up one worker, which exits with its parent, even when that is killed."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C is for the coordinator, which stops the workers
    # Decoders warn about odd metadata; what matters about a file becomes its reason code.
    warnings.filterwarnings("ignore", module="PIL")
    limit_memory(max_worker_mb)
    if nice and hasattr(os, "nice"):
        os.nice(nice)
    disable_core_dumps()
    keep_freed_memory()
    threadpool_limits(1)  # there is one process per core already
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_with_parent, args=(parent.sentinel,), daemon=True).start()


def _exit_with_parent(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(1)
