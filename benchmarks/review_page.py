"""How long the page of the review takes: opening it, and naming a group; on a workspace of drawn faces.

OPENBLAS_NUM_THREADS=2 python benchmarks/review_page.py make FOLDER [--photos N]     16,000 photos: 50,000 faces
OPENBLAS_NUM_THREADS=2 python benchmarks/review_page.py measure FOLDER [--rounds N]  median (least to most) seconds
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import rematch
from figures import run_benchmark

from facesort.core.persons.matching import Thresholds
from facesort.engine.rules import Rules
from facesort.engine.setup import set_up
from facesort.lab import review
from facesort.lab.review import unknown_people
from facesort.lab.review.doubtful import DoubtfulPanel
from facesort.lab.review.history import HistoryPanel, RematchPanel
from facesort.lab.review.look_alikes import LookAlikesPanel
from facesort.lab.review.person import PersonPanel
from facesort.lab.review.session import ReviewSession
from facesort.lab.review.unknown_people import UnknownPeoplePanel
from facesort.store import Store
from facesort.store.job.runs import start_run

GROUP = 500  # faces that are named at once


def make(folder: Path, photos: int) -> None:
    """A job as a sort leaves it, with a group in doubt of three photos."""
    (folder / "src").mkdir(parents=True)
    workspace, pack = set_up(folder / "hot", [folder / "src"], folder / "out", "synthetic", [])
    rematch.PACK = pack.pack_id
    rules = Rules(Thresholds(0.63, 1.0, 0.05), None, False, False, True)
    with Store.open(workspace.database) as store:
        rematch.fill(store, photos, 60, rules)
        store.execute("UPDATE write SET status = 'verified'")
        store.execute(
            "UPDATE decision SET reason = 'group_in_doubt', group_distance = 1.1, group_faces = 3 WHERE face_id IN "
            "(SELECT face_id FROM decision WHERE outcome = 'unknown' AND nearest_id IS NOT NULL ORDER BY ALL LIMIT 3)"
        )
        run = {"version": "1", "pack_name": pack.name, "pack_id": pack.pack_id}
        start_run(store, settings={}, **run)
        print(store.value("SELECT count(*) FROM face"), "faces")


def opened(folder: Path, *, later: bool) -> tuple[ReviewSession, list[float]]:
    """What the cells of the notebook do, up to the last one, and the seconds of each."""
    took, marks = [], time.perf_counter()

    def lap() -> None:
        nonlocal marks
        now = time.perf_counter()
        took.append(now - marks)
        marks = now

    session = review.open_review(folder / "hot")
    session.table()._repr_html_()
    lap()
    unknown_people.is_interactive = lambda: later  # else a notebook waits for its groups
    for panel in (DoubtfulPanel, PersonPanel, UnknownPeoplePanel, LookAlikesPanel):
        panel(session)
        lap()
    review.show_bursts(session)
    lap()
    for panel in (HistoryPanel, RematchPanel):
        panel(session)
        lap()
    return session, took


async def as_in_a_notebook(folder: Path) -> list[float]:
    """Groups of many faces are found by another thread, as in a notebook that somebody looks at."""
    return opened(folder, later=True)[1]


def measure(folder: Path, rounds: int) -> None:
    logging.disable()
    names = ("head", "doubtful", "person", "unknown", "look-alikes", "bursts", "history", "rematch")
    found = [asyncio.run(as_in_a_notebook(folder)) for _ in range(rounds)]
    print("| what | seconds: median (least to most) |\n|---|---|")
    for name, took in zip(
        (*names, "opening, all"), zip(*((*f, sum(f)) for f in found), strict=True), strict=True
    ):
        print(f"| {name} | {spread(took)} |", flush=True)
    session, _ = opened(folder, later=False)
    session.slow_s = 0.0  # other panels only say that they are out of date
    panel = UnknownPeoplePanel(session)
    chosen: list[int] = []
    for key in panel._clusters:
        if sum(len(panel._clusters[each]) for each in chosen) < GROUP:
            chosen.append(key)
    number = sum(len(panel._clusters[key]) for key in chosen)

    def name() -> None:
        panel.name.value = "Grace"
        act = {"action": "name", "ids": chosen}
        panel.groups._handle_custom_msg({"view": "x", "number": 1, "acts": [act]}, [])

    took = []
    for _ in range(rounds):
        took.append(seconds(name))
        session.history_line.undo()
        panel.refresh()
    print(f"| naming {number} faces in {len(chosen)} groups | {spread(took)} |")


def seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def spread(took: Sequence[float]) -> str:
    return f"{median(took):.2f} ({min(took):.2f} to {max(took):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=["make", "measure"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=16_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if options.what == "make":
        make(options.folder, options.photos)
    else:
        measure(options.folder, options.rounds)


if __name__ == "__main__":
    run_benchmark(main, ["facesort/lab/review"])
