"""Run as a process: repair a workspace's output and kill it, without any clean-up, at the n-th passing of a point.

python killed_repair.py WORKSPACE POINT N
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from killed_sort import Killer

from facesort.engine.job.repair import Watch, repair_output
from facesort.engine.setup import open_with_pack


def main() -> None:
    root, point, passing = sys.argv[1:]
    killer = Killer(point, int(passing))
    repair_output(*open_with_pack(Path(root)), ThreadPoolExecutor(2), Watch(at=killer.at))


if __name__ == "__main__":
    main()
