"""Run as a process: sort a workspace and kill it, without any clean-up, at the n-th passing of a named point.

python killed_sort.py WORKSPACE POINT N [processes]
"""

from __future__ import annotations

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from facesort.engine.job.sort import SortOptions, run_sort
from facesort.engine.setup import open_with_pack


class Killer:
    """Kills this process with SIGKILL."""

    def __init__(self, point: str, passing: int) -> None:
        self.point = point
        self.left = passing

    def at(self, point: str) -> None:
        if point == self.point:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def on_photo(self, done: int, total: int) -> None:
        self.at("analysed")


def main() -> None:
    root, point, passing, *kind = sys.argv[1:]
    workspace, pack = open_with_pack(Path(root))
    killer = Killer(point, int(passing))
    executor = None if kind == ["processes"] else ThreadPoolExecutor(2)
    run_sort(workspace, pack, SortOptions(executor, killer.on_photo, killer.at))


if __name__ == "__main__":
    main()
