"""What the coordinator alone costs per photo: a sort whose analyses are ready at once, by stage.

    python benchmarks/coordinator.py --photos 10000 --kilobytes 3
    python benchmarks/coordinator.py --photos 2000 --kilobytes 300

60 people and many strangers, three faces in each photo; a third shows nobody who is known.  Before and after a change
are measured in turns, each from its own checkout.  `--digest` prints what must not differ between the two.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from engine_scale import seeded
from figures import run_benchmark

from facesort.core.records import Analysis, Face, PhotoInfo
from facesort.engine.job.sort import SortOptions, run_sort
from facesort.store.queries import reports
from facesort.store.queries.gallery import load_gallery
from facesort.workspace import Workspace

_STAGES = {
    "decide": "engine.job.batches.decide_batch",
    "ask where they stand": "engine.job.batches.standings_of",
    "plan": "engine.job.batches.plan_batch",
    "stage": "engine.job.staging.Staging.write",
    "record": "store.job.photos.record_batch",
    "read the plan": "engine.job.batches.planned_writes",
    "copy": "engine.job.commit.Committer.carry_out",
    "finish": "store.job.commits.finish_batch",
    "unstage": "engine.job.staging.Staging.remove",
    "times": "store.job.runs.record_run_batch",
    "progress": "engine.job.progress.Progress._write",
    "commit": "store.store.Store._commit",
    "re-match": "engine.job.batches.Run.rematch",
    "ready-made analyses": "ReadyMade.submit",
}


class ReadyMade(Executor):
    """Gives made-up analyses at once."""

    def __init__(self, references: np.ndarray, kilobytes: int, photos: int) -> None:
        rng = np.random.default_rng(5)
        count, dim = max(photos // 10, 500), references.shape[1]
        self.known, self.strangers = references, rng.normal(size=(count, dim))
        self.noise = rng.normal(size=(997, dim)) * 0.35 / np.sqrt(dim)
        self.tail = rng.bytes(kilobytes * 1000)

    def submit(self, _: Callable[..., Any], /, *args: Any, **__: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(self._analysis(args[1].ref.photo_id))
        return future

    def _analysis(self, number: int) -> Analysis:
        rng = np.random.default_rng(number)
        pool = self.strangers if number % 3 == 0 else self.known
        chosen = [*rng.choice(len(pool), 2, replace=False), rng.integers(len(self.strangers))]
        faces = tuple(
            self._face(of[i], number + n)
            for n, (of, i) in enumerate(zip((pool, pool, self.strangers), chosen, strict=True))
        )
        digest = hashlib.sha256(number.to_bytes(8)).hexdigest()
        info = PhotoInfo("JPEG", 6000, 4000, None, "Canon EOS R6")
        jpeg = digest.encode() + self.tail
        return Analysis(number, digest, info, faces, jpeg, seconds=0.1, phash=number * 7919)

    def _face(self, direction: np.ndarray, number: int) -> Face:
        vector = direction / np.linalg.norm(direction) + self.noise[number % len(self.noise)]
        embedding = (vector / np.linalg.norm(vector)).astype(np.float32)
        left = float(number % 4000)
        return Face(
            np.array([left, 10, left + 200, 250], np.float32),
            np.full((5, 2), left, np.float32),
            0.9, 150.0, 0.1, 0.5 + number % 7 / 20, embedding, self.tail[:5000],
        )  # fmt: skip


@contextmanager
def stopwatch(spent: Counter[str]) -> Iterator[None]:
    """Add up the CPU seconds of each stage, without those of the stages inside it."""
    inside: list[float] = []
    undo = []

    def timed(stage: str, work: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(work)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            inside.append(0.0)
            started = time.process_time()
            try:
                return work(*args, **kwargs)
            finally:
                seconds = time.process_time() - started
                spent[stage] += seconds - inside.pop()
                if inside:
                    inside[-1] += seconds

        return wrapper

    for stage, name in _STAGES.items():
        owner, attribute = _owner(name)
        if hasattr(owner, attribute):
            undo.append((owner, attribute, getattr(owner, attribute)))
            setattr(owner, attribute, timed(stage, getattr(owner, attribute)))
    try:
        yield
    finally:
        for owner, attribute, work in undo:
            setattr(owner, attribute, work)


def _owner(name: str) -> tuple[Any, str]:
    """The module or class that has a function."""
    path, _, attribute = name.rpartition(".")
    if path == "ReadyMade":
        return ReadyMade, attribute
    module, _, last = path.rpartition(".")
    if last[0].isupper():
        return getattr(import_module(f"facesort.{module}"), last), attribute
    return import_module(f"facesort.{path}"), attribute


def prepare(root: Path, photos: int) -> tuple[Workspace, Any]:
    """A workspace with a gallery, and a source of as many files, no two of one size."""
    source = root / "source"
    for number in range(photos):
        path = source / f"{number // 1000:03d}" / f"DSC{number:06d}.JPG"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.truncate(path, 1_000_000 + number)
        os.utime(path, (1.6e9, 1.6e9))
    return seeded(root)


def measure(root: Path, photos: int, kilobytes: int, digest: bool) -> None:
    workspace, pack = prepare(root, photos)
    with workspace.open_store(read_only=True) as store:
        gallery = load_gallery(store, pack.pack_id, 0)
    references = np.concatenate([gallery.references[int(i)] for i in gallery.person_ids])
    spent = Counter[str]()
    started, cpu = time.perf_counter(), time.process_time()
    with stopwatch(spent):
        run_id = run_sort(
            workspace, pack, SortOptions(executor=ReadyMade(references, kilobytes, photos))
        )
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    with workspace.open_store(read_only=True) as store:
        batches = reports.throughput(store, run_id)
        counts = reports.counts(store)
        print(f"{photos} photos, {kilobytes} kB:", dict(counts.photos), dict(counts.faces))
        if digest:
            print("digest:", digest_of(store, root / "out"))
    each = 1000 / photos
    print("| stage | CPU ms per photo |\n|---|---|")
    rest = {"everything else": cpu - spent.total(), "all": cpu}
    for stage, seconds in [*spent.most_common(), *rest.items()]:
        print(f"| {stage} | {seconds * each:.2f} |")
    print(f"wall: {wall * each:.1f} ms per photo")
    tenth = max(len(batches) // 10, 1)
    costs = [1000 * worked / n for _, n, _, worked in batches]
    parts = [statistics.median(costs[i : i + tenth]) for i in range(0, len(costs), tenth)]
    print("ms per photo outside analysis, by tenth:", " ".join(f"{p:.2f}" for p in parts))


def digest_of(store: Any, output: Path) -> str:
    """SHA-256 of all rows but the clocks', and of names and contents in the output."""
    found = hashlib.sha256()
    tables = "file reading photo result face decision learned write batch_file batch".split()
    for table in tables:
        found.update(json.dumps(store.rows(f"FROM {table} ORDER BY ALL"), default=repr).encode())
    for path in sorted(output.rglob("*")):
        if path.is_file():
            found.update(f"{path.relative_to(output)}".encode() + path.read_bytes())
    return found.hexdigest()[:16]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--kilobytes", type=int, default=3, help="of each output JPEG")
    parser.add_argument("--digest", action="store_true")
    parser.add_argument(
        "--work",
        type=Path,
        help="folder in which all is made; by default the system's for what is temporary",
    )
    options = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="facesort-coordinator-", dir=options.work))
    try:
        measure(root, options.photos, options.kilobytes, options.digest)
    finally:
        shutil.rmtree(root)
    print("load:", " ".join(f"{x:.1f}" for x in os.getloadavg()))


if __name__ == "__main__":
    stages = ["batches", "commit", "decide", "rematch", "staging"]
    run_benchmark(main, [f"facesort/engine/job/{stage}.py" for stage in stages])
