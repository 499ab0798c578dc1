"""Worker processes are killed from outside, as by a system that runs out of memory: the job goes on without them."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from torture.campaign import Ledger, chance, share
from torture.event import Calm, copy_of
from torture.killer import Killer

from facesort.engine.analysis.pool import LocalPool
from facesort.engine.job.sort import SortOptions, retry_failed, run_sort
from facesort.engine.setup import open_with_pack
from facesort.faces.protocol import ModelPack
from facesort.reasons import PhotoStatus
from facesort.store.queries import reports
from facesort.workspace import Workspace

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL"),
    pytest.mark.timeout(900),  # a pool that waits for a dead worker waits for ever
]


class WorkerKiller(Killer):
    """Kills workers of this process."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__(chance, 20)
        self.kills = 0

    def kill(self) -> None:
        workers = multiprocessing.active_children()
        for victim in self.chance.sample(workers, min(self.chance.choice([1, 1, 2]), len(workers))):
            if victim.pid and victim.is_alive():
                with suppress(ProcessLookupError):  # it was ending by itself, and this is no kill
                    os.kill(victim.pid, signal.SIGKILL)
                    self.kills += 1


@pytest.mark.parametrize("round_", range(share(1, 8)))
def test_workers_are_killed(round_: int, calm: Calm, ledger: Ledger, tmp_path: Path) -> None:
    root = copy_of(calm.prepared, tmp_path)
    workspace, pack = open_with_pack(root)
    killer = WorkerKiller(chance("workers", round_))

    with LocalPool(2, 60) as pool:
        run_sort(workspace, pack, SortOptions(pool, killer.on_photo))

    killer.rest()
    ledger.count("kills survived: worker processes", killer.kills)
    with workspace.open_store(read_only=True) as store:
        failed = reports.failed_photos(store, limit=1000)
    twice = [path for path, reason, _ in failed if reason == "worker_died"]
    ledger.note(f"round {round_}: {killer.kills} kills, {len(twice)} photos lost two workers")
    assert len(twice) <= killer.kills / 2
    assert [path for path, reason, _ in failed if reason == "timeout"] == []  # none takes a minute
    if (
        twice
    ):  # they are told, and can be tried again; the rows are then those of a job with a retry
        assert_retried(workspace, pack)
    else:
        calm.check(root, ledger)


def assert_retried(workspace: Workspace, pack: ModelPack) -> None:
    retry_failed(workspace)
    with LocalPool(2, 60) as pool:
        run_sort(workspace, pack, SortOptions(pool))
    with workspace.open_store(read_only=True) as store:
        reasons = {reason for _, reason, _ in reports.failed_photos(store, limit=1000)}
        assert reports.counts(store).photos[PhotoStatus.PENDING] == 0
    assert "worker_died" not in reasons
