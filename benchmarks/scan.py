"""What a second scan of 100,000 files with nothing new costs, in CPU seconds of this process.

python benchmarks/scan.py [--files N] [--rounds N]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from facesort.core.comparison import FileState, KnownFile
from facesort.core.records import File
from facesort.engine.job.scan import scan

PER_FOLDER = 1000


def make_files(root: Path, count: int) -> None:
    """Two cards of a camera: 1,000 photos a folder, and a sidecar and a file without a suffix for every hundredth."""
    for number in range(count):
        folder = (
            root / f"card-{number % 2 + 1}" / "DCIM" / f"{100 + number // (2 * PER_FOLDER)}MSDCF"
        )
        if number % PER_FOLDER < 2:
            folder.mkdir(parents=True, exist_ok=True)
        (folder / f"DSC{number:06d}.JPG").touch()
        if number % 100 == 0:
            (folder / f"DSC{number:06d}.xmp").touch()
            (folder / f"DSC{number:06d}").write_bytes(b"no photo")


def cpu(work: Callable[[], object], rounds: int) -> str:
    seconds = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return f"{statistics.median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="facesort-scan-") as name:
        make_files(Path(name), options.files)
        places = {f"card-{i}": Path(name) / f"card-{i}" for i in (1, 2)}
        first = scan(places, [])
        known = [
            KnownFile(File(number, *found), FileState.PRESENT, f"{number:064x}")
            for number, found in enumerate(first.new, start=1)
        ]
        again = scan(places, known, first.skipped)
        assert (again.new, again.gone, again.replaced, again.shifted) == ((), (), (), {})
        print(
            f"{len(known):,} photos and {len(first.skipped):,} other files, CPU seconds, median (range)"
        )
        print(f"first scan: {cpu(lambda: scan(places, []), options.rounds)}")
        print(f"second scan: {cpu(lambda: scan(places, known, first.skipped), options.rounds)}")
        tracemalloc.start()
        scan(places, known, first.skipped)
        print(
            f"second scan, peak of what it allocates: {tracemalloc.get_traced_memory()[1] / 1e6:.0f} MB"
        )


if __name__ == "__main__":
    main()
