"""Calls as a bad photo would make them, for workers of a cluster."""

from __future__ import annotations

import os
import time

from facesort.engine.analysis.analyse import Analyser


def die(_analyser: Analyser) -> None:
    os._exit(11)


def hang(_analyser: Analyser) -> None:
    time.sleep(600)


def swell(_analyser: Analyser) -> None:
    kept = [bytearray(50_000_000) for _ in range(400)]
    del kept


def answer(_analyser: Analyser, number: int) -> int:
    return 2 * number
