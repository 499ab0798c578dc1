"""Sorting with the processors of several machines: it ends as with those of one."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lethal
import pytest
from clusters import Cluster, cluster, kill, processes_of
from filmed_event import make_filmed_event
from synthetic_event import write_photo
from torture.campaign import Ledger
from torture.event import Calm, copy_of

from facesort.core.records import PhotoRef
from facesort.engine.analysis.analyse import Analyser, Task, analyse_file, hash_file
from facesort.engine.analysis.lost import WorkerLost
from facesort.engine.cluster.executor import ClusterExecutor
from facesort.engine.cluster.members import Member
from facesort.engine.job.sort import SortOptions, run_sort
from facesort.engine.setup import open_with_pack
from facesort.errors import ClusterError
from facesort.faces.packs.files import synthetic_pack
from facesort.lab.shared.members import member_sentences
from facesort.reasons import Reason
from facesort.settings import PhotoSettings, RunSettings

pytestmark = pytest.mark.timeout(300)

OTHER_PACK = "pack = replace(pack, pack_id='0' * 64)"
OTHER_LIBRARY = "sys.path.insert(0, {folder!r})"  # which says that another version is installed


def make_mixed_event(root: Path, photos: int) -> None:
    """Photos and clips, and something that is neither."""
    make_filmed_event(root, photos)
    (root / "card-1" / "broken.JPG").write_bytes(b"not a photo")
    (root / "card-1" / "copy.JPG").write_bytes((root / "card-0" / "DSC00000.JPG").read_bytes())


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Calm:
    folder = tmp_path_factory.mktemp("event")
    return Calm.of(folder, 30, make_mixed_event, videos=True, samples_per_second=1)


@pytest.fixture(scope="module")
def machines(calm: Calm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three machines, and four that are not as they should be."""
    source = calm.prepared / "source"
    folder = tmp_path_factory.mktemp("machines")
    with cluster(folder, source, workers=3) as running:
        running.add(prelude=OTHER_PACK)
        bad = running.place(4) / "card-0" / "DSC00000.JPG"
        content = bad.read_bytes()
        bad.unlink()  # a link to the source's own
        bad.write_bytes(content + b"\0")
        running.add()
        running.add(source=folder / "missing")
        installed = folder / "installed" / "simplejpeg-0.1.dist-info"
        installed.mkdir(parents=True)
        (installed / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: simplejpeg\nVersion: 0.1\n"
        )
        running.add(prelude=OTHER_LIBRARY.format(folder=str(installed.parent)))
        yield running


def executor_at(machines: Cluster, *, sample: str = "", **limits: object) -> ClusterExecutor:
    limited = PhotoSettings(**limits)  # type: ignore[arg-type]
    analyser = Analyser({"card-1": machines.source}, synthetic_pack(), limited)
    samples = [PhotoRef(0, sample, source="card-1")] if sample else []
    return ClusterExecutor(machines.address, None, analyser, samples)


def until(true: Callable[[], Any], seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_three_machines_end_as_one_and_those_that_differ_get_no_photo(
    calm: Calm, machines: Cluster, tmp_path: Path
) -> None:
    root = copy_of(calm.prepared, tmp_path, run=RunSettings(cluster=machines.address))
    run_sort(*open_with_pack(root))
    calm.check(root, Ledger())


def test_machines_that_differ_are_refused_with_a_sentence(machines: Cluster) -> None:
    with executor_at(machines, sample="card-0/DSC00000.JPG") as executor:
        until(lambda: sum(bool(m.processes or m.refused) for m in executor.members()) >= 7)
        members = executor.members()
        refused = sorted(member.refused for member in members if member.refused)
        assert [
            executor.submit(lethal.answer, executor._dispatch._here, n).result() for n in range(9)
        ] == [2 * n for n in range(9)]
    assert len(members) - len(refused) == 3
    told = [
        r"it has another model pack \(synthetic, 000000000000\)",
        r"it has simplejpeg 0.1, and this machine [1-9].*: install the same on both",
        r"its source card-1 \(.*/missing\) is no folder",
        r"its source card-1 is another one: card-0/DSC00000.JPG is \d+ bytes",
    ]
    for sentence, pattern in zip(refused, told, strict=True):
        assert re.match(pattern, sentence), sentence


def test_a_photo_that_kills_or_hangs_fails_alone(machines: Cluster) -> None:
    with executor_at(machines, timeout_s=15, max_worker_mb=700) as executor:
        here = executor._dispatch._here
        calls = [executor.submit(fn, here) for fn in (lethal.die, lethal.hang, lethal.swell)]
        good = [executor.submit(lethal.answer, here, n) for n in range(20)]
        for call, error in zip(calls, (WorkerLost, TimeoutError, MemoryError), strict=True):
            with pytest.raises(error):
                call.result(120)
        assert [call.result(60) for call in good] == [2 * n for n in range(20)]
        assert not [m for m in executor.members() if m.left]


def test_a_machine_says_how_many_processes_it_has_now(machines: Cluster) -> None:
    worker = machines.add(least=1, processes=4)
    with executor_at(machines) as executor:

        def it() -> list[Member]:
            return [m for m in executor.members() if m.most_processes == 4 and m.processes]

        until(it)
        [member] = it()
    kill(worker.pid)
    assert member.processes == 1
    assert list(member_sentences([asdict(member)])) == [f"{member.name}: 1 of up to 4 processes"]


def test_a_file_that_no_machine_can_read_is_missing(machines: Cluster) -> None:
    with executor_at(machines) as executor:
        task = Task(PhotoRef(1, "gone.JPG", source="card-1"))
        found = executor.submit(analyse_file, executor._dispatch._here, task).result(60)
    assert found.failure is Reason.MISSING


@pytest.mark.slow  # has a cluster of its own
def test_a_file_that_one_machine_lacks_is_read_by_another(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for number in range(12):
        write_photo(source / f"{number}.jpg", [1], shade=number)
    with cluster(tmp_path, source) as machines:
        for photo in machines.place(0).iterdir():
            photo.unlink()
        machines.add()
        machines.add()
        with executor_at(machines) as executor:
            until(lambda: executor.slots == 6)
            tasks = [Task(PhotoRef(n, f"{n}.jpg", source="card-1")) for n in range(12)]
            calls = [executor.submit(hash_file, executor._dispatch._here, task) for task in tasks]
            assert [call.result(60).failure for call in calls] == [None] * 12
            refused = [m.refused for m in executor.members() if m.refused]
    assert len(refused) == 1
    assert "does not see 3 files that others see" in refused[0]


@pytest.mark.slow  # has a cluster of its own
def test_a_mount_that_goes_takes_its_machine_along_and_no_photo(calm: Calm, tmp_path: Path) -> None:
    """And a machine that dies, and one that joins in the middle."""
    with cluster(tmp_path, calm.prepared / "source", workers=2) as machines:
        root = copy_of(calm.prepared, tmp_path, run=RunSettings(cluster=machines.address))

        def disturb(done: int, total: int) -> None:
            if done == 5:
                machines.place(0).rename(tmp_path / "unmounted")
                machines.add()
            if done == 15:
                for pid in (*processes_of(machines.workers[1]), machines.workers[1].pid):
                    kill(pid)

        run_sort(*open_with_pack(root), SortOptions(on_photo=disturb))
    calm.check(root, Ledger())


@pytest.mark.slow  # has a cluster of its own
def test_without_its_scheduler_a_sort_is_interrupted_and_the_next_goes_on(
    calm: Calm, tmp_path: Path
) -> None:
    with cluster(tmp_path, calm.prepared / "source", workers=1) as machines:
        root = copy_of(calm.prepared, tmp_path, run=RunSettings(cluster=machines.address))

        def disturb(done: int, total: int) -> None:
            if done == 5 and machines.scheduler is not None:
                kill(machines.scheduler.pid)

        with pytest.raises(ClusterError, match=r"is gone .*goes on where this one stopped"):
            run_sort(*open_with_pack(root), SortOptions(on_photo=disturb))
    calm.check(root, Ledger())
