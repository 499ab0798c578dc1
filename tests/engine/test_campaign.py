"""Killed at random times, with real worker processes, through papermill: the bytes are those of a calm job."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from filelock import FileLock, Timeout
from synthetic_event import content, make_event, make_workspace, sort_in_threads, tree

from facesort.engine.setup import open_with_pack
from facesort.engine.verify import verify_output
from facesort.store.commits import verified_writes

SEED = 20261121

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL"),
]


def run_and_kill(root: Path, runs: Path, after_s: float, victim: str) -> bool:
    """Start `facesort sort`, kill the whole group or one of its processes; whether it had finished before."""
    command = [sys.executable, "-m", "facesort.cli", "sort", "-w", str(root), "--runs", str(runs)]
    process = subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        pass
    else:
        return process.returncode in (0, 3)
    if victim == "group":
        os.killpg(process.pid, signal.SIGKILL)
    else:  # the notebook's kernel, one of its workers, or the launcher
        family = [process, *psutil.Process(process.pid).children(recursive=True)]
        os.kill(random.Random(after_s).choice(family).pid, signal.SIGKILL)
    process.wait(120)
    wait_until_free(root)
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


def test_killed_at_random_times(tmp_path: Path, whole_campaign: bool) -> None:
    make_event(tmp_path / "source", 400)
    calm, pack = make_workspace(tmp_path / "calm", tmp_path / "source")
    sort_in_threads(calm, pack)
    shaken, _ = make_workspace(tmp_path / "shaken", tmp_path / "source")
    chance = random.Random(SEED)
    kills = 0
    for _ in range(60 if whole_campaign else 6):
        victim = chance.choice(["group", "group", "one"])
        finished = run_and_kill(shaken.root, tmp_path / "runs", chance.uniform(2, 14), victim)
        kills += not finished
    print(f"seed {SEED}: {kills} kills")  # noqa: T201

    workspace, pack = open_with_pack(shaken.root)
    sort_in_threads(workspace, pack)

    assert kills >= 3
    assert tree(tmp_path / "shaken" / "out") == tree(tmp_path / "calm" / "out")
    with workspace.open_store() as ours, calm.open_store() as theirs:
        assert content(ours) == content(theirs)
        assert verify_output(workspace.settings.output, verified_writes(ours)).passed
