"""Two hours of video: what a job takes of the machine does not grow with a clip."""

from __future__ import annotations

import gc
import multiprocessing
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from drawn_clips import Actor, every, stage, write_clip
from filmed_event import STRANGER, with_photos
from synthetic_event import content, make_workspace, tree
from torture.campaign import Ledger, share

from facesort.core.records import Pixels
from facesort.engine.analysis.pool import LocalPool
from facesort.engine.job.sort import SortOptions, run_sort

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="file handles are counted")

MINUTES = share(3, 120)
SCENE_MS = 7000
SIZE = (320, 176)


def scenes(until_ms: int) -> Iterator[tuple[int, Pixels]]:
    """Ten frames per second; each scene is a still one, of one person to three, or of nobody."""
    casts = [[], [1], [1, STRANGER], [2], [3, 4, 2], [STRANGER, 1], [4], [2, 3]]
    drawn = [
        next(
            stage(
                [Actor(who, 0, 1, lambda _, x=x: (4 + 104 * x, 40)) for x, who in enumerate(cast)],
                [0],
                SIZE,
            )
        )[1]
        for cast in casts
    ]
    for ms in every(100, until_ms):
        yield ms, drawn[ms // SCENE_MS % len(drawn)]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("card")
    options = {"preset": "ultrafast", "crf": "20", "g": "100"}
    write_clip(folder / "C0001.MP4", scenes(MINUTES * 60_000), options=options, ticks=10)
    return folder


@dataclass(frozen=True)
class Taken:
    """What the coordinator and its largest worker hold: MB, and open files."""

    own_mb: float
    own_files: int
    worker_mb: float
    worker_files: int

    @classmethod
    def now(cls) -> Taken:
        gc.collect()
        me, rest = psutil.Process(), [(0.0, 0)]
        for worker in multiprocessing.active_children():
            try:
                process = psutil.Process(worker.pid)
                rest.append((process.memory_info().rss / 1e6, process.num_fds()))
            except psutil.Error:
                continue  # it was replaced
        worker_mb, worker_files = map(max, zip(*rest, strict=True))
        return cls(me.memory_info().rss / 1e6, me.num_fds(), worker_mb, int(worker_files))


def test_memory_and_handles_stay_flat(source: Path, ledger: Ledger, tmp_path: Path) -> None:
    ended = []
    for workers in (1, 2):
        workspace, pack = make_workspace(tmp_path / str(workers), source)
        workspace = with_photos(workspace, videos=True, samples_per_second=2)
        seen: list[Taken] = []

        def look(point: str, seen: list[Taken] = seen) -> None:
            if point == "part":
                seen.append(Taken.now())

        began = time.perf_counter()
        with LocalPool(workers, 60) as pool:
            run_sort(workspace, pack, SortOptions(pool, at=look))
        seconds = time.perf_counter() - began

        settled, late = seen[len(seen) // 5], seen[-len(seen) // 5 :]
        ledger.note(
            f"{workers} workers: {MINUTES} minutes in {seconds:.0f} s, {60 * MINUTES / seconds:.0f} s of video per "
            f"second; {settled} after a fifth, {late[-1]} at the end"
        )
        ledger.peak("peak memory of a worker (MB)", max(one.worker_mb for one in seen))
        ledger.peak("peak memory of the coordinator (MB)", max(one.own_mb for one in seen))
        assert len(seen) == MINUTES * 6
        assert max(one.own_mb for one in late) < settled.own_mb + 150
        assert max(one.worker_mb for one in late) < settled.worker_mb + 60
        assert max(one.own_files for one in late) <= settled.own_files + 4
        assert max(one.worker_files for one in late) <= settled.worker_files + 4
        assert list(workspace.clips.glob("*")) == []
        with workspace.open_store() as store:
            ended.append((tree(workspace.settings.output), content(store)))
            (tracks,) = store.rows("SELECT count(*) FROM track")
            assert tracks[0] >= 60 * MINUTES * 1000 // SCENE_MS
    assert ended[0] == ended[1]
