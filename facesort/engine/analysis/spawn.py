"""Processes that find code only where facesort and its libraries are installed."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.synchronize import RLock
from types import ModuleType
from typing import Any

from facesort.import_path import become, safe_environment, safe_import_path

_starting = threading.RLock()


@contextmanager
def _without_current_folder() -> Iterator[None]:
    """Hide from a process that is started meanwhile what this one may import, and a stranger may have written.

    That is the current folder, which a script or a notebook has on its import path, and its main module.  Python would
    hand down both; this process gets them back, since it may be somebody's own program.
    """
    with _starting:
        path, environment, main = sys.path, dict(os.environ), sys.modules["__main__"]
        try:
            sys.path = safe_import_path(path)
            become(safe_environment())
            sys.modules["__main__"] = ModuleType("__main__")
            yield
        finally:
            sys.path = path
            become(environment)
            sys.modules["__main__"] = main


class _Worker(SpawnProcess):
    def start(self) -> None:
        with _without_current_folder():
            super().start()


class SafeSpawn(SpawnContext):
    """Spawns workers without the current folder and without running the main module again.

    Spawned because a forked copy of a process with ONNX Runtime or DuckDB threads may deadlock.

    Attributes
    ----------
    workers : list of SpawnProcess
        All that were made, also those that have ended.
    """

    def __init__(self) -> None:
        super().__init__()
        self.workers: list[SpawnProcess] = []

    def Process(self, *args: Any, **kwargs: Any) -> SpawnProcess:  # type: ignore[override]
        """Make a worker, not started yet."""
        self.workers.append(_Worker(*args, **kwargs))
        return self.workers[-1]

    def RLock(self) -> RLock:
        """Make a lock; for the first one of a process, Python starts its resource tracker."""
        with _without_current_folder():
            return super().RLock()
