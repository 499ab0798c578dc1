"""What a worker process does with memory: a bound for each file, no giving back between files, no trace of it."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
import threading
from collections.abc import Callable
from typing import TypeVar

import psutil

T = TypeVar("T")

SWOLLEN = 77
"""Exit status of a worker that ended itself because it had come to hold too much."""

_EVERY_S = 0.05

# Of glibc's malloc.h. A picture of working size is 18 MB; what is larger than 32 MB still goes back at once.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT, _LARGEST_KEPT = 256 << 20, 32 << 20  # bytes


def watched(limit_mb: float, fn: Callable[..., T], *args: object, **kwargs: object) -> T:
    """Run a function, and end this process with `SWOLLEN` if it holds more memory meanwhile than it may.

    Only meanwhile: a worker that ended while it hands over its result would take the pool's pipe with it.  What is
    held is looked at twenty times a second; `limit_process` is for what is faster.

    Parameters
    ----------
    limit_mb : float
        Resident memory of the whole process, in MB.
    *args, **kwargs
        For `fn`.
    """
    done = threading.Event()
    threading.Thread(target=_watch, args=(limit_mb * 1e6, done), daemon=True).start()
    try:
        return fn(*args, **kwargs)
    except MemoryError:
        os._exit(SWOLLEN)  # what is still held would be counted against the next file
    finally:
        done.set()


def _watch(limit: float, done: threading.Event) -> None:
    process = psutil.Process()
    while not done.wait(_EVERY_S):
        if process.memory_info().rss > limit and not done.is_set():
            os._exit(SWOLLEN)


def limit_process(limit_mb: float) -> None:
    """Have Linux refuse this process more than it holds now and so many MB; the refused call raises ``MemoryError``.

    It holds where `watched` is late: a decoder may take gigabytes in a single call that lets no other thread run.
    """
    if sys.platform == "linux":
        import resource

        most = psutil.Process().memory_info().data + int(limit_mb * 1e6)
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(
            resource.RLIMIT_DATA,
            (most if hard == resource.RLIM_INFINITY else min(most, hard), hard),
        )


def leave_no_core() -> None:
    """Have a process that crashes not write its memory, which has faces in it, to a disk."""
    if sys.platform != "win32":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, hard))


def keep_freed_memory() -> None:
    """Have glibc keep the memory of one photo for the next, up to 256 MB, where it would give it back and ask again.

    That costs as many page faults as a picture has pages: 4 of the 185 ms that a 24 MP JPEG takes.
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        library.mallopt(_M_TRIM_THRESHOLD, _KEPT)
        library.mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT)
