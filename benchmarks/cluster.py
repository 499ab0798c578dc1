"""What more machines cost: workers of a cluster on this machine against its local pool, in turns.

unshare -n sh -c 'ip link set lo up; exec python benchmarks/cluster.py --pack ../shared/models/mbf128'

All share this machine's cores, so nothing becomes faster here: what is measured is what a photo costs more, on the
coordinator, the scheduler and the workers, and how many bytes travel (in a network of its own, so that nobody else's
are counted).  The photos have 24 MP, and are made first.  A job of all of them is compared with one of a fifth: so what
a start costs, such as loading models, is told from what a photo costs.

With `--pack synthetic` small drawn photos take their place, of which a worker does hundreds a second: what is left is
what each call costs the coordinator and the scheduler, whatever the load of the machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import psutil
from engine_scale import PEOPLE, draw, make_photos
from figures import run_benchmark
from speed_photos import make_jpegs

from facesort.engine.gallery.seed import Candidate, seed
from facesort.engine.job.sort import run_sort
from facesort.engine.setup import set_up

FACESORT = Path(sys.executable).with_name("facesort")
ADDRESS = "tcp://127.0.0.1:8786"
# Workers, processes of each, and whether photos are sent; the first is the local pool.
LINE_UPS = ((0, 2, False), (1, 2, False), (2, 1, False), (4, 1, False), (1, 2, True))


class Cost(NamedTuple):
    """What a sort took: seconds, the last three of CPU, and megabytes that travelled between processes, both ways."""

    wall: float
    coordinator: float
    scheduler: float
    workers: float
    megabytes: float


@contextmanager
def started(*words: object) -> Iterator[psutil.Popen]:
    """A command of facesort in the background, once it has said where it is."""
    process = psutil.Popen([FACESORT, *map(str, words)], stdout=-1, text=True)
    try:
        if not process.stdout.readline():
            raise SystemExit("it ended")
        yield process
    finally:
        process.terminate()
        process.wait(30)


def cpu(process: psutil.Process) -> float:
    """CPU seconds of a process and of all that it has started."""
    spent = process.cpu_times()
    own = spent.user + spent.system + spent.children_user + spent.children_system
    return own + sum(cpu(child) for child in process.children())


def measure(
    source: Path, references: dict[str, Path], pack: str, line_up: tuple[int, int, bool]
) -> Cost:
    """Sort once, in a new workspace."""
    workers, processes, sent_files = line_up
    with tempfile.TemporaryDirectory(prefix="facesort-cluster-") as place, ExitStack() as stack:
        workspace, model = set_up(Path(place) / "hot", [source], Path(place) / "out", pack, [])
        list(seed(workspace, model, [Candidate(*one) for one in references.items()]))
        run = {
            "workers": processes,
            "cluster": ADDRESS if workers else None,
            "send_files": sent_files,
        }
        settings = workspace.settings.model_copy(
            update={"run": workspace.settings.run.model_copy(update=run)}
        )
        scheduler, others = [], []
        if workers:
            scheduler = [stack.enter_context(started("cluster", "start"))]
            command = ["worker", ADDRESS, "--pack", pack, "--workers", processes]
            if not sent_files:  # a worker that sees the source is sent nothing
                command += ["--source", source]
            others = [stack.enter_context(started(*command)) for _ in range(workers)]
        sides = [scheduler, others or [psutil.Process()]]
        before = [sum(map(cpu, side)) for side in sides]
        own, begin, sent = time.process_time(), time.perf_counter(), travelled()
        run_sort(replace(workspace, settings=settings), model)
        wall, own = time.perf_counter() - begin, time.process_time() - own
        spent = [sum(map(cpu, side)) - b for side, b in zip(sides, before, strict=True)]
        if not workers:
            spent[1] -= own
        return Cost(wall, own, *spent, (travelled() - sent) / 1e6)


def drawn(folder: Path, count: int) -> tuple[Path, dict[str, Path]]:
    """Small photos of people, some of whom are in the gallery."""
    make_photos(folder / "source", count)
    references = {
        f"Person {number}": folder / "seeds" / f"{number}.png" for number in range(PEOPLE)
    }
    for number, path in enumerate(references.values()):
        draw(path, [number], 200)
    return folder / "source", references


def travelled() -> int:
    return int(psutil.net_io_counters(pernic=True)["lo"].bytes_recv)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assets", type=Path, default=Path("../shared"))
    parser.add_argument("--pack", required=True)
    parser.add_argument("--photos", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the photos are made, to stay")
    options = parser.parse_args()
    found: dict[tuple[int, int, bool], list[tuple[Cost, Cost]]] = {
        line_up: [] for line_up in LINE_UPS
    }
    few = options.photos // 5
    with tempfile.TemporaryDirectory(prefix="facesort-24-") as place:
        folder = options.folder or Path(place) / "all"
        if options.pack == "synthetic":
            source, references = drawn(folder, options.photos)
        else:
            made = make_jpegs(options.assets, folder, options.photos)
            source, references = made.source, made.references
        fifth = Path(place) / "fifth"
        fifth.mkdir()
        for path in sorted(source.rglob("*.JPG"))[:few]:
            os.link(path, fifth / path.name)
        for _ in range(options.rounds):
            for line_up in LINE_UPS:
                pair = [measure(of, references, options.pack, line_up) for of in (fifth, source)]
                found[line_up].append((pair[0], pair[1]))
                print(line_up, *pair, f"load {os.getloadavg()[0]:.1f}", flush=True)
    for (workers, processes, sent_files), pairs in found.items():
        print(f"{workers or 'local pool'} x {processes}{', photos sent' if sent_files else ''}")
        for at, name in enumerate(Cost._fields):
            each = [1000 * (b[at] - a[at]) / (options.photos - few) for a, b in pairs]
            start = [a[at] - few * one / 1000 for (a, _), one in zip(pairs, each, strict=True)]
            print(
                f"  {name}: {statistics.median(each):.1f} ({min(each):.1f} to {max(each):.1f}) ms (or kB) a photo, "
                f"start {statistics.median(start):.1f}"
            )


if __name__ == "__main__":
    run_benchmark(main, ["facesort/engine/cluster"])
