"""A machine has more processes while calls wait, and fewer when they have nothing to do; each run has its limits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import pytest

from facesort.engine.analysis.analyse import Analyser
from facesort.engine.cluster import growing_pool
from facesort.engine.cluster.growing_pool import GrowingPool
from facesort.engine.cluster.machine import Machine
from facesort.faces.packs.files import synthetic_pack
from facesort.settings import PhotoSettings

LIMITS = PhotoSettings()


class Processes(Executor):
    """Threads in place of processes, which are counted."""

    running: ClassVar[list[int]] = []

    def __init__(self, size: int) -> None:
        self._threads, self.size = ThreadPoolExecutor(size), size
        self.running.append(size)

    @classmethod
    def of(cls, size: int, limits: PhotoSettings) -> Processes:
        assert limits is LIMITS
        return cls(size)

    def submit_within(self, limits: PhotoSettings, fn: Any, *args: Any) -> Future[Any]:
        assert limits is LIMITS
        return self._threads.submit(fn, *args)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.running.remove(self.size)
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing_pool, "_GROW_S", 0.1)
    monkeypatch.setattr(growing_pool, "_IDLE_S", 0.3)
    monkeypatch.setattr(growing_pool, "_LOOK_S", 0.05)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    monkeypatch.setattr(growing_pool, "LocalPool", Processes)
    monkeypatch.setattr(Processes, "running", [])
    return Processes.running


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_it_grows_while_calls_wait_and_shrinks_when_it_idles(drawn: list[int]) -> None:
    pool = GrowingPool(1, 6)
    with ThreadPoolExecutor(8) as callers:
        calls = [callers.submit(pool.run, LIMITS, time.sleep, 0.2) for _ in range(60)]
        until(lambda: drawn == [1, 1, 2, 2])
        assert pool.processes == 6
        for call in calls:
            call.result(20)
    until(lambda: drawn == [1])
    assert pool.processes == 1
    assert pool.run(LIMITS, pow, 2, 3) == 8
    pool.close()
    assert drawn == []


def test_one_thread_ends_what_idles_and_goes_on_if_that_fails(
    drawn: list[int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """There were up to three, and the one that failed left its processes for ever."""
    shrinking: list[threading.Thread] = []
    shrink, shutdown = GrowingPool._shrink, Processes.shutdown

    def noted(pool: GrowingPool) -> None:
        shrinking.append(threading.current_thread())
        shrink(pool)

    def slow(processes: Processes, wait: bool = True, **options: bool) -> None:
        shutdown(processes, wait, **options)
        time.sleep(0.3)  # meanwhile it grows again
        raise OSError(32, "Broken pipe")

    monkeypatch.setattr(GrowingPool, "_shrink", noted)
    monkeypatch.setattr(Processes, "shutdown", slow)
    pool = GrowingPool(1, 2)
    with ThreadPoolExecutor(4) as callers:
        for _ in range(2):
            calls = [callers.submit(pool.run, LIMITS, time.sleep, 0.2) for _ in range(8)]
            until(lambda: pool.processes == 2)
            for call in calls:
                call.result(20)
            assert len([thread for thread in shrinking if thread.is_alive()]) <= 1
            until(lambda: pool.processes == 1)
    until(lambda: drawn == [1])
    until(lambda: not any(thread.is_alive() for thread in shrinking))
    assert caplog.text.count("did not end cleanly: [Errno 32] Broken pipe") == 2


def test_it_stays_small_where_nothing_waits(drawn: list[int]) -> None:
    pool = GrowingPool(2, 8)
    with ThreadPoolExecutor(2) as callers:
        calls = [callers.submit(pool.run, LIMITS, time.sleep, 0.02) for _ in range(40)]
        for call in calls:
            call.result(20)
    assert drawn == [2]


def test_a_fixed_number_is_one_pool_that_has_calls_at_hand(drawn: list[int]) -> None:
    pool = GrowingPool(2, 2)
    with ThreadPoolExecutor(4) as callers:
        calls = [callers.submit(pool.run, LIMITS, time.sleep, 0.3) for _ in range(4)]
        until(lambda: bool(pool._steps) and pool._steps[0].calls == 4)
        for call in calls:
            call.result(20)
    assert drawn == [2]


def test_what_is_called_when_it_is_closed_never_ends(drawn: list[int]) -> None:
    """It would be taken for the photo's failure."""
    pool = GrowingPool(1, 4)
    pool.run(LIMITS, pow, 2, 3)
    pool.close()
    late = ThreadPoolExecutor(1).submit(pool.run, LIMITS, pow, 2, 3)
    time.sleep(0.3)
    assert not late.done()
    assert drawn == []
    pool._closed = False  # let the thread end
    assert late.result(20) == 8
    pool.close()


def test_two_runs_with_other_limits_share_the_processes_of_a_machine() -> None:
    """The second one's pool replaced the first one's, each time either of them sent a photo."""
    machine = Machine({}, synthetic_pack(), 1)
    short, long = (Analyser({}, synthetic_pack(), PhotoSettings(timeout_s=s)) for s in (1, 60))
    machine.scratch = Path()
    try:
        pids = [machine._run(_pid, of, (), {}) for of in (short, long, short)]
        assert len(set(pids)) == 1
        with ThreadPoolExecutor(2) as runs:
            hanging = runs.submit(machine._run, _sleep, short, (30,), {})
            patient = runs.submit(machine._run, _sleep, long, (3,), {})
            with pytest.raises(TimeoutError):
                hanging.result(30)
            patient.result(30)
    finally:
        machine.close()


def _pid(_analyser: Analyser) -> int:
    import os

    return os.getpid()


def _sleep(_analyser: Analyser, seconds: float) -> None:
    time.sleep(seconds)
