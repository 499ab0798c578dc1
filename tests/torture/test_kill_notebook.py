"""Killed at random times, with real worker processes, through papermill: the bytes are those of a calm job.

The victim is everything at once, papermill, the notebook's kernel, or a worker of it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from filelock import FileLock, Timeout
from torture.campaign import Ledger, chance, share
from torture.event import Calm, copy_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")


VICTIMS = ("everything", "papermill", "kernel", "worker")
KILLS = "kills survived: notebook kernel, papermill, or all at once"


def run_and_kill(root: Path, runs: Path, after_s: float, victim: str) -> str:
    """Start `facesort sort` and kill what is asked for: ``killed``, ``missed`` if it is not there, or ``finished``."""
    command = [sys.executable, "-m", "facesort", "sort", "-w", str(root), "--runs", str(runs)]
    process = subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        killed = kill(process.pid, victim)
    else:
        assert process.returncode in (0, 3)
        return "finished"
    process.wait(300)
    wait_until_free(root)
    return "killed" if killed else "missed"


def kill(launcher: int, victim: str) -> bool:
    """Kill one process of a sort, or its whole group."""
    if victim == "everything":
        os.killpg(launcher, signal.SIGKILL)
        return True
    if victim == "papermill":
        os.kill(launcher, signal.SIGKILL)
        return True
    word = "ipykernel" if victim == "kernel" else "multiprocessing.spawn"
    for process in psutil.Process(launcher).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it was ending by itself, and this is no kill
            if word in " ".join(process.cmdline()):
                process.kill()
                return True
    return False


def wait_until_free(root: Path) -> None:
    """Survivors of a killed launcher may still be at work, and the next sort would be refused."""
    for _ in range(600):
        try:
            with FileLock(root / "sort.lock", timeout=0):
                return
        except Timeout:
            time.sleep(0.2)
    pytest.fail("a killed sort did not end")


def test_killed_at_random_times(tmp_path: Path, ledger: Ledger) -> None:
    """As many kills as are asked for: a job that got done in spite of them is checked, and a new one begun."""
    calm = Calm.of(tmp_path, 400)
    random = chance("notebook")
    kills, wanted, job = 0, share(3, 60), 0
    root = copy_of(calm.prepared, tmp_path / "0")
    while kills < wanted:
        victim, after_s = random.choice(VICTIMS), random.uniform(2, 14)
        ended = run_and_kill(root, tmp_path / "runs", after_s, victim)
        kills += ended == "killed"
        ledger.count(KILLS, ended == "killed")
        if ended == "finished":
            calm.check(root, ledger)
            job += 1
            root = copy_of(calm.prepared, tmp_path / str(job))
    ledger.note(f"{kills} kills of {job + 1} jobs through the notebook")
    calm.check(root, ledger)
