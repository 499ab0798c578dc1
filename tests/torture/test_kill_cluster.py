"""The machines of a cluster, their processes and its scheduler are killed: the job ends as on one machine."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest
from clusters import Cluster, cluster, kill, processes_of
from torture.campaign import Ledger, chance, share
from torture.event import Calm, copy_of
from torture.killer import Killer
from torture.test_kill_workers import assert_retried

from facesort.engine.job.sort import SortOptions, run_sort
from facesort.engine.setup import open_with_pack
from facesort.errors import ClusterError
from facesort.settings import RunSettings
from facesort.store.queries import reports

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL"),
    pytest.mark.timeout(1800),  # a lost call would be waited for, for ever
]

MACHINES = 3
KILLS = "kills survived: "


class ClusterKiller(Killer):
    """Kills something of a cluster, and starts another in its place."""

    def __init__(self, machines: Cluster, chance: random.Random, ledger: Ledger) -> None:
        super().__init__(chance, 15)
        self.machines, self.ledger = machines, ledger
        self.processes = 0

    def kill(self) -> None:
        victim = self.chance.choice(["machine", "machine", "process", "process", "scheduler"])
        alive = self.machines.alive()
        if victim == "scheduler":
            if self.machines.scheduler is not None and self.machines.scheduler.poll() is None:
                self.ledger.count(
                    KILLS + "scheduler of a cluster", kill(self.machines.scheduler.pid)
                )
        elif victim == "machine" and alive:
            worker = self.chance.choice(alive)
            self.ledger.count(KILLS + "machines of a cluster", kill(worker.pid))
            self.machines.add()
        elif alive and (processes := processes_of(self.chance.choice(alive))):
            killed = kill(self.chance.choice(processes))
            self.ledger.count(KILLS + "processes of a cluster's machines", killed)
            self.processes += killed


@pytest.mark.parametrize("round_", range(share(1, 10)))
def test_a_cluster_is_killed_part_by_part(
    round_: int, calm: Calm, ledger: Ledger, tmp_path: Path
) -> None:
    with cluster(tmp_path, calm.prepared / "source", workers=MACHINES) as machines:
        root = copy_of(calm.prepared, tmp_path, run=RunSettings(cluster=machines.address))
        killer = ClusterKiller(machines, chance("cluster", round_), ledger)
        while True:
            try:
                run_sort(*open_with_pack(root), SortOptions(on_photo=killer.on_photo))
                break
            except ClusterError:
                killer.rest()
                machines.start()  # its workers join again
        killer.rest()
    workspace, pack = open_with_pack(root)
    with workspace.open_store(read_only=True) as store:
        failed = reports.failed_photos(store, limit=1000)
    twice = [path for path, reason, _ in failed if reason == "worker_died"]
    assert len(twice) <= killer.processes / 2
    assert not {reason for _, reason, _ in failed} & {"timeout", "missing", "unreadable"}
    if (
        twice
    ):  # they are told, and can be tried again; the rows are then those of a job with a retry
        assert_retried(workspace, pack)
    else:
        calm.check(root, ledger)
