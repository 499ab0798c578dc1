"""One whole job as a user runs it: 16,000 photos through `facesort sort` (papermill), killed on the way and resumed.

python benchmarks/full_run.py --assets ../shared --pack ../shared/models/mbf128 --folder /var/tmp/facesort-event

The photos of two cameras (a third of 12 MP and 3.3 MB, the others of 6 MP and 1.7 MB) are made there first, which takes
half an hour on two cores and 36 GB; they are used again if they are there, and stay, as the workspace and the run
notebooks do.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import psutil
from figures import ANALYSIS, run_benchmark
from speed_photos import Camera, make_jpegs

from facesort.engine.delivery.verify import verify_output
from facesort.engine.gallery.seed import Candidate, seed
from facesort.engine.scan.rescan import rescan
from facesort.engine.setup import set_up
from facesort.lab.sort.report import DropRate
from facesort.reasons import PhotoStatus
from facesort.store.job import runs as run_rows
from facesort.store.queries import reports
from facesort.store.queries.delivery.commit_log import verified_writes
from facesort.workspace import Workspace, open_workspace

FACESORT = Path(sys.executable).with_name("facesort")
VICTIMS = ("the kernel", "everything", "the launcher", "a worker")


class Processes(threading.Thread):
    """The processes of one `facesort sort`, and what memory they take, in MB."""

    def __init__(self, launcher: psutil.Popen) -> None:
        super().__init__(daemon=True)
        self.launcher = launcher
        self.coordinator: list[float] = []
        self.worker: list[float] = []

    def run(self) -> None:
        """Look every second."""
        while self.launcher.poll() is None:
            try:
                kernel, workers = self.kernel(), self.workers()
                self.coordinator += [k.memory_info().rss / 1e6 for k in kernel]
                self.worker += [max((w.memory_info().rss / 1e6 for w in workers), default=0.0)]
            except psutil.NoSuchProcess:
                continue
            time.sleep(1)

    def kernel(self) -> list[psutil.Process]:
        return self.launcher.children()

    def workers(self) -> list[psutil.Process]:
        return [
            process
            for kernel in self.kernel()
            for process in kernel.children()
            if "resource_tracker" not in " ".join(process.cmdline())
        ]

    def kill(self, victim: str) -> None:
        """SIGKILL; a worker alone does not end the job."""
        everyone = [*self.launcher.children(recursive=True), self.launcher]
        chosen = {
            "the kernel": self.kernel(),
            "everything": everyone,
            "the launcher": [self.launcher],
            "a worker": self.workers()[:1],
        }[victim]
        for process in chosen:
            process.kill()
        if victim == "a worker":
            return
        self.launcher.wait()
        _, left = psutil.wait_procs(everyone, timeout=60)
        assert not left, f"these outlived {victim} by a minute: {left}"


def prepare(options: argparse.Namespace) -> Workspace:
    """Photos, workspace and persons."""
    large, source = options.photos // 3, options.folder / "source"
    make_jpegs(options.assets, source / "a", large, Camera((4240, 2832), 90))
    small = Camera((3000, 2000), 90, first=large)
    made = make_jpegs(options.assets, source / "b", options.photos - large, small)
    root = options.folder / "hot"
    if root.exists():
        return open_workspace(root)
    workspace, pack = set_up(root, [source], options.folder / "out", options.pack, [])
    people = [Candidate(name, path, force=True) for name, path in made.references.items()]
    print(sum(r.refused is None for r in seed(workspace, pack, people)), "persons seeded")
    return workspace


def sort_once(workspace: Workspace, runs: Path) -> Processes:
    command = [FACESORT, "sort", "-w", workspace.root, "--runs", runs]
    with (runs.parent / "sort.log").open("ab") as log:
        found = Processes(psutil.Popen(command, stdout=log, stderr=log))
    found.start()
    return found


def photos_done(workspace: Workspace) -> int:
    with workspace.open_store(read_only=True) as store:
        found = reports.counts(store)
    return found.total - found.photos[PhotoStatus.PENDING]


def run(workspace: Workspace, runs: Path, pauses: Sequence[float]) -> list[Processes]:
    """Sort to the end; after each pause, in seconds, something is killed."""
    attempts = []
    current = sort_once(workspace, runs)
    for pause, victim in zip(pauses, itertools.cycle(VICTIMS)):
        time.sleep(pause)
        if current.launcher.poll() is not None:
            break
        current.kill(victim)
        if victim != "a worker":
            attempts.append(current)
            print(f"after {pause:.0f} s more, {victim} was killed: {photos_done(workspace)} done")
            current = sort_once(workspace, runs)
        else:
            print(f"after {pause:.0f} s more, {victim} was killed: the job went on")
    status = current.launcher.wait()
    assert status == 0, f"the last sort ended with {status}"
    return [*attempts, current]


def report(workspace: Workspace, attempts: Sequence[Processes], seconds: float) -> None:
    with workspace.open_store(read_only=True) as store:
        found = reports.counts(store)
        run_ids = range(1, (run_rows.latest_run_id(store) or 0) + 1)
        batches = [batch for run_id in run_ids for batch in reports.throughput(store, run_id)]
        writes = verified_writes(store)
    batches = [batch for batch in batches if batch[1]]  # those of the re-match analyse nothing
    print({status.value: n for status, n in found.photos.items()})
    dropped = DropRate(found.total - found.photos[PhotoStatus.MATCHED], found.total)
    low, high = dropped.interval or (0.0, 0.0)
    print(f"drop rate {dropped.rate:.1%} ({low:.1%} to {high:.1%})")
    print(f"{seconds:.0f} s in all, restarts included: {found.total / seconds:.1f} images/s")
    check = verify_output(workspace.settings.output, writes)
    print(
        f"{check.verified} files verified, {len(check.missing)} missing, {len(check.changed)} changed"
    )
    print(
        "\n| batches | images/s: median (5 % to 95 %) | ms per photo outside analysis |\n|---|---|---|"
    )
    tenth = max(len(batches) // 10, 1)
    for start in range(0, len(batches) - tenth + 1, tenth):
        some = batches[start : start + tenth]
        rates = [n / (waited + worked) for _, n, waited, worked in some]
        costs = [1000 * worked / n for _, n, _, worked in some]
        low, high = np.percentile(rates, [5, 95])
        print(
            f"| {start + 1}-{start + tenth} | {statistics.median(rates):.1f} ({low:.1f} to {high:.1f}) "
            f"| {statistics.median(costs):.1f} |"
        )
    for number, attempt in enumerate(attempts, start=1):
        print(
            f"sort {number}: peak memory {max(attempt.coordinator, default=0):.0f} MB (kernel), "
            f"{max(attempt.worker, default=0):.0f} MB (largest worker)"
        )


def finished_again(workspace: Workspace, runs: Path) -> None:
    """What a finished job costs beyond listing the directory."""
    started = time.perf_counter()
    rescan(workspace)
    scan = time.perf_counter() - started
    started = time.perf_counter()
    assert sort_once(workspace, runs).launcher.wait() == 0
    again = time.perf_counter() - started
    summary = json.loads(max(runs.glob("*/summary.json")).read_text(encoding="utf-8"))
    print(f"finished job again: {again:.1f} s, of which scanning {scan:.1f} s; {summary['state']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assets", type=Path, default=Path("../shared"))
    parser.add_argument("--pack", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--photos", type=int, default=16_000)
    parser.add_argument("--kills", type=int, default=4)
    parser.add_argument("--between", type=float, nargs=2, default=(60, 180), help="seconds")
    options = parser.parse_args()
    workspace = prepare(options)
    runs = options.folder / "runs"
    chance = random.Random(7)
    pauses = [chance.uniform(*options.between) for _ in range(options.kills)]
    started = time.perf_counter()
    attempts = run(workspace, runs, pauses)
    report(workspace, attempts, time.perf_counter() - started)
    finished_again(workspace, runs)


if __name__ == "__main__":
    run_benchmark(main, [*ANALYSIS, "facesort/engine/job"])
