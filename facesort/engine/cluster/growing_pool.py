"""The processes of a machine that lends them: more while calls wait, fewer when they have nothing to do."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from facesort.engine.analysis.pool import LocalPool
from facesort.settings import PhotoSettings

log = logging.getLogger(__name__)
T = TypeVar("T")

_GROW_S = 2.0  # that a call waits, and that lie between two steps up
_IDLE_S = 60.0  # after which processes are ended: to load the models again takes a few seconds
_LOOK_S = 1.0


@dataclass(eq=False)
class _Step:
    """Some of the processes, which start and end together."""

    pool: LocalPool
    size: int
    calls: int = 0
    idle_since: float = 0.0

    @property
    def load(self) -> float:
        return self.calls / self.size


class GrowingPool:
    """Processes for the calls of several runs, each with its own limits.

    There are `least` of them; their number about doubles whenever a call has waited for two seconds, up to `most`.  A
    call goes to the first ones that are free, so the last are the first that idle; after a minute they are ended, which
    gives back the memory of their models.

    Parameters
    ----------
    least, most : int
        Number of processes; where both are the same, all are started with the first call and stay.
    """

    def __init__(self, least: int, most: int) -> None:
        self._sizes = list(_sizes(least, most))
        self._steps: list[_Step] = []
        self._freed = threading.Condition()
        self._grown = 0.0
        self._closed = False
        self._shrinks = False

    @property
    def processes(self) -> int:
        """How many there are now."""
        return sum(step.size for step in list(self._steps))

    def run(self, limits: PhotoSettings, fn: Callable[..., T], *args: Any) -> T:
        """Make a call within its run's limits of time and memory, and wait for it; raises what `LocalPool` does."""
        step = self._taken(limits)
        try:
            return step.pool.submit_within(limits, fn, *args).result()
        finally:
            with self._freed:
                step.calls -= 1
                step.idle_since = time.monotonic()
                self._freed.notify()

    def close(self) -> None:
        """End the processes; calls under way are abandoned, and never end."""
        with self._freed:
            self._closed = True
            steps, self._steps = self._steps, []
        for step in steps:
            step.pool.shutdown(cancel_futures=True)

    def _taken(self, limits: PhotoSettings) -> _Step:
        """The processes for a call."""
        began = time.monotonic()
        with self._freed:
            while (step := self._for_next()) is None:
                waited = time.monotonic() - max(began, self._grown)
                if not self._closed and (not self._steps or waited >= _GROW_S):
                    self._grow(limits)
                else:
                    self._freed.wait(_GROW_S)
            step.calls += 1
            return step

    def _for_next(self) -> _Step | None:
        """Where a call is made next; None if it has to wait, or more processes are needed; the lock is held."""
        for step in self._steps:
            if step.calls < step.size:
                return step
        if len(self._steps) < len(self._sizes):
            return None
        return min(self._steps, key=lambda step: step.load)  # it has one at hand when it gets free

    def _grow(self, limits: PhotoSettings) -> None:
        size = self._sizes[len(self._steps)]
        self._steps.append(_Step(LocalPool.of(size, limits), size))
        self._grown = time.monotonic()
        if len(self._steps) > 1 and not self._shrinks:
            threading.Thread(target=self._shrink, daemon=True).start()
            self._shrinks = True

    def _shrink(self) -> None:
        """End processes that idle, until only those are left that stay."""
        while True:
            time.sleep(_LOOK_S)
            with self._freed:
                if len(self._steps) < 2:
                    self._shrinks = False
                    return
                last = self._steps[-1]
                if last.calls or time.monotonic() - last.idle_since < _IDLE_S:
                    continue
                self._steps.pop()
            try:
                last.pool.shutdown()
            except Exception as error:  # noqa: BLE001 - whatever it is, the others are to be ended too
                log.warning("processes that had nothing to do did not end cleanly: %s", error)


def _sizes(least: int, most: int) -> Iterator[int]:
    yield least
    while least < most:
        yield (more := min(least, most - least))
        least += more
