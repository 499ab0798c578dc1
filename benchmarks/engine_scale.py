"""Is the engine's own cost per photo flat?  A job of drawn faces: scan, match, store and commit, hardly any analysis.

python benchmarks/engine_scale.py --photos 16000
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from figures import run_benchmark
from peak_memory import PeakMemory
from PIL import Image

from facesort.engine.gallery.seed import Candidate, seed
from facesort.engine.job.sort import run_sort
from facesort.engine.setup import set_up
from facesort.faces.engines.synthetic import draw_synthetic_face
from facesort.faces.protocol import ModelPack
from facesort.store.queries import reports
from facesort.workspace import Workspace

PEOPLE = 60
STRANGERS = 600


def draw(path: Path, identities: list[int], shade: int) -> None:
    pixels = np.full((200, 300, 3), shade, dtype=np.uint8)
    for position, identity in enumerate(identities):
        left, top = 4 + 74 * (position % 4), 10 + 90 * (position // 4)
        draw_synthetic_face(pixels, (left, top, left + 64, top + 64), identity)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=90)


def make_photos(source: Path, count: int) -> None:
    """A third with nobody known, the others with one to five people."""
    rng = np.random.default_rng(3)
    for number in range(count):
        pool = range(PEOPLE, PEOPLE + STRANGERS) if number % 3 == 0 else range(PEOPLE)
        people = rng.choice(np.array(pool), int(rng.integers(1, 6)), replace=False)
        path = source / f"{number // 1000:03d}" / f"DSC{number:05d}.JPG"
        draw(path, [int(i) for i in people], int(rng.integers(60, 240)))
        with path.open("ab") as stream:  # two draws may be alike: no duplicates here
            stream.write(number.to_bytes(4, "big"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=16_000)
    options = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="facesort-scale-"))
    try:
        measure(root, options.photos)
    finally:
        shutil.rmtree(root)


def seeded(root: Path) -> tuple[Workspace, ModelPack]:
    """A workspace with a gallery, for the photos in ``source``."""
    workspace, pack = set_up(root / "hot", [root / "source"], root / "out", "synthetic", [])
    candidates = []
    for identity in range(PEOPLE):
        path = root / "seeds" / f"{identity}.png"
        draw(path, [identity], 200)
        candidates.append(Candidate(f"Person {identity}", path))
    assert not [r for r in seed(workspace, pack, candidates) if r.refused]
    return workspace, pack


def measure(root: Path, photos: int) -> None:
    make_photos(root / "source", photos)
    workspace, pack = seeded(root)
    memory = PeakMemory()
    memory.start()
    before = psutil.Process().cpu_times()
    started = time.perf_counter()
    run_id = run_sort(workspace, pack)
    first = time.perf_counter() - started
    after = psutil.Process().cpu_times()
    coordinator = after.user + after.system - before.user - before.system
    started = time.perf_counter()
    run_sort(workspace, pack)
    again = time.perf_counter() - started
    memory.done.set()
    with workspace.open_store(read_only=True) as store:
        batches = reports.throughput(store, run_id)
        counts = reports.counts(store)
    print({s.value: n for s, n in counts.photos.items()}, "faces:", sum(counts.faces.values()))
    print(
        f"{photos} photos in {first:.0f} s: {photos / first:.0f} images/s; finished job again: {again:.1f} s"
    )
    print(f"CPU of the coordinator: {1000 * coordinator / photos:.2f} ms per photo")
    tenth = max(len(batches) // 10, 1)
    print("ms per photo outside analysis, by tenth of the job: median (5 % to 95 %)")
    for start in range(0, len(batches) - tenth + 1, tenth):
        costs = [1000 * worked / n for _, n, _, worked in batches[start : start + tenth]]
        low, high = np.percentile(costs, [5, 95])
        print(
            f"  batches {start + 1:4}-{start + tenth:4}: {statistics.median(costs):6.2f} ({low:.2f} to {high:.2f})"
        )
    print(
        f"peak memory: coordinator {memory.coordinator / 1e6:.0f} MB, largest worker {memory.worker / 1e6:.0f} MB"
    )


if __name__ == "__main__":
    run_benchmark(main, ["facesort/engine/job"])
