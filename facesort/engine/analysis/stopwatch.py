"""What each stage of a piece of work takes.  A few calls per photo, cheap enough to be always on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from facesort.core.records import Crops, Detections, Embeddings, Pixels
from facesort.core.stages import Stage, StageTime
from facesort.faces.protocol import FaceEngine, ModelPack

P = ParamSpec("P")
T = TypeVar("T")


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.thread_time()


class Stopwatch:
    """Runs from its making on, in one thread; at any moment one stage is charged, so that they add up to the whole.

    Stages nest: the inner one is charged, the outer one goes on after it.  What is in none is ``OTHER``.

    Parameters
    ----------
    clock : callable
        Wall time and CPU time in seconds.
    """

    def __init__(self, clock: Callable[[], tuple[float, float]] = _now) -> None:
        self._clock = clock
        self._spent: dict[Stage, tuple[float, float]] = {}
        self._stage = Stage.OTHER
        self._since = clock()

    @contextmanager
    def during(self, stage: Stage) -> Iterator[None]:
        """Charge a stage with what happens inside."""
        outer = self._charge_from_now(stage)
        try:
            yield
        finally:
            self._charge_from_now(outer)

    def timed(self, stage: Stage, work: Callable[P, T]) -> Callable[P, T]:
        """Make a function that charges a stage with each of its calls."""

        def charged(*args: P.args, **kwargs: P.kwargs) -> T:
            with self.during(stage):
                return work(*args, **kwargs)

        return charged

    def times(self) -> tuple[StageTime, ...]:
        """What each stage has taken so far, in the order of `Stage`."""
        self._charge_from_now(self._stage)
        return tuple(StageTime(s, *self._spent[s]) for s in Stage if s in self._spent)

    def _charge_from_now(self, stage: Stage) -> Stage:
        """Close the account of the current stage, and return it."""
        wall, cpu = self._clock()
        before = self._spent.get(self._stage, (0.0, 0.0))
        self._spent[self._stage] = (
            before[0] + wall - self._since[0],
            before[1] + cpu - self._since[1],
        )
        outer, self._stage, self._since = self._stage, stage, (wall, cpu)
        return outer


@dataclass(frozen=True, slots=True)
class TimedEngine:
    """A `FaceEngine` that charges a stopwatch with what each of its steps takes."""

    engine: FaceEngine
    watch: Stopwatch

    @property
    def pack(self) -> ModelPack:
        """The pack that the engine runs."""
        return self.engine.pack

    def detect(self, pixels: Pixels) -> Detections:
        """As the engine."""
        with self.watch.during(Stage.DETECT):
            return self.engine.detect(pixels)

    def align(self, pixels: Pixels, detections: Detections) -> Crops:
        """As the engine."""
        with self.watch.during(Stage.ALIGN):
            return self.engine.align(pixels, detections)

    def embed(self, crops: Crops) -> Embeddings:
        """As the engine."""
        with self.watch.during(Stage.EMBED):
            return self.engine.embed(crops)
