"""Files are analysed in their order, and each content once."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, TimeoutError
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from images.synthetic_photos import dng, encoded, exif
from PIL import Image
from synthetic_event import write_photo

from facesort.core.records import Analysis, PhotoRef
from facesort.engine.analysis.analyse import Analyser, Partner, Task, analyse_file, hash_file
from facesort.engine.analysis.in_order import analyse_in_order
from facesort.engine.analysis.lost import WorkerLost
from facesort.engine.analysis.pool import LocalPool
from facesort.faces.packs.find import resolve_pack
from facesort.images import encode_output, load_photo
from facesort.reasons import Reason
from facesort.settings import PhotoSettings

Before = Callable[[str, int], object]
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
    for number in range(3):
        write_photo(root / f"{number}.bmp", [number])
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


def test_a_copy_is_analysed_if_the_first_is_changed_meanwhile(card: Path, tmp_path: Path) -> None:
    """What counts is what the analysis itself read, not the hash that was computed before."""
    for path in card.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())

    def change(work: str, key: int) -> None:
        if (work, key) == ("analyse_file", 1):
            write_photo(tmp_path / "1.bmp", [4])

    found = run(tmp_path, Recorder(2, change))
    assert [a.known for a in found] == [False, False, False, False, True]
    assert found[1].sha256 != found[3].sha256 == found[4].sha256
    assert len(found[3].faces) == 1


def test_a_content_that_is_damaged_is_tried_once(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.jpg").write_bytes(b"no photo")
    recorder = Recorder(2)
    found = run(tmp_path, recorder)
    assert [a.failure for a in found] == [Reason.NOT_AN_IMAGE, None, None]
    assert [a.known for a in found] == [False, True, True]
    assert recorder.analysed() == [0]


def test_a_file_that_cannot_be_read_when_it_is_hashed_fails_alone(card: Path) -> None:
    tasks = tasks_of(card)
    tasks[1] = Task(PhotoRef(1, "gone.bmp", source="card"), shared_size=True)
    tasks[2] = Task(PhotoRef(2, "1.bmp", source="removed"), shared_size=True)
    found = run(card, Recorder(2), tasks)
    assert [a.failure for a in found] == [None, Reason.MISSING, Reason.MISSING, None, None]
    assert "removed" in found[2].detail


@pytest.mark.parametrize(
    ("error", "reason", "tries"),
    [
        (TimeoutError(), Reason.TIMEOUT, 1),
        (MemoryError(), Reason.TOO_LARGE, 1),
        (WorkerLost(11), Reason.WORKER_DIED, 2),
    ],
)
@pytest.mark.parametrize("work", ["hash_file", "analyse_file"])
def test_a_worker_that_dies_or_hangs_fails_one_file(
    card: Path, work: str, error: Exception, reason: Reason, tries: int
) -> None:
    def fail(started: str, key: int) -> None:
        if (started, key) == (work, 1):
            raise error

    recorder = Recorder(2, fail)
    found = run(card, recorder)
    assert [a.failure for a in found] == [None, reason, None, None, None]
    assert recorder.started.count((work, 1)) == tries
    # Its copies are analysed in its place, once.
    assert [len(a.faces) for a in found] == [1, 0, 1, 1, 0]
    assert found[4].known


def test_a_worker_that_was_killed_because_of_another_file_hashes_again(card: Path) -> None:
    killed = iter([WorkerLost(-9)])

    def fail(started: str, key: int) -> None:
        if (started, key) == ("hash_file", 1):
            for error in killed:
                raise error

    assert outline(run(card, Recorder(2, fail))) == outline(run(card, Recorder(1)))


@pytest.mark.parametrize("shared_size", [False, True])
def test_at_most_64_are_under_way_and_they_are_cancelled_when_the_caller_stops(
    card: Path, shared_size: bool
) -> None:
    gate = threading.Event()
    taken: list[int] = []

    def tasks() -> Iterator[Task]:
        for number in range(1000):
            taken.append(number)
            ref = PhotoRef(number, "1.bmp", source="card")
            yield Task(ref, shared_size=shared_size and number > 0)

    recorder = Recorder(1, lambda _, key: key == 0 or gate.wait())
    with recorder:
        with closing(analyse_in_order(analyser_of(card), tasks(), recorder)) as analyses:
            assert next(analyses).photo_id == 0
        gate.set()
    assert len(taken) == 64
    cancelled = [future.cancelled() for future in recorder.futures]
    assert cancelled[2:] == 62 * [True]  # the worker may have begun with the second
    assert not cancelled[0]


def test_it_works_with_processes(card: Path) -> None:
    with LocalPool(1, 60) as pool:
        found = list(analyse_in_order(analyser_of(card), tasks_of(card), pool))
    assert outline(found) == outline(run(card, Recorder(1)))


# --- one shot


def write_pair(root: Path, raw: str, jpeg: str, *, at: str = "12:30:45") -> None:
    """A DNG, and a JPEG of the same camera that says when it was taken."""
    taken = exif(
        Make="Maker", Model="Model", DateTimeOriginal=f"2024:06:01 {at}", SubsecTimeOriginal="25"
    )
    write_photo(root / jpeg, [1])
    image = Image.open(root / jpeg)
    image.load()
    (root / raw).parent.mkdir(parents=True, exist_ok=True)
    (root / raw).write_bytes(dng(image, preview=(root / jpeg).read_bytes()))
    (root / jpeg).write_bytes(encoded(image, "JPEG", exif=taken))


def pair_of(root: Path, raw: str, jpeg: str) -> list[Task]:
    first = PhotoRef(1, jpeg, source="card")
    return [Task(first), Task(PhotoRef(2, raw, source="card"), partners=(Partner(first),))]


@pytest.mark.parametrize(("raw", "jpeg"), [("1.DNG", "1.JPG"), ("raw/1.DNG", "jpeg/1.JPG")])
def test_the_faces_of_a_shot_are_looked_for_once(tmp_path: Path, raw: str, jpeg: str) -> None:
    write_pair(tmp_path, raw, jpeg)
    found = run(tmp_path, Recorder(2), pair_of(tmp_path, raw, jpeg))

    assert (found[0].shot_of, len(found[0].faces)) == (None, 1)
    assert (found[1].shot_of, found[1].faces, found[1].failure) == (1, (), None)
    assert found[1].info is not None
    assert found[1].info.format == "DNG"
    assert (
        found[1].sha256
        == hash_file(analyser_of(tmp_path), Task(PhotoRef(2, raw, source="card"))).sha256
    )


def test_of_several_partners_the_first_that_fits_counts(tmp_path: Path) -> None:
    write_pair(tmp_path, "raw/1.DNG", "a/1.JPG", at="12:30:46")
    write_pair(tmp_path, "raw/1.DNG", "b/1.JPG")
    write_pair(tmp_path, "raw/1.DNG", "c/1.JPG")
    partners = [PhotoRef(key, f"{name}/1.JPG", source="card") for key, name in enumerate("xabc")]
    task = Task(PhotoRef(9, "raw/1.DNG", source="card"), partners=tuple(map(Partner, partners)))
    assert [a.shot_of for a in run(tmp_path, Recorder(1), [task])] == [2]


def test_a_raw_of_another_shot_is_analysed(tmp_path: Path) -> None:
    write_pair(tmp_path, "1.DNG", "1.JPG", at="12:30:46")
    found = run(tmp_path, Recorder(2), pair_of(tmp_path, "1.DNG", "1.JPG"))
    assert [(a.shot_of, len(a.faces)) for a in found] == [(None, 1), (None, 1)]


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("threads", [1, 8])
def test_the_raw_is_analysed_if_its_jpeg_failed(tmp_path: Path, early: bool, threads: int) -> None:
    """The JPEG can say when it was taken, but not show it."""
    write_pair(tmp_path, "1.DNG", "1.JPG")
    whole = (tmp_path / "1.JPG").read_bytes()
    (tmp_path / "1.JPG").write_bytes(whole[: len(whole) // 2])
    tasks = pair_of(tmp_path, "1.DNG", "1.JPG")

    recorder = Recorder(threads)
    with recorder:
        failed = [1] if early else []
        some = tasks[1:] if early else tasks
        found = list(analyse_in_order(analyser_of(tmp_path), some, recorder, failed=failed))
    assert [a.failure for a in found] == [Reason.TRUNCATED, None][early:]
    assert (found[-1].shot_of, len(found[-1].faces)) == (None, 1)


def test_the_raw_is_analysed_if_its_jpeg_is_a_copy_of_one_that_failed(tmp_path: Path) -> None:
    write_pair(tmp_path, "1.DNG", "1.JPG")
    whole = (tmp_path / "1.JPG").read_bytes()
    for name in ("0.JPG", "1.JPG"):
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    copy = replace(pair_of(tmp_path, "1.DNG", "1.JPG")[0], shared_size=True)
    first = Task(PhotoRef(0, "0.JPG", source="card"), shared_size=True)
    found = run(tmp_path, Recorder(2), [first, copy, pair_of(tmp_path, "1.DNG", "1.JPG")[1]])
    assert [(a.known, a.shot_of, len(a.faces)) for a in found] == [
        (False, None, 0),
        (True, None, 0),
        (False, None, 1),
    ]


def test_a_partner_that_kills_the_worker_costs_only_itself(tmp_path: Path) -> None:
    write_pair(tmp_path, "1.DNG", "1.JPG")
    tasks = pair_of(tmp_path, "1.DNG", "1.JPG")

    class Deadly(Recorder):
        def _run(self, fn: Callable[..., Any], analyser: Analyser, task: Task) -> Any:
            if task.ref.photo_id == 1 or task.partners:
                raise WorkerLost(11)
            return super()._run(fn, analyser, task)

    found = run(tmp_path, Deadly(2), tasks)
    assert [a.failure for a in found] == [Reason.WORKER_DIED, None]
    assert len(found[1].faces) == 1


def test_a_partner_that_is_gone_is_no_partner(tmp_path: Path) -> None:
    write_pair(tmp_path, "1.DNG", "1.JPG")
    (tmp_path / "1.JPG").unlink()
    found = run(tmp_path, Recorder(2), pair_of(tmp_path, "1.DNG", "1.JPG")[1:])
    assert (found[0].shot_of, len(found[0].faces)) == (None, 1)


def test_a_partner_whose_card_is_not_there_is_known_by_what_it_said(tmp_path: Path) -> None:
    write_pair(tmp_path, "1.DNG", "1.JPG")
    info = run(tmp_path, Recorder(2), pair_of(tmp_path, "1.DNG", "1.JPG"))[0].info
    (tmp_path / "1.JPG").unlink()
    elsewhere = Partner(PhotoRef(1, "1.JPG", source="card 2"), info)
    task = Task(PhotoRef(2, "1.DNG", source="card"), partners=(elsewhere,))
    assert [a.shot_of for a in run(tmp_path, Recorder(1), [task])] == [1]


def test_a_jpeg_that_failed_before_and_is_tried_again_has_its_raw(tmp_path: Path) -> None:
    write_pair(tmp_path, "1.DNG", "1.JPG")
    with Recorder(2) as recorder:
        tasks = pair_of(tmp_path, "1.DNG", "1.JPG")
        found = list(analyse_in_order(analyser_of(tmp_path), tasks, recorder, failed=[1]))
    assert [a.shot_of for a in found] == [None, 1]


def test_a_known_raw_is_only_hashed(tmp_path: Path) -> None:
    write_pair(tmp_path, "1.DNG", "1.JPG")
    tasks = pair_of(tmp_path, "1.DNG", "1.JPG")
    sha256 = hash_file(analyser_of(tmp_path), tasks[1]).sha256
    tasks[1] = replace(tasks[1], known=frozenset({sha256}))
    assert [(a.known, a.shot_of) for a in run(tmp_path, Recorder(2), tasks)] == [
        (False, None),
        (True, None),
    ]


def test_long_metadata_of_a_partner_are_read(tmp_path: Path) -> None:
    """The start that is read of a JPEG may end inside of them."""
    write_pair(tmp_path, "raw/1.DNG", "jpeg/1.JPG")
    path = tmp_path / "jpeg/1.JPG"
    whole = path.read_bytes()
    comment = b"\xff\xfe\xff\xff" + bytes(65533)
    path.write_bytes(whole[:2] + 5 * comment + whole[2:])
    found = run(tmp_path, Recorder(1), pair_of(tmp_path, "raw/1.DNG", "jpeg/1.JPG"))
    assert found[1].shot_of == 1


@pytest.mark.parametrize("name", ["A_001_o1_cmp", "A_002_o6_cmp", "A_004_o8_cmp_nopreview"])
def test_an_arw_and_its_rendering(assets: Path, tmp_path: Path, name: str) -> None:
    raw = (assets / f"formats/arw/{name}.ARW").read_bytes()
    (tmp_path / "DSC00001.ARW").write_bytes(raw)
    pixels = load_photo(raw, "DSC00001.ARW", max_megapixels=200).pixels
    (tmp_path / "DSC00001.JPG").write_bytes(encode_output(pixels))
    found = run(tmp_path, Recorder(2), pair_of(tmp_path, "DSC00001.ARW", "DSC00001.JPG"))
    assert [a.shot_of for a in found] == [None, 1]
