"""Run as a process: export, and die without any clean-up after half of the n-th file is written.

python killed_export.py WORKSPACE DIR N
"""

from __future__ import annotations

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from facesort.engine.delivery import export_folder
from facesort.engine.delivery.export import export
from facesort.engine.delivery.export_files import ExportOptions
from facesort.engine.setup import open_with_pack


def main() -> None:
    root, folder, count = sys.argv[1:]
    left = int(count)

    def write_half(path: Path, data: bytes) -> None:
        nonlocal left
        left -= 1
        if left:
            path.write_bytes(data)
        else:
            path.write_bytes(data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)

    export_folder.write_synced = write_half
    options = ExportOptions(xmp=True, results="csv")
    export(*open_with_pack(Path(root)), Path(folder), options, ThreadPoolExecutor(2))


if __name__ == "__main__":
    main()
