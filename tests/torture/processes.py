"""What the processes of a job take, seen from outside."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

_EVERY_S = 0.02


@dataclass
class Peak:
    """The most resident memory that one worker process had, in MB."""

    worker_mb: float = 0.0


@contextmanager
def peak_memory() -> Iterator[Peak]:
    """Watch the workers of this process."""
    peak, done = Peak(), threading.Event()

    def watch() -> None:
        while not done.wait(_EVERY_S):
            for child in multiprocessing.active_children():
                try:
                    rss = psutil.Process(child.pid).memory_info().rss
                except psutil.NoSuchProcess:
                    continue
                peak.worker_mb = max(peak.worker_mb, rss / 1e6)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()
