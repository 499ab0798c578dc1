"""Thousands of photos: what a job takes of the machine does not grow with it."""

from __future__ import annotations

import gc
import signal
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from mortals import Mortal
from PIL import Image
from synthetic_event import make_workspace
from torture.campaign import WHOLE, Ledger, chance, share
from torture.event import Calm, copy_of
from torture.processes import peak_memory

from facesort.engine.analysis.pool import LocalPool
from facesort.engine.job.sort import SortOptions, run_sort
from facesort.faces.engines.synthetic import draw_synthetic_face
from facesort.reasons import PhotoStatus
from facesort.store.queries import reports

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")


def make_many(source: Path, photos: int, most: int = 40) -> None:
    """Photos of 1 to `most` faces: a few hundred drawings, and bytes after the picture that tell its copies apart."""
    random = np.random.default_rng(7)
    drawn = []
    for number in range(200):
        pixels = np.full((420, 660, 3), 60 + number % 150, dtype=np.uint8)
        for place in range(1 + number % most):
            left, top = 4 + place % 8 * 82, 4 + place // 8 * 82
            box = (left, top, left + 72, top + 72)
            draw_synthetic_face(
                pixels, box, int(random.integers(1, 30)), variation=int(random.integers(40, 150))
            )
        path = source / "drawn.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path, quality=85)
        drawn.append(path.read_bytes())
    path.unlink()
    for number in range(photos):
        (source / f"{number:05d}.jpg").write_bytes(drawn[number % 200] + b"%d" % number)


def make_small(source: Path, photos: int) -> None:
    """Photos of 1 to 4 faces: what is at stake is the number of photos."""
    make_many(source, photos, 4)


def test_memory_handles_and_threads_stay_flat(ledger: Ledger, tmp_path: Path) -> None:
    photos = share(300, 5000)
    make_many(tmp_path / "source", photos)
    workspace, pack = make_workspace(tmp_path, tmp_path / "source")
    me = psutil.Process()
    seen: list[tuple[float, int, int]] = []

    def look(done: int, total: int) -> None:
        if done % (photos // 30) == 0:
            gc.collect()
            seen.append((me.memory_info().rss / 1e6, me.num_fds(), me.num_threads()))

    with peak_memory() as peak, LocalPool(1, 60) as pool:
        run_sort(workspace, pack, SortOptions(pool, look))

    ledger.count("photos sorted under load", photos)
    ledger.peak("peak memory of a worker (MB)", peak.worker_mb)
    ledger.peak("peak memory of the coordinator (MB)", max(rss for rss, _, _ in seen))
    # The first fifth fills caches: DuckDB's own is bounded at 300 MB.
    settled, late = seen[len(seen) // 5], seen[-len(seen) // 5 :]
    ledger.note(
        f"coordinator: {settled} after a fifth, {late[-1]} at the end; worker: {peak.worker_mb:.0f} MB"
    )
    assert max(rss for rss, _, _ in late) < settled[0] + 300
    assert max(handles for _, handles, _ in late) <= settled[1] + 4
    assert max(threads for _, _, threads in late) <= settled[2] + 2
    with workspace.open_store(read_only=True) as store:
        assert reports.counts(store).photos[PhotoStatus.PENDING] == 0


def test_a_long_job_with_random_kills(ledger: Ledger, tmp_path: Path) -> None:
    """Sixteen thousand photos; in the end the bytes and the rows are those of a job that nobody interrupted."""
    photos, kills = share(300, 16_000), share(5, 60)
    soonest, latest = (0.5, 12) if WHOLE else (0.1, 1)  # seconds, far less than the job takes
    calm = Calm.of(tmp_path, photos, make_small)
    random = chance("soak")
    root = copy_of(calm.prepared, tmp_path / "shaken")
    mortal = Mortal()
    done = 0
    while done < kills:
        ended = mortal.sort(root, after_s=random.uniform(soonest, latest))
        done += ended == -signal.SIGKILL
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
    mortal.close()

    ledger.count("kills survived: coordinator at a random time", done)
    ledger.count("photos sorted under load", 2 * photos)
    ledger.note(f"{done} kills in {photos} photos")
    assert done >= share(2, 10)
    calm.check(root, ledger)
