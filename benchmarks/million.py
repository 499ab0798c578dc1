"""A million photos on one coordinator: what a re-match, groups, `status`, audit, review and one more card cost.

python benchmarks/million_event.py /tmp/million --photos 1000000      makes the workspace
python benchmarks/million.py /tmp/million --plot memory.svg           measures it, and changes it

Each part runs in a process of its own.  New photos, 2,000 at a time, have ready-made analyses: what is measured is the
coordinator.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from figures import run_benchmark
from million_event import FACES, People, add_file, crops, jpeg_of, make, sha256_of

from facesort.core.records import Analysis, Face, PhotoInfo, PhotoRef
from facesort.engine.analysis.analyse import Task
from facesort.engine.job.groups import event_groups
from facesort.engine.job.progress import current_status
from facesort.engine.job.sort import SortOptions, run_rematch, run_sort
from facesort.engine.rules import rules_of
from facesort.faces.packs.files import synthetic_pack
from facesort.lab import audit
from facesort.lab.audit.report import open_audit
from facesort.lab.review.cells import (
    open_review,
    show_doubtful,
    show_history,
    show_look_alikes,
    show_person,
    show_unknown_people,
)
from facesort.lab.review.session import ReviewSession
from facesort.lab.review.unknown_people import UnknownPeoplePanel
from facesort.store.queries.delivery.corrections import corrections
from facesort.store.queries.gallery import load_gallery
from facesort.workspace import Workspace, open_workspace

NEW = 2_000  # photos
_PACK = synthetic_pack()


class Ready(Executor):
    """Has the analyses of photos at once, and their JPEGs."""

    def __init__(self, people: People, first: int) -> None:
        self._first, self._drawn, self._crop = first, people.draw(first, NEW), crops()[0]

    def submit(self, fn: Callable[..., Any], /, *args: Any, **_: Any) -> Future[Any]:
        future: Future[Any] = Future()
        _, what = args[:2]
        if isinstance(what, Task):
            future.set_result(self._analysis(what.ref.photo_id))
        elif isinstance(what, PhotoRef):
            future.set_result(jpeg_of(what.photo_id))
        else:
            raise TypeError(f"nothing is ready for {fn}")
        return future

    def _analysis(self, photo_id: int) -> Analysis:
        row = photo_id - self._first
        faces = tuple(self._face(row, number) for number in range(FACES))
        return Analysis(
            photo_id, sha256_of("photo", photo_id), PhotoInfo("JPEG", 6000, 4000), faces, jpeg_of(photo_id),
            phash=photo_id,
        )  # fmt: skip

    def _face(self, row: int, number: int) -> Face:
        left, quality = 500.0 + 1800 * number, float(self._drawn.quality[row, number])
        box = np.array([left, 900, left + 400, 1400], np.float32)
        landmarks = np.zeros((5, 2), np.float32)
        embedding = self._drawn.embedding[row, number]
        return Face(box, landmarks, 0.9, 400 * quality, 0.1, quality, embedding, self._crop)


def _photos(workspace: Workspace) -> tuple[int, int]:
    """How many photos there are, and how long their embeddings are."""
    with workspace.open_store(read_only=True) as store:
        photos = store.value("SELECT count(*) FROM file")
        length = store.value("SELECT octet_length(embedding) FROM reference LIMIT 1")
    return photos, length // 4


def _sort(workspace: Workspace) -> dict[str, Any]:
    """Sort some more photos; ms per photo by batch, what a finished job took, and the closing re-match."""
    photos, dim = _photos(workspace)
    source = workspace.settings.sources["card-1"]
    for photo_id in range(photos + 1, photos + NEW + 1):
        (source / f"{photo_id // 1000:04d}").mkdir(exist_ok=True)
        add_file(source, photo_id)
    at: dict[str, list[float]] = {}

    def passed(point: str) -> None:
        at.setdefault(point, []).append(time.process_time())

    ready = Ready(People(photos, dim), photos + 1)
    started = time.process_time()
    run_sort(workspace, _PACK, SortOptions(executor=ready, at=passed))
    done = time.process_time()
    begun, ends = at["processing"], at["committed"]
    per_photo = 1000 * np.diff([begun[0], *ends[: len(begun)]]) / 50
    return {
        "before_ms": 1000 * (begun[0] - started),
        "per_photo_ms": [round(float(q), 2) for q in np.quantile(per_photo, (0.5, 0.05, 0.95))],
        "after_ms": 1000 * (done - ends[len(begun) - 1]),
    }


def _again(workspace: Workspace) -> None:
    run_sort(workspace, _PACK, SortOptions(executor=Ready(People(1), 1)))


def _rematch(workspace: Workspace) -> dict[str, Any]:
    photos, dim = _photos(workspace)
    ready = Ready(People(photos, dim), photos + 1)
    _, report = run_rematch(workspace, _PACK, SortOptions(executor=ready))
    return {"report": repr(report)}


def _groups(workspace: Workspace) -> dict[str, Any]:
    settings = workspace.settings
    matching = settings.matching.model_copy(update={"groups": True})
    rules = rules_of(settings.model_copy(update={"matching": matching}), _PACK)
    with workspace.open_store(read_only=True) as store:
        gallery = load_gallery(store, _PACK.pack_id, 0)
        found = event_groups(store, gallery, rules, _PACK.pack_id)
    return {"groups": found.record()}


def _audit(workspace: Workspace) -> dict[str, Any]:
    """The notebook: what it reads, and all that it shows."""
    started = time.process_time()
    report = open_audit(workspace.root, workspace.root / "runs")
    took = {"read": round(time.process_time() - started, 2)}
    for name in sorted(name for name in dir(audit) if name.startswith("show_")):
        started = time.process_time()
        getattr(audit, name)(report)
        took[name] = round(time.process_time() - started, 2)
    return {"drop_rate": report.drop_rate.rate} | took


def _review(workspace: Workspace) -> dict[str, Any]:
    """The notebook as it opens in a browser: the figures and every panel, in CPU seconds.

    Not the groups of unknown faces, which are found beside the page.
    """
    UnknownPeoplePanel._later = lambda *_: True  # type: ignore[method-assign]
    session = open_review(workspace.root)
    took = {}
    for show in (
        ReviewSession.table, show_doubtful, show_person, show_unknown_people, show_look_alikes,
        show_history,
    ):  # fmt: skip
        started = time.process_time()
        show(session)
        took[show.__name__] = round(time.process_time() - started, 2)
    return took


def _corrections(workspace: Workspace) -> dict[str, Any]:
    """What follows each answer of the review."""
    with workspace.open_store(read_only=True) as store:
        return {"files": len(corrections(store))}


PARTS: dict[str, Callable[[Workspace], dict[str, Any] | None]] = {
    "status": lambda workspace: {"photos": current_status(workspace)["photos"]},
    "again": _again,
    "rematch": _rematch,
    "audit": _audit,
    "review": _review,
    "corrections": _corrections,
    "sort": _sort,
    "groups": _groups,
}


def run_part(root: Path, part: str) -> None:
    """In a process of its own: one line of JSON."""
    workspace = open_workspace(root / "hot")
    started, cpu = time.perf_counter(), time.process_time()
    found = PARTS[part](workspace) or {}
    took = {"wall": time.perf_counter() - started, "cpu": time.process_time() - cpu}
    print(json.dumps(took | found, default=str))


def measured(root: Path, part: str) -> tuple[dict[str, Any], list[tuple[float, float]]]:
    """What a part took, and its memory in MB over time."""
    command = [sys.executable, __file__, str(root), "--part", part]
    started = time.perf_counter()
    memory: list[tuple[float, float]] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                memory.append((time.perf_counter() - started, watched.memory_info().rss / 1e6))
            except psutil.NoSuchProcess:
                break
            time.sleep(0.2)
        text = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise SystemExit(f"{part} failed")
    return json.loads(text.splitlines()[-1]), memory


def plot(memory: dict[str, list[tuple[float, float]]], path: Path) -> None:
    """Memory over time, a panel for each part."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3 * len(memory), 3), layout="constrained")
    for axes, (part, points) in zip(
        figure.subplots(1, len(memory), sharey=True, squeeze=False)[0], memory.items(), strict=True
    ):
        axes.plot(*np.array(points).T)
        axes.set(title=part, xlabel="s", ylim=(0, None))
        axes.axhline(2000, linestyle=":", color="grey")
    figure.axes[0].set_ylabel("MB")
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument(
        "--empty", type=Path, help="also sort into a new workspace here, and remove it"
    )
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    root = options.folder.resolve()
    if options.part:
        return run_part(root, options.part)
    memory = {}
    for part in options.only:
        found, memory[part] = measured(root, part)
        tell(part, found, memory[part])
    if options.empty is not None:
        make(options.empty.resolve(), 0, _photos(open_workspace(root / "hot"))[1])
        found, used = measured(options.empty.resolve(), "sort")
        tell("sort, empty", found, used)
        shutil.rmtree(options.empty)
    if options.plot is not None:
        plot(memory, options.plot)
    return None


def tell(part: str, found: dict[str, Any], memory: list[tuple[float, float]]) -> None:
    wall, cpu, peak = found.pop("wall"), found.pop("cpu"), max(mb for _, mb in memory)
    load = psutil.getloadavg()[0]
    print(
        f"{part}: {wall:.1f} s, {cpu:.1f} s of CPU, {peak:.0f} MB (load {load:.0f}) {found}",
        flush=True,
    )


if __name__ == "__main__":
    run_benchmark(
        main,
        [
            "facesort/store/queries",
            "facesort/engine/job/rematch.py",
            "facesort/engine/scan/intake.py",
            "facesort/engine/job/groups.py",
            "facesort/core/groups/settled.py",
        ],
    )
