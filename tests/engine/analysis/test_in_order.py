"""Files are analysed in their order, and each content once."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from synthetic_event import write_photo

from facesort.core.records import Analysis, PhotoRef
from facesort.engine.analysis.analyse import Analyser, Task, analyse_file, hash_file
from facesort.engine.analysis.in_order import analyse_in_order
from facesort.faces.packs.find import resolve_pack
from facesort.settings import PhotoSettings

Before = Callable[[str, int], None]
"""Called before a function of this name works on the photo with this id."""


class Recorder(Executor):
    """Threads that note what they do, and may be disturbed."""

    def __init__(self, threads: int, before: Before = lambda work, key: None) -> None:
        self.pool = ThreadPoolExecutor(threads)
        self.before = before
        self.started: list[tuple[str, int]] = []
        self.futures: list[Future[Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        analyser, task = args
        future = self.pool.submit(self._run, fn, analyser, task)
        self.futures.append(future)
        return future

    def _run(self, fn: Callable[..., Any], analyser: Analyser, task: Task) -> Any:
        self.started.append((fn.__name__, task.ref.photo_id))
        self.before(fn.__name__, task.ref.photo_id)
        return fn(analyser, task)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.pool.shutdown(wait, cancel_futures=cancel_futures)

    def analysed(self) -> list[int]:
        return sorted(key for work, key in self.started if work == "analyse_file")


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three files of one content, and two of the same size with another one."""
    root = tmp_path_factory.mktemp("card")
    for number, person in enumerate((1, 2, 3)):
        write_photo(root / f"{number}.bmp", [person])
    for copy in ("3.bmp", "4.bmp"):
        (root / copy).write_bytes((root / "1.bmp").read_bytes())
    assert len({path.stat().st_size for path in root.iterdir()}) == 1
    return root


def analyser_of(root: Path) -> Analyser:
    return Analyser({"card": root}, resolve_pack("synthetic", []), PhotoSettings())


def tasks_of(root: Path, **known: Any) -> list[Task]:
    names = sorted(path.name for path in root.iterdir())
    refs = [PhotoRef(key, name, source="card") for key, name in enumerate(names)]
    return [Task(ref, shared_size=True, **known) for ref in refs]


def outline(analyses: Sequence[Analysis]) -> list[tuple[Any, ...]]:
    """What must not depend on the workers."""
    return [
        (
            *(a.photo_id, a.sha256, a.known, a.shot_of, a.info, a.failure, a.detail),
            *(a.jpeg, a.phash, *(face.embedding.tobytes() for face in a.faces)),
        )
        for a in analyses
    ]


def run(root: Path, executor: Recorder, tasks: Sequence[Task] | None = None) -> list[Analysis]:
    with executor:
        return list(analyse_in_order(analyser_of(root), tasks or tasks_of(root), executor))


def test_one_content_is_analysed_once_and_equal_sizes_are_no_equal_content(card: Path) -> None:
    recorder = Recorder(2)
    found = run(card, recorder)

    assert recorder.analysed() == [0, 1, 2]
    assert [a.known for a in found] == [False, False, False, True, True]
    assert found[1].sha256 == found[3].sha256 == found[4].sha256
    assert [len(a.faces) for a in found] == [1, 1, 1, 0, 0]
    assert len({a.sha256 for a in found}) == 3


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_the_results_do_not_depend_on_the_workers(card: Path, threads: int) -> None:
    chance = random.Random(threads)
    recorder = Recorder(threads, lambda work, key: time.sleep(chance.random() / 200))
    tasks = tasks_of(card) * 20  # more than are under way at a time

    found = run(card, recorder, tasks)
    assert outline(found[:5]) == outline(run(card, Recorder(1)))
    assert all(a.known for a in found[5:])
    assert [a.photo_id for a in found] == [0, 1, 2, 3, 4] * 20
    assert recorder.analysed() == [0, 1, 2]


def test_a_known_content_is_hashed_and_nothing_else(card: Path) -> None:
    sha256 = hash_file(analyser_of(card), tasks_of(card)[1]).sha256
    task = Task(tasks_of(card)[3].ref, known=frozenset({sha256, "another"}))
    without_models = Analyser({"card": card}, None, PhotoSettings())  # type: ignore[arg-type]

    found = analyse_file(without_models, task)
    assert (found.sha256, found.known, found.info, found.faces) == (sha256, True, None, ())


def test_a_known_content_of_a_shared_size_is_read_once(card: Path) -> None:
    tasks = tasks_of(card)
    sha256 = hash_file(analyser_of(card), tasks[1]).sha256
    recorder = Recorder(2)
    found = run(card, recorder, tasks_of(card, known=frozenset({sha256})))
    assert recorder.analysed() == [0, 2]
    assert [a.known for a in found] == [False, True, False, True, True]
