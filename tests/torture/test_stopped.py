"""Processes of a sort are stopped (SIGSTOP: by Ctrl-Z, a debugger, a frozen container) for minutes, and continued.

The job goes on as if nothing had happened: no limit on time counts while they could not work.  Meanwhile status
answers, and another sort is refused.  What one call of the workers makes of it: ``tests/engine/analysis/test_pool.py``.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from mortals import Mortal
from torture import traced_sort
from torture.campaign import WHOLE, Ledger, chance, share
from torture.event import Calm, copy_of

from facesort.settings import PhotoSettings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGSTOP")

STOPPED = "stopped and continued: coordinator, worker, kernel, launcher"
# Longer than a photo may take, and than the workers may be silent on top of that.
STOPPED_S, TIMEOUT_S = share(6, 160), share(4, 45)
# Those of a notebook begin first, since they take longest to begin.
IN_A_NOTEBOOK = ("kernel", "launcher", "worker", "everything") if WHOLE else ("kernel",)
WITHOUT = ("coordinator", "worker")


@dataclass
class Job:
    """A sort that is under way, through the notebook or not, and which of its processes are stopped."""

    root: Path
    process: subprocess.Popen[str]
    victim: str
    stopped: list[psutil.Process] = field(default_factory=list)

    @classmethod
    def start(cls, root: Path, victim: str, *, notebook: bool) -> Job:
        command = [sys.executable, traced_sort.__file__, str(root), "2"]
        if notebook:
            command = [sys.executable, "-m", "facesort", "sort", "-w", str(root), "--workers", "2"]
            command += ["--runs", str(root.parent / "runs")]
        log = (root.parent / "log").open("w")
        with log:
            process = subprocess.Popen(command, stdout=log, stderr=log, text=True)
        return cls(root, process, victim)

    def stop(self, chance: random.Random) -> bool:
        """Stop somebody in the middle of the job; False if it was done before."""
        while not (self.root / "state" / "heartbeat.json").exists():
            assert self.process.poll() is None, (self.root.parent / "log").read_text()
            time.sleep(0.02)
        time.sleep(chance.uniform(0, 0.7))
        for process in self.chosen(self.victim):
            process.send_signal(signal.SIGSTOP)
            self.stopped.append(process)
        return self.process.poll() is None and bool(self.stopped)

    def chosen(self, victim: str) -> list[psutil.Process]:
        me = psutil.Process(self.process.pid)
        below = me.children(recursive=True)
        if victim in {"coordinator", "launcher"}:
            return [me]
        if victim == "everything":
            return [me, *below]
        word = {"kernel": "ipykernel", "worker": "spawn_main"}[victim]
        return [process for process in below if word in " ".join(process.cmdline())][:1]

    def go_on(self) -> None:
        for process in self.stopped:
            try:
                process.send_signal(signal.SIGCONT)
            except psutil.NoSuchProcess:
                # A worker that was stopped before it had a photo: the job was done without it.
                assert self.victim == "worker"
                assert self.process.wait(300) in {0, 3}

    def end(self) -> None:
        """Leave nothing behind that is stopped, also when a check has failed."""
        if self.process.poll() is None:
            for process in self.chosen("everything"):
                process.kill()
            self.process.wait()


def test_who_is_stopped_for_minutes_goes_on(
    calm: Calm, mortal: Mortal, ledger: Ledger, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """All of them side by side, because the minutes of one are the minutes of all."""
    random, jobs = chance("stopped"), []
    limits = PhotoSettings(timeout_s=TIMEOUT_S)
    for number, victim in enumerate(IN_A_NOTEBOOK + WITHOUT):
        folder = tmp_path / f"{number}-{victim}"
        root = copy_of(calm.prepared, folder, photos=limits)
        job = Job.start(root, victim, notebook=number < len(IN_A_NOTEBOOK))
        request.addfinalizer(job.end)
        if job.stop(random):
            jobs.append(job)
    began = time.monotonic()
    says = tmp_path / "says"
    for job in jobs:
        about = ["status", "--json", "-w", str(job.root)]
        assert mortal.act(job.root, command=about, says=str(says)) == 0
        state = json.loads(says.read_text())["state"]
        ended = mortal.act(job.root, says=str(says))
        # Without its launcher a notebook goes on, and may be done by now; another sort then has nothing to do.
        assert state == "running" or (job.victim == "launcher" and state == "finished")
        assert ended == 1 or (job.victim == "launcher" and ended == 0)
        assert ended == 0 or "is being sorted by process" in says.read_text()
    time.sleep(max(began + STOPPED_S - time.monotonic(), 0))
    stopped_s = time.monotonic() - began

    for job in jobs:
        job.go_on()

    for job in jobs:
        assert job.process.wait(300) in {0, 3}, (job.root.parent / "log").read_text()
        calm.check(job.root, ledger)
        ledger.count(STOPPED)
        ledger.count("seconds stopped", round(stopped_s))
    ledger.note(f"{len(jobs)} jobs were stopped before they were done")
    assert len(jobs) > len(IN_A_NOTEBOOK)
