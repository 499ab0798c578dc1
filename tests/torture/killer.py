"""Kills something of a sort while it runs."""

from __future__ import annotations

import random
import threading
from abc import ABC, abstractmethod


class Killer(ABC):
    """Kills a moment after every so many photos, when another one may be under way."""

    def __init__(self, chance: random.Random, every: int) -> None:
        self.chance, self.every = chance, every
        self.timers: list[threading.Timer] = []

    def on_photo(self, done: int, total: int) -> None:
        if done % self.every == 0:
            self.timers.append(threading.Timer(self.chance.uniform(0, 0.3), self.kill))
            self.timers[-1].start()

    @abstractmethod
    def kill(self) -> None:
        """Kill something."""

    def rest(self) -> None:
        """Wait until nothing is killed any more."""
        for timer in self.timers:
            timer.join()
        self.timers.clear()
