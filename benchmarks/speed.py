"""facesort against a straightforward pipeline, dlib, and the networks' own time, on 24 MP photos; prints a table.

python benchmarks/speed.py --assets ../shared --packs ../shared/models/mbf128 ../shared/models/buffalo_sc_int8

The pipelines take turns, round after round, on the same photos, and nothing is warm for one and cold for another:
models are loaded and workers are running before the clock starts.  CPU time (user and system, of all processes)
stands beside wall time, because it depends much less on what else the machine is doing.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from figures import ANALYSIS, run_benchmark
from heavy_pack import write_heavy_pack
from networks import Tensors, run_networks, tensors_of
from peak_memory import PeakMemory
from speed_photos import MadePhotos, make_jpegs, make_raws
from straightforward import Straightforward, sort_with_dlib

from facesort.core.records import PhotoRef
from facesort.engine.analysis.analyse import Analyser, Task, analyse_file
from facesort.engine.analysis.pool import LocalPool
from facesort.engine.gallery.seed import Candidate, seed
from facesort.engine.job.sort import SortOptions, run_sort
from facesort.engine.setup import set_up
from facesort.faces.packs.find import resolve_pack
from facesort.faces.protocol import ModelPack
from facesort.settings import Backend, PhotoSettings
from facesort.store.job import files as file_rows
from facesort.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took, per photo, in seconds."""

    wall: float
    cpu: float


@dataclass(slots=True)
class Results:
    """Costs of one pipeline on one kind of photo, round by round."""

    costs: list[Cost] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return statistics.median(1 / cost.wall for cost in self.costs)

    @property
    def cpu(self) -> float:
        return statistics.median(cost.cpu for cost in self.costs)


def measured(work: Callable[[], object], count: int) -> Cost:
    started, before = time.perf_counter(), _cpu()
    work()
    return Cost((time.perf_counter() - started) / count, (_cpu() - before) / count)


def _cpu() -> float:
    own = psutil.Process()
    times = [process.cpu_times() for process in (own, *own.children(recursive=True))]
    return sum(t.user + t.system for t in times)


def facesort_run(
    root: Path, made: MadePhotos, pack: ModelPack, pool: Executor, backend: Backend
) -> Cost:
    """Scan, analyse, match, store and commit in a new workspace; seeding comes before the clock."""
    workspace, pack = set_up(root / "hot", [made.source], root / "out", str(pack.path), [])
    run = workspace.settings.run.model_copy(update={"backend": backend})
    workspace = Workspace(workspace.root, workspace.settings.model_copy(update={"run": run}))
    people = [Candidate(name, path, force=True) for name, path in made.references.items()]
    reports = list(seed(workspace, pack, people))
    assert any(report.refused is None for report in reports)
    count = len(list(made.source.iterdir()))
    first, again = (
        measured(lambda: run_sort(workspace, pack, SortOptions(executor=pool)), count)
        for _ in range(2)
    )
    with workspace.open_store(read_only=True) as store:
        assert not file_rows.pending_and_done(store)[0]
    shutil.rmtree(root)
    # What a finished job costs is the fixed part of any: opening, checking, scanning, closing.
    return Cost(first.wall - again.wall, first.cpu - again.cpu)


@dataclass(frozen=True, slots=True)
class Contest:
    """One pack on one kind of photo."""

    pack: ModelPack
    made: MadePhotos
    tensors: Sequence[Tensors]
    folder: Path
    rounds: int
    workers: int
    backend: Backend

    def run(self) -> dict[str, Results]:
        found = {name: Results() for name in ("facesort", "straightforward", "networks alone")}
        paths = sorted(self.made.source.iterdir())
        usual = Straightforward(
            self.pack.path or Path(), self.made.references, self.pack.loose, self.folder / "usual"
        )
        with LocalPool(self.workers, 600) as pool:
            self._warm(pool, paths)
            for number in range(self.rounds):
                ours = facesort_run(self.folder / "ours", self.made, self.pack, pool, self.backend)
                found["facesort"].costs.append(ours)
                part = paths[number :: self.rounds]
                found["straightforward"].costs.append(
                    measured(lambda part=part: usual.sort(part), len(part))
                )
                found["networks alone"].costs.append(
                    measured(lambda: self._networks(pool), len(self.tensors))
                )
        shutil.rmtree(self.folder / "usual")
        return found

    def _warm(self, pool: LocalPool, paths: Sequence[Path]) -> None:
        analyser = Analyser(
            {"": self.made.source}, self.pack, PhotoSettings(), backend=self.backend
        )
        tasks = [Task(PhotoRef(n, path.name)) for n, path in enumerate(paths[:8])]
        for future in [pool.submit(analyse_file, analyser, task) for task in tasks]:
            assert future.result().failure is None
        self._networks(pool)

    def _networks(self, pool: LocalPool) -> None:
        shares = [self.tensors[n :: self.workers] for n in range(self.workers)]
        for future in [
            pool.submit(run_networks, self.pack, share, self.backend) for share in shares
        ]:
            future.result()


def report(title: str, found: dict[str, Results], workers: int) -> None:
    """Rates by wall and CPU time; ratios to the straightforward pipeline, round by round."""
    print(f"\n{title}\n\n| | photos/s: median (range) | CPU s per photo | times as fast (range) |")
    print("|---|---|---|---|")
    usual = found["straightforward"].costs
    for name, results in found.items():
        rates = [1 / cost.wall for cost in results.costs]
        ratios = [u.wall / c.wall for u, c in zip(usual, results.costs, strict=False)]
        print(
            f"| {name} | {results.rate:.2f} ({min(rates):.2f} to {max(rates):.2f}) | {results.cpu:.3f} | "
            f"{statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f}) |"
        )
    bound, ours = found["networks alone"], found["facesort"]
    shares = [b.wall / c.wall for b, c in zip(bound.costs, ours.costs, strict=True)]
    print(
        f"\nfacesort reaches {statistics.median(shares):.0%} of the bound by wall time, "
        f"{bound.cpu / ours.cpu:.0%} by CPU time; on {workers} idle cores its CPU time alone allows "
        f"{workers / ours.cpu:.1f} photos/s"
    )


def scaling(contest: Contest) -> None:
    """One worker against two, taking turns; CPU time per photo says what contention costs."""
    rates: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(contest.rounds):
        for workers, found in rates.items():
            with LocalPool(workers, 600) as pool:
                contest._warm(pool, sorted(contest.made.source.iterdir()))
                cost = facesort_run(
                    contest.folder / "ours", contest.made, contest.pack, pool, contest.backend
                )
            found.append(1 / cost.wall)
    ratios = [two / one for one, two in zip(rates[1], rates[2], strict=True)]
    print(
        f"\n2 workers against 1: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assets", type=Path, default=Path("../shared"))
    parser.add_argument("--packs", type=Path, nargs="*", default=[])
    parser.add_argument("--photos", type=int, default=60)
    parser.add_argument("--raws", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=psutil.cpu_count(logical=False) or 1)
    parser.add_argument("--backend", choices=("onnxruntime", "openvino"), default="onnxruntime")
    parser.add_argument("--heavy", action="store_true", help="also a pack of large random networks")
    parser.add_argument("--dlib", type=int, default=0, help="photos for face_recognition's way")
    parser.add_argument("--scaling", action="store_true")
    parser.add_argument("--keep", type=Path, help="make the photos here, or find them here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="facesort-speed-") as name:
        compare(options, Path(name), options.keep or Path(name))


def compare(options: argparse.Namespace, folder: Path, photos: Path) -> None:
    jpegs = make_jpegs(options.assets, photos, options.photos)
    kinds = [("24 MP JPEG", jpegs)]
    if options.raws:
        kinds.append(("24 MP ARW", make_raws(options.assets, jpegs, photos, options.raws)))
    memory = PeakMemory()  # from here on: making the photos takes more than sorting them
    memory.start()
    packs = [resolve_pack(str(path), []) for path in options.packs]
    if options.heavy:
        detector = options.assets / "models/mbf128/det_500m.onnx"
        packs.append(resolve_pack(str(write_heavy_pack(folder / "models/heavy", detector)), []))
    for kind, made in kinds:
        for pack in packs:
            tensors = tensors_of(pack, sorted(made.source.iterdir()))
            contest = Contest(
                pack, made, tensors, folder, options.rounds, options.workers, options.backend
            )
            faces = sum(t.faces for t in tensors) / len(tensors)
            title = f"{kind}, {len(tensors)} photos, {faces:.1f} faces each, {pack.name}, {options.backend}"
            report(title, contest.run(), options.workers)
            if options.scaling and made is jpegs:
                scaling(contest)
    memory.done.set()
    print(f"\npeak memory of a worker: {memory.worker / 1e6:.0f} MB")
    if options.dlib:
        sample = sorted(jpegs.source.iterdir())[: options.dlib]
        cost = measured(lambda: sort_with_dlib(sample), len(sample))
        print(
            f"\nface_recognition's way (dlib), {len(sample)} photos: "
            f"{1 / cost.wall:.3f} photos/s, {cost.cpu:.1f} CPU s per photo"
        )


if __name__ == "__main__":
    run_benchmark(main, ANALYSIS)
