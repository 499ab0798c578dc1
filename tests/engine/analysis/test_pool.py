"""What becomes of calls whose worker processes do not live to finish them."""

from __future__ import annotations

import copy
import multiprocessing
import os
import platform
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, TimeoutError
from pathlib import Path

import pytest
from disks import needs_mount
from pebble import ProcessPool
from pebble.pool.process import TaskManager

from facesort.engine.analysis import memory
from facesort.engine.analysis.lost import WorkerLost
from facesort.engine.analysis.pool import LocalPool, executor_or_local
from facesort.engine.analysis.spawn import SafeSpawn
from facesort.settings import PhotoSettings, Settings

posix = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")


def double(number: int) -> int:
    return 2 * number


def killed_once(mark: Path) -> str:
    """Be killed from outside the first time, as the system does it that runs out of memory."""
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), 9)
    return "alive"


def crash() -> None:
    os._exit(11)


def swell() -> None:
    kept = []
    while True:
        kept.append(bytearray(b"x") * 10_000_000)


def allowed_mb() -> float:
    import resource  # not on Windows

    return (resource.getrlimit(resource.RLIMIT_DATA)[0] - memory._held_at_first()) / 1e6


def take(megabytes: int) -> int:
    return len(bytearray(megabytes * 1_000_000)) // 1_000_000


def page_faults_of_the_third_photo() -> int:
    import resource  # not on Windows

    before = 0
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        del [bytearray(18_000_000) for _ in range(5)][:]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc's")
def test_the_memory_of_one_photo_is_kept_for_the_next() -> None:
    with LocalPool(1, 60) as pool:  # 22,000 without
        assert pool.submit(page_faults_of_the_third_photo).result() < 1000


class Overtaken(ProcessPool):
    """As Pebble's pool is on a busy machine: one of its threads has stopped a worker when `join` comes to it."""

    joined = 0

    def join(self, timeout: float | None = None) -> None:
        self.joined += 1
        if self.joined == 1:
            raise KeyError(12345)
        super().join(timeout)


class OvertakenPool(LocalPool):
    def _new_pool(self) -> ProcessPool:
        self._spawn = SafeSpawn()
        self.last = Overtaken(2, context=self._spawn)
        return self.last


def test_a_worker_that_was_stopped_already_does_not_spoil_the_end() -> None:
    before = set(multiprocessing.active_children())
    pool = OvertakenPool(2, 60)
    pool.submit(double, 2).result()
    pool.shutdown(cancel_futures=True)

    assert pool.last.joined == 2
    assert set(multiprocessing.active_children()) <= before


def settings(workers: int) -> Settings:
    return Settings.model_validate(
        {
            "sources": {"card-1": "/source"},
            "output": "/output",
            "pack": "synthetic",
            "run": {"workers": workers},
        }
    )


def test_an_executor_that_is_given_stays_open() -> None:
    with ThreadPoolExecutor(1) as given:
        with executor_or_local(given, settings(2)) as executor:
            assert executor is given
        with pytest.raises(ZeroDivisionError), executor_or_local(given, settings(2)):
            raise ZeroDivisionError
        assert given.submit(double, 4).result() == 8


@pytest.mark.parametrize(
    ("workers", "tasks", "expected"),
    [(3, None, 3), (3, 8, 1), (3, 9, 2), (3, 0, 1), (0, None, 5), (0, 16, 2), (0, 99, 5)],
)
def test_a_local_pool_has_as_many_workers_as_set_and_is_closed(
    monkeypatch: pytest.MonkeyPatch, workers: int, tasks: int | None, expected: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    with executor_or_local(None, settings(workers), tasks) as pool:
        assert isinstance(pool, LocalPool)
        assert pool._workers == expected
    with pytest.raises(RuntimeError):
        pool.submit(double, 4).result()


def test_a_call_that_is_cancelled_disturbs_no_other(caplog: pytest.LogCaptureFixture) -> None:
    with LocalPool(1, 60) as pool:
        calls = [pool.submit(double, number) for number in range(5)]
        assert calls[2].cancel()
        assert [call.result() for call in calls if not call.cancelled()] == [0, 2, 6, 8]
    assert not caplog.records


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
def test_a_call_may_have_limits_of_its_own() -> None:
    small, large = (PhotoSettings(max_worker_mb=mb, timeout_s=60) for mb in (500, 2000))
    with LocalPool(1, 60, 1000) as pool:
        for limits, most in ((small, 500), (large, 2000), (small, 500)):
            assert pool.submit_within(limits, allowed_mb).result() == pytest.approx(most, abs=5)
            with pytest.raises(MemoryError):
                pool.submit_within(limits, take, most + 50).result()
        assert pool.submit_within(large, take, 1500).result() == 1500
        with pytest.raises(TimeoutError):
            pool.submit_within(PhotoSettings(timeout_s=1), time.sleep, 30).result()
        assert pool.submit(allowed_mb).result() == pytest.approx(1000, abs=5)


KEPT: list[bytearray] = []


def keep_and_tell_pid(megabytes: int) -> int:
    """As the models of another sort, which stay for its next photo."""
    KEPT.append(bytearray(b"x") * (megabytes * 1_000_000))
    return os.getpid()


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
def test_what_a_call_with_a_greater_limit_left_is_not_counted_against_the_next() -> None:
    """It was refused for want of memory, or hung until its time was over."""
    small, large = (PhotoSettings(max_worker_mb=mb, timeout_s=20) for mb in (500, 4000))
    with LocalPool(1, 60, 4000) as pool:
        pid = pool.submit_within(large, keep_and_tell_pid, 600).result()
        assert pool.submit_within(small, take, 200).result() == 200
        assert pool.submit_within(small, os.getpid).result() == pid
        with pytest.raises(MemoryError):  # it has a limit still
            pool.submit_within(small, take, 1000).result()
        assert pool.submit_within(small, allowed_mb).result() == pytest.approx(500, abs=5)


@posix
def test_workers_that_are_all_lost_before_they_began_are_replaced() -> None:
    with LocalPool(2, 60) as pool:
        calls = [pool.submit(double, number) for number in range(50)]
        workers = multiprocessing.active_children()
        assert len(workers) >= 2
        for worker in workers:
            worker.kill()
        assert [call.result() for call in calls] == [2 * number for number in range(50)]


@posix
def test_a_worker_that_is_killed_takes_one_call_with_it(tmp_path: Path) -> None:
    with LocalPool(2, 60) as pool:
        before = [pool.submit(double, number) for number in range(10)]
        victim = pool.submit(killed_once, tmp_path / "mark")
        after = [pool.submit(double, number) for number in range(10)]
        with pytest.raises(WorkerLost):
            victim.result()
        assert [call.result() for call in before + after] == [2 * n for n in range(10)] * 2
        assert pool.submit(killed_once, tmp_path / "mark").result() == "alive"


@posix
def test_a_call_is_not_lost_whose_worker_is_killed_before_the_pool_knows_who_has_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Pebble heard of the worker's end first and found no call of it, which then ran until its limit."""
    heard = TaskManager.task_start

    def hear_late(self: TaskManager, task_id: int, worker_id: int | None) -> None:
        monkeypatch.setattr(TaskManager, "task_start", heard)
        time.sleep(
            1
        )  # meanwhile the worker is killed, and the pool looks for workers that have ended
        heard(self, task_id, worker_id)

    with LocalPool(2, 10) as pool:
        other = pool.submit(time.sleep, 3)
        while not next(iter(pool._tasks)).running():
            time.sleep(0.01)
        monkeypatch.setattr(TaskManager, "task_start", hear_late)
        victim = pool.submit(killed_once, tmp_path / "mark")
        assert victim.result() == "alive"
        assert other.result() is None


def test_a_call_that_crashes_or_swells_fails_alone() -> None:
    with LocalPool(1, 60, max_worker_mb=600) as pool:
        calls = [pool.submit(crash), pool.submit(swell)]
        good = pool.submit(double, 21)
        with pytest.raises(WorkerLost) as crashed:
            calls[0].result()
        with pytest.raises(MemoryError):
            calls[1].result()
        assert good.result() == 42
    assert crashed.value.exitcode == 11
    assert copy.copy(crashed.value).exitcode == 11  # as it is pickled


def test_a_call_that_hangs_fails_alone() -> None:
    with LocalPool(1, 5) as pool:
        hangs, good = pool.submit(time.sleep, 600), pool.submit(double, 21)
        with pytest.raises(TimeoutError):
            hangs.result()
        assert good.result() == 42


def stopped_for(seconds: float) -> str:
    """Be stopped, as by Ctrl-Z or a debugger, until somebody else lets it go on."""
    go_on = f"sleep {seconds}; kill -CONT {os.getpid()}"
    with subprocess.Popen(["sh", "-c", go_on]):
        os.kill(os.getpid(), signal.SIGSTOP)
    return "alive"


@posix
def test_the_time_in_which_a_worker_is_stopped_does_not_count() -> None:
    with LocalPool(2, 1.5) as pool:
        assert pool.submit(double, 21).result() == 42  # it has started
        assert pool.submit(stopped_for, 3).result() == "alive"


@posix
def test_the_time_in_which_the_coordinator_is_stopped_does_not_count() -> None:
    """Nor that in which the machine is asleep: a clock that jumps is all that can be seen of it."""
    with LocalPool(1, 2) as pool:
        assert pool.submit(double, 21).result() == 42
        call = pool.submit(time.sleep, 3.3)
        while not next(iter(pool._tasks)).running():
            time.sleep(0.01)
        stopped_for(3)
        assert call.result() is None


@posix
def test_a_worker_that_crashes_leaves_no_core() -> None:
    """Its memory has faces in it, and the system's folder of cores is not the workspace."""
    import resource  # not on Windows

    before = resource.getrlimit(resource.RLIMIT_CORE)
    if before[1] == 0:
        pytest.skip("no process may leave one here")
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    try:
        with LocalPool(1, 60) as pool:
            allowed, _ = pool.submit(resource.getrlimit, resource.RLIMIT_CORE).result()
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)
    assert allowed == 0


# --- no workers -------------------------------------------------------------------------------

WITHOUT_WORKERS = """
import multiprocessing.popen_spawn_posix, multiprocessing.resource_tracker, os, resource, time
from facesort.engine.analysis import pool as pools
from facesort.engine.analysis.lost import WorkerLost
from facesort.engine.analysis.pool import LocalPool
from facesort.errors import ResourceError

pools._MAX_RESTARTS = 2
multiprocessing.set_executable("{python}")
with LocalPool(2, 60) as pool:
    if {running}:
        assert pool.submit(abs, -1).result() == 1
        calls = [pool.submit(time.sleep, 60) for _ in range(5)]
    if "{limit}" == "RLIMIT_NPROC":
        os.setresuid(65534, 65534, 65534)  # it does not count for root
    resource.setrlimit(resource.{limit}, ({most}, {most}))
    if {running}:
        for worker in multiprocessing.active_children():
            worker.kill()
    else:
        calls = [pool.submit(abs, -2)]
    for call in calls:
        try:
            call.result(30)
        except (ResourceError, WorkerLost) as error:
            print(error, flush=True)
    os._exit(0)  # no process can clean up after this one
"""


def without_workers(
    limit: str, most: int, *, running: bool, shell: str = "", python: str = sys.executable
) -> str:
    """What a process says that has a pool, and cannot start its workers."""
    program = WITHOUT_WORKERS.format(limit=limit, most=most, running=running, python=python)
    command = [sys.executable, "-c", program]
    if shell:
        command = ["unshare", "--mount", "sh", "-c", f'{shell} && exec "$@"', "sh", *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd="/", check=False)
    assert done.returncode == 0, done.stderr
    assert "free some space" not in done.stdout
    return done.stdout


@posix
@pytest.mark.parametrize("running", [False, True])
def test_workers_for_whom_there_are_no_file_handles(running: bool) -> None:
    said = without_workers("RLIMIT_NOFILE", 4, running=running)
    assert re.search(r"cannot go on \(Too many open files\): close other programs, or allow", said)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="becomes somebody else")
def test_workers_that_would_be_too_many_processes() -> None:
    said = without_workers("RLIMIT_NPROC", 1, running=False)
    assert re.search(r"cannot go on \(Resource temporarily unavailable\): .*ulimit -u", said)


@needs_mount
@pytest.mark.parametrize(
    ("options", "words"), [("ro", "Read-only"), ("size=4k,nr_inodes=1", "No space")]
)
def test_workers_without_semaphores(options: str, words: str) -> None:
    shell = f"mount -t tmpfs -o {options} tmpfs /dev/shm"
    said = without_workers("RLIMIT_CORE", 0, running=False, shell=shell)
    assert re.search(rf"need semaphores.*\({words}.*/dev/shm", said)


@posix
@pytest.mark.parametrize("program", ["/bin/false", os.devnull])
def test_workers_that_end_at_once_are_not_started_for_ever(program: str) -> None:
    """As from a disk that is mounted noexec, or an installation that is broken."""
    said = without_workers("RLIMIT_CORE", 0, running=False, python=program)
    assert re.search(r"cannot be started.*`facesort doctor` checks", said)
