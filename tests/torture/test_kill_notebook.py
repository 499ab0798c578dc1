"""Killed at random times, with real worker processes, through papermill: the bytes are those of a calm job.

The victim is everything at once, papermill, the notebook's kernel, or a worker of it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from filelock import FileLock, Timeout
from torture.campaign import Ledger, chance, share
from torture.event import Calm, copy_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")


VICTIMS = ("everything", "papermill", "kernel", "worker")


def run_and_kill(root: Path, runs: Path, after_s: float, victim: str) -> bool:
    """Start `facesort sort` and kill what is asked for, if it is there by then; whether that was done."""
    command = [sys.executable, "-m", "facesort.cli", "sort", "-w", str(root), "--runs", str(runs)]
    process = subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        killed = kill(process.pid, victim)
    else:
        assert process.returncode in (0, 3)
        return False
    process.wait(300)
    wait_until_free(root)
    return killed


def kill(launcher: int, victim: str) -> bool:
    """Kill one process of a sort, or its whole group."""
    if victim == "everything":
        os.killpg(launcher, signal.SIGKILL)
        return True
    if victim == "papermill":
        os.kill(launcher, signal.SIGKILL)
        return True
    family = psutil.Process(launcher).children(recursive=True)
    word = "ipykernel" if victim == "kernel" else "multiprocessing.spawn"
    found = [process for process in family if word in " ".join(process.cmdline())]
    for process in found[:1]:
        process.kill()
    return bool(found)


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
    calm = Calm.of(tmp_path, 400)
    root = copy_of(calm.prepared, tmp_path / "shaken")
    random = chance("notebook")
    kills = 0
    for _ in range(share(4, 60)):
        victim = random.choice(VICTIMS)
        kills += run_and_kill(root, tmp_path / "runs", random.uniform(2, 14), victim)
    ledger.count("kills survived: notebook kernel, papermill, or all at once", kills)

    assert kills >= share(2, 10)
    calm.check(root, ledger)
