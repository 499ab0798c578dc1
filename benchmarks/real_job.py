"""A job of real photos: images per second, where the time goes, peak memory.

python benchmarks/real_job.py --pack ../shared/models/mbf128 --assets ../shared --photos 1600
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from accuracy import PHOTO_SUFFIXES
from figures import ANALYSIS, run_benchmark
from peak_memory import PeakMemory

from facesort.engine.gallery.seed import Candidate, seed
from facesort.engine.job.sort import run_sort
from facesort.engine.setup import set_up
from facesort.store.queries import reports


def choose_photos(assets: Path, count: int) -> list[Path]:
    """All large photos first, then LFW's small ones, evenly mixed, as many as are wanted."""
    photos = sorted(p for p in (assets / "photos").rglob("*") if p.suffix.lower() in PHOTO_SUFFIXES)
    large = [p for p in photos if "lfw" not in p.parts]
    small = [p for p in photos if "lfw" in p.parts][: max(count - len(large), 0)]
    step = max(len(small) // max(len(large), 1), 1)
    mixed = []
    for index, photo in enumerate(small):
        if index % step == 0 and large:
            mixed.append(large.pop())
        mixed.append(photo)
    return (mixed + large)[:count]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assets", type=Path, default=Path("../shared"))
    parser.add_argument("--pack")
    parser.add_argument("--photos", type=int, default=1600)
    parser.add_argument("--people", type=int, default=60)
    options = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="facesort-real-"))
    try:
        source = root / "source"
        source.mkdir()
        for number, photo in enumerate(choose_photos(options.assets, options.photos)):
            shutil.copyfile(photo, source / f"{number:05d}{photo.suffix}")
        workspace, pack = set_up(root / "hot", [source], root / "out", options.pack, [])
        folders = sorted((options.assets / "photos/lfw").iterdir())
        people = [f for f in folders if len(list(f.glob("*.jpg"))) > 3][: options.people]
        list(seed(workspace, pack, [Candidate(f.name, sorted(f.glob("*.jpg"))[0]) for f in people]))
        memory = PeakMemory()
        memory.start()
        started = time.perf_counter()
        run_id = run_sort(workspace, pack)
        seconds = time.perf_counter() - started
        memory.done.set()
        with workspace.open_store(read_only=True) as store:
            counts, batches = reports.counts(store), reports.throughput(store, run_id)
    finally:
        shutil.rmtree(root)
    rates = [n / (waited + worked) for _, n, waited, worked in batches]
    waited = sum(b[2] for b in batches)
    worked = sum(b[3] for b in batches)
    print(f"{pack.name}: {counts.total} photos", {s.value: n for s, n in counts.photos.items()})
    print(
        f"{counts.total / seconds:.1f} images/s over all; per batch median {statistics.median(rates):.1f}, "
        f"{min(rates):.1f} to {max(rates):.1f}"
    )
    print(f"waiting for workers {waited:.0f} s, matching, storing and committing {worked:.0f} s")
    print(
        f"peak memory: coordinator {memory.coordinator / 1e6:.0f} MB, "
        f"largest worker {memory.worker / 1e6:.0f} MB"
    )


if __name__ == "__main__":
    run_benchmark(main, ANALYSIS)
