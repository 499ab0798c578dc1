"""Peak memory of a job's processes."""

from __future__ import annotations

import threading

import psutil


class PeakMemory(threading.Thread):
    """Highest resident memory of this process and of its largest worker, in bytes."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.coordinator = self.worker = 0
        self.done = threading.Event()

    def run(self) -> None:
        own = psutil.Process()
        while not self.done.wait(0.5):
            self.coordinator = max(self.coordinator, own.memory_info().rss)
            for child in own.children(recursive=True):
                try:
                    self.worker = max(self.worker, child.memory_info().rss)
                except psutil.NoSuchProcess:
                    continue
