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

from figures import run_benchmark

from facesort.core.records import File
from facesort.core.sources.files import FileState, KnownFile, KnownFiles
from facesort.engine.scan.scan import scan

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


def make_links(root: Path, count: int) -> None:
    """As git-annex: each photo is a link to a file in a folder of its own, far down in a hidden one."""
    (root / "photos").mkdir(parents=True)
    for number in range(count):
        key = f".git/annex/objects/{number % 32:02x}/{number // 32 % 32:02x}/K{number}.jpg/K{number}.jpg"
        (root / key).parent.mkdir(parents=True)
        (root / key).touch()
        (root / "photos" / f"DSC{number:06d}.JPG").symlink_to(f"../{key}")


def measure(places: dict[str, Path], rounds: int) -> None:
    first = scan(places, KnownFiles())
    known = KnownFiles.of(
        KnownFile(File(number, *found), FileState.PRESENT, f"{number:064x}")
        for number, found in enumerate(first.new, start=1)
    )
    again = scan(places, known, first.skipped)
    assert (again.new, again.gone, again.replaced, again.shifted) == ((), (), (), {})
    print(
        f"{len(known):,} photos and {len(first.skipped):,} other files, CPU seconds, median (range)"
    )
    print("| scan | CPU s, median (range) |\n|---|---|")
    print(f"| first | {cpu(lambda: scan(places, KnownFiles()), rounds)} |")
    print(f"| second | {cpu(lambda: scan(places, known, first.skipped), rounds)} |")
    tracemalloc.start()
    scan(places, known, first.skipped)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"second scan, peak of what it allocates: {peak / 1e6:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="facesort-scan-") as name:
        make_files(Path(name), options.files)
        measure({f"card-{i}": Path(name) / f"card-{i}" for i in (1, 2)}, options.rounds)
        make_links(Path(name) / "annex", options.files)
        measure({"annex": Path(name) / "annex"}, options.rounds)


if __name__ == "__main__":
    run_benchmark(main, ["facesort/engine/scan/scan.py", "facesort/engine/scan/walk.py"])
