"""Clips beside the photos: each in a thread of this process that waits for the workers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial

from facesort.core.records import Analysis
from facesort.engine.analysis.analyse import Analyser, Task
from facesort.engine.analysis.clips import ClipAnalysis
from facesort.engine.analysis.parts import KeptParts

_AT_ONCE = 2  # clips: the end of one overlaps with the begin of the next


class ClipThreads:
    """Analyses clips beside the photos: each has a thread that waits for the workers, two of them at a time."""

    def __init__(
        self,
        analyser: Analyser,
        executor: Executor,
        kept: Callable[[str, str], KeptParts] | None = None,
        on_part: Callable[[], None] = lambda: None,
    ) -> None:
        self._make = partial(ClipAnalysis, analyser, executor, kept=kept, on_part=on_part)
        self._stopped = threading.Event()
        self._turn = threading.Semaphore(_AT_ONCE)

    def submit(self, work: Callable[[ClipAnalysis], Analysis], task: Task) -> Future[Analysis]:
        """Run a clip's analysis, or its hashing, in a thread."""
        future: Future[Analysis] = Future()
        clip = self._make(task, stopped=self._stopped.is_set)
        # A daemon: it waits for workers, who may be gone when this process ends.
        threading.Thread(target=self._run, args=(work, clip, future), daemon=True).start()
        return future

    def stop(self) -> None:
        """Give up what is under way."""
        self._stopped.set()

    def _run(
        self, work: Callable[[ClipAnalysis], Analysis], clip: ClipAnalysis, future: Future[Analysis]
    ) -> None:
        with self._turn:
            if self._stopped.is_set() or not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(work(clip))
            except BaseException as error:  # noqa: BLE001 - the caller of `result` gets it
                future.set_exception(error)
