"""Run as a process, under `strace`: sort a workspace, and say in JSON how that ended.

python traced_sort.py WORKSPACE [WORKERS]
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from facesort.engine.analysis.pool import LocalPool
from facesort.engine.job.sort import SortOptions, run_sort
from facesort.engine.setup import open_with_pack
from facesort.errors import FacesortError


def main() -> None:
    root, *workers = sys.argv[1:]
    try:
        workspace, pack = open_with_pack(Path(root))
        with LocalPool(int(workers[0]), 60) if workers else ThreadPoolExecutor(1) as executor:
            run_sort(workspace, pack, SortOptions(executor))
    except FacesortError as error:
        print(json.dumps([type(error).__name__, str(error)]))  # noqa: T201
    else:
        print(json.dumps(["finished", ""]))  # noqa: T201


if __name__ == "__main__":
    main()
