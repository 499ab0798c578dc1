"""What a coordinator has on its books: calls that are not finished, and the machines that it knows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from facesort.core.records import PhotoRef
from facesort.engine.analysis.analyse import Analyser, Task
from facesort.engine.cluster.machine import Outcome
from facesort.engine.cluster.members import Member


@dataclass(eq=False)
class Call:
    """A call that is not finished; the earliest comes first, also when it is made again."""

    number: int
    fn: Callable[..., Any]
    analyser: Analyser
    args: tuple[Any, ...]
    future: Future[Any] = field(default_factory=Future)
    unseen_by: dict[Peer, Outcome] = field(default_factory=dict)

    def __lt__(self, other: Call) -> bool:
        return self.number < other.number

    @property
    def photo(self) -> PhotoRef | None:
        """The photo that it is about; None: of an upload."""
        first = self.args[0] if self.args else None
        if isinstance(first, Task):
            return first.ref if first.content is None else None
        return first if isinstance(first, PhotoRef) else None


@dataclass(eq=False)
class Peer:
    """A worker of the cluster, as the coordinator knows it."""

    address: str
    name: str
    processes: int = 0
    processes_now: int = 0
    receives: bool = False
    calls: int = 0
    is_far: bool = False
    refused: str = ""
    left: bool = False
    photos: int = 0
    doubts: int = 0
    began: float = 0.0
    latest: float = 0.0
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def works(self) -> bool:
        """Whether it gets photos."""
        return bool(self.processes) and not self.refused and not self.left

    def member(self) -> Member:
        """As a user sees it."""
        seconds = max(self.latest - self.began, 0.1)
        return Member(
            name=f"{self.name.partition(':')[0]} ({self.address.rpartition('/')[2]})",
            processes=self.processes_now,
            most_processes=self.processes,
            photos=self.photos,
            images_per_second=round(self.photos / seconds, 2) if self.photos else None,
            left=self.left,
            refused=self.refused,
        )

    def stop(self) -> None:
        """End what is done for it, but for the task that asks for that."""
        current = asyncio.current_task()
        for task in self.tasks:
            if task is not current:
                task.cancel()
