"""The stages of a photo's way from the source to the output, and what each of them took."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """What is being done at a moment, in the order in which people should read it."""

    LOAD = "load"  # the models, once per worker
    READ = "read"
    DECODE = "decode"
    DETECT = "detect"  # the shrinking for the detector is a part of it
    ALIGN = "align"
    EMBED = "embed"
    RESIZE = "resize"
    ENCODE = "encode"
    MATCH = "match"
    RENDER = "render"  # what is not in staging any more
    COPY = "copy"
    HASH = "hash"  # in a worker the source file and its look, in the coordinator what is copied
    FSYNC = "fsync"
    STORE = "store"
    OTHER = "other"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class StageTime:
    """What one stage took.

    Parameters
    ----------
    seconds : float
        Wall time.
    cpu_seconds : float
        CPU time of the thread that did it; threads of a library are not counted.
    """

    stage: Stage
    seconds: float
    cpu_seconds: float


def added_up(times: Iterable[StageTime]) -> tuple[StageTime, ...]:
    """One time per stage, in the order of `Stage`."""
    spent: dict[Stage, tuple[float, float]] = {}
    for took in times:
        wall, cpu = spent.get(took.stage, (0.0, 0.0))
        spent[took.stage] = wall + took.seconds, cpu + took.cpu_seconds
    return tuple(StageTime(stage, *spent[stage]) for stage in Stage if stage in spent)
