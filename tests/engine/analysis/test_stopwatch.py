"""Where time is charged: to one stage at any moment, so that the stages add up to the whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_event import make_event, make_workspace, sort_in_threads

from facesort.core.stages import Stage, StageTime
from facesort.engine.analysis.stopwatch import Stopwatch
from facesort.store.queries import reports

IN_A_WORKER = {
    Stage.READ,
    Stage.HASH,
    Stage.DECODE,
    Stage.DETECT,
    Stage.ALIGN,
    Stage.EMBED,
    Stage.RESIZE,
    Stage.ENCODE,
}
IN_THE_COORDINATOR = {
    Stage.MATCH,
    Stage.COPY,
    Stage.HASH,
    Stage.FSYNC,
    Stage.STORE,
    Stage.WAIT,
}


def ticking() -> Iterator[tuple[float, float]]:
    """Wall time goes on by a second with each look, CPU time by half of one."""
    seconds = 100.0
    while True:
        yield seconds, seconds / 2
        seconds += 1


def started() -> Stopwatch:
    return Stopwatch(ticking().__next__)


def test_what_is_in_no_stage_is_other() -> None:
    assert started().times() == (StageTime(Stage.OTHER, 1.0, 0.5),)


def test_an_inner_stage_is_not_charged_to_the_outer_one() -> None:
    watch = started()
    with watch.during(Stage.COPY):
        assert watch.timed(Stage.HASH, divmod)(7, 3) == (2, 1)
    assert watch.times() == (
        StageTime(Stage.COPY, 2.0, 1.0),
        StageTime(Stage.HASH, 1.0, 0.5),
        StageTime(Stage.OTHER, 2.0, 1.0),
    )


def test_a_stage_that_fails_is_charged_and_left() -> None:
    watch = started()
    with pytest.raises(ZeroDivisionError), watch.during(Stage.DECODE):
        watch.timed(Stage.HASH, divmod)(1, 0)
    assert [(t.stage, t.seconds) for t in watch.times()] == [
        (Stage.DECODE, 2.0),
        (Stage.HASH, 1.0),
        (Stage.OTHER, 2.0),
    ]


@given(st.recursive(st.just([]), lambda inner: st.lists(st.tuples(st.sampled_from(Stage), inner))))
def test_stages_add_up_to_the_whole(plan: list[tuple[Stage, list[object]]]) -> None:
    looks = [0.0]

    def clock() -> tuple[float, float]:
        looks.append(looks[-1] + 1)
        return looks[-1], 0.0

    def carry_out(steps: list[tuple[Stage, list[object]]]) -> None:
        for stage, inner in steps:
            with watch.during(stage):
                carry_out(inner)  # type: ignore[arg-type]

    watch = Stopwatch(clock)
    carry_out(plan)
    assert sum(took.seconds for took in watch.times()) == looks[-1] - 1


def test_each_run_of_a_job_has_the_stages_of_its_own_batches(tmp_path: Path) -> None:
    make_event(tmp_path / "src", photos=60)
    workspace, pack = make_workspace(tmp_path, tmp_path / "src")
    passed: list[str] = []

    def stop_in_the_second_batch(point: str) -> None:
        passed.append(point)
        if passed.count("processing") == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sort_in_threads(workspace, pack, at=stop_in_the_second_batch)
    sort_in_threads(workspace, pack)

    with workspace.open_store(read_only=True) as store:
        runs = [reports.stage_times(store, run_id) for run_id in (1, 2)]
        assert [run.photos for run in runs] == [50, 11]
        for run_id, run in enumerate(runs, start=1):
            spent = sum(waited + worked for *_, waited, worked in reports.throughput(store, run_id))
            assert sum(took.seconds for took in run.coordinator) == pytest.approx(spent)
            assert {took.stage for took in run.workers} >= IN_A_WORKER
            assert {took.stage for took in run.coordinator} >= IN_THE_COORDINATOR
        analysed = store.value("SELECT sum(seconds) FROM timing")
    in_workers = sum(took.seconds for run in runs for took in run.workers)
    assert in_workers == pytest.approx(analysed)
