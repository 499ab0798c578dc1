"""Memory of a worker process: a limit per file, no release between files, no core dumps."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
import threading
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import psutil

T = TypeVar("T")

EXIT_OUT_OF_MEMORY = 77
"""Exit status of a worker that stopped itself because it held too much memory."""

_EVERY_S = 0.05

# Of glibc's malloc.h. A picture of working size is 18 MB; blocks above 32 MB are still returned at once.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT, _LARGEST_KEPT = 256 << 20, 32 << 20  # bytes


class _Process:
    """What this process was allowed before; sorts that share a worker have limits of their own."""

    greatest = 0.0
    """Limit of the calls made so far, in bytes."""


def run_within(limit_mb: float, fn: Callable[..., T], *args: object, **kwargs: object) -> T:
    """Run a function; if this process exceeds a memory limit meanwhile, exit with `EXIT_OUT_OF_MEMORY`.

    Only meanwhile: a worker that exits while it sends its result would break the pool's pipe.  Memory is checked
    twenty times a second; `limit_memory` catches what is faster.

    Parameters
    ----------
    limit_mb : float
        Resident memory of the whole process, in MB.  If an earlier call had a greater limit, what the process holds
        comes on top, up to that limit: it is not this call's fault.
    *args, **kwargs
        For `fn`.
    """
    limit, before = limit_mb * 1e6, _Process.greatest
    _Process.greatest = max(limit, before)
    most = limit if limit >= before else min(_held().rss + limit, before)
    done = threading.Event()
    try:
        _allow(
            None
        )  # a thread that finds no memory at its start would never say that it has started
        threading.Thread(target=_watch, args=(most, done), daemon=True).start()
        limit_memory(limit_mb, before / 1e6)
        return fn(*args, **kwargs)
    except MemoryError:
        os._exit(EXIT_OUT_OF_MEMORY)  # memory still held would count against the next file
    finally:
        done.set()


def _watch(limit: float, done: threading.Event) -> None:
    while not done.wait(_EVERY_S):
        if _held().rss > limit and not done.is_set():
            os._exit(EXIT_OUT_OF_MEMORY)


def limit_memory(limit_mb: float, before_mb: float = 0.0) -> None:
    """Let Linux refuse this process more than `limit_mb` MB beyond what it held at first, with a ``MemoryError``.

    It works where `run_within` is late: a decoder may allocate gigabytes in one call that lets no other thread run.

    Parameters
    ----------
    before_mb : float
        Limit that it had before; if that is greater, what it holds now comes on top, up to that limit.
    """
    if sys.platform == "linux":
        most = _held_at_first() + int(limit_mb * 1e6)
        if before_mb > limit_mb:
            now = int(_held().data) + int(limit_mb * 1e6)
            most = max(most, min(now, _held_at_first() + int(before_mb * 1e6)))
        _allow(most)


def _allow(most: int | None) -> None:
    """Set how many bytes Linux gives this process; None: as many as there are."""
    if sys.platform == "linux":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        if most is None or (hard != resource.RLIM_INFINITY and most > hard):
            most = hard
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def _held() -> Any:
    return psutil.Process().memory_info()


@cache
def _held_at_first() -> int:
    return int(_held().data)


def disable_core_dumps() -> None:
    """Keep the memory of a process that crashes, which has faces in it, off the disk."""
    if sys.platform != "win32":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, hard))


def keep_freed_memory() -> None:
    """Let glibc keep the memory of one photo for the next, up to 256 MB, instead of returning it to the system.

    Returning it costs a page fault per page: 4 of the 185 ms that a 24 MP JPEG takes.
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        library.mallopt(_M_TRIM_THRESHOLD, _KEPT)
        library.mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT)
