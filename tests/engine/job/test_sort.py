"""One job as a whole: what is found, what is delivered, and what happens when something is not as it should be."""

from __future__ import annotations

import gc
import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from stored_faces import best_distances
from synthetic_event import make_event, make_workspace, sort_in_threads, tree, write_photo

from facesort.engine.analysis.pool import LocalPool
from facesort.engine.delivery.verify import verify_output
from facesort.engine.job.progress import current_status
from facesort.engine.job.sort import SortOptions, retry_failed, run_rematch, run_sort
from facesort.engine.setup import set_up
from facesort.errors import (
    GalleryError,
    PackMismatchError,
    SettingsError,
    SourceGoneError,
    WorkspaceBusyError,
)
from facesort.faces.packs.files import synthetic_pack
from facesort.faces.protocol import ModelPack
from facesort.reasons import Outcome, PhotoStatus
from facesort.settings import RunSettings
from facesort.store import Store
from facesort.store.job import files, photos
from facesort.store.queries import reports, tables
from facesort.store.queries.delivery.commit_log import verified_writes
from facesort.store.queries.gallery import load_gallery
from facesort.workspace import Workspace, refuse_inside

Job = tuple[Workspace, ModelPack]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


@pytest.fixture
def job(tmp_path: Path, source: Path) -> Job:
    """Four seeded people and nothing to sort yet."""
    return make_workspace(tmp_path, source)


def counts(workspace: Workspace) -> reports.Counts:
    with workspace.open_store(read_only=True) as store:
        return reports.counts(store)


def failures(workspace: Workspace) -> dict[str, str]:
    with workspace.open_store(read_only=True) as store:
        return {path: reason for path, reason, _ in reports.failed_photos(store)}


def delivered(workspace: Workspace) -> dict[str, frozenset[str]]:
    with workspace.open_store(read_only=True) as store:
        return reports.photo_folders(store)


def test_an_event_is_sorted_and_adds_up(tmp_path: Path, source: Path, job: Job) -> None:
    make_event(source, 60)
    workspace, pack = job

    sort_in_threads(workspace, pack)

    found = counts(workspace)
    assert found.total == 61
    assert sum(found.photos.values()) == 61
    assert found.photos[PhotoStatus.PENDING] == 0
    assert found.photos[PhotoStatus.FAILED] == 6
    assert found.photos[PhotoStatus.NO_FACE] == 6
    assert found.photos[PhotoStatus.DUPLICATE] == 1
    assert found.photos[PhotoStatus.MATCHED] > 30
    assert found.photos[PhotoStatus.UNKNOWN] > 0
    assert found.batches == {"PENDING": 0, "PROCESSING": 0, "COMMITTING": 0, "COMMITTED": 2}
    assert sum(found.persons.values()) == len(tree(tmp_path / "out"))


def test_the_state_file_says_what_the_store_says(source: Path, job: Job) -> None:
    make_event(source, 60)
    workspace, pack = job

    sort_in_threads(workspace, pack)

    written = json.loads((workspace.state / "progress.json").read_text())
    status = current_status(workspace)
    assert {key: written[key] for key in ("state", "photos", "faces", "batches", "persons")} == {
        key: status[key] for key in ("state", "photos", "faces", "batches", "persons")
    }
    assert status["state"] == "finished"


def test_nobody_has_to_count_after_a_job(
    source: Path, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_event(source, 30)
    workspace, pack = job
    for run in (sort_in_threads, sort_in_threads, run_rematch):
        run(workspace, pack)
        with monkeypatch.context() as patch:
            patch.setattr(Workspace, "open_store", None)
            kept = current_status(workspace)
        (workspace.state / "counted.json").unlink()
        assert current_status(workspace) == kept
        assert kept["state"] == "finished"


def test_a_finished_job_is_counted_once_and_no_photo_of_it_is_loaded(
    source: Path, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a million photos, each of these takes seconds, and some hundred MB."""
    make_event(source, 10)
    workspace, pack = job
    sort_in_threads(workspace, pack)
    counted: list[reports.Counts] = []
    count = reports.counts

    def counting(store: Store) -> reports.Counts:
        counted.append(count(store))
        return counted[-1]

    def never(*_: object) -> None:
        raise AssertionError("nobody needs it")

    monkeypatch.setattr(reports, "counts", counting)
    monkeypatch.setattr(photos, "known_photos", never)
    monkeypatch.setattr(files, "pending_and_done", never)
    sort_in_threads(workspace, pack)
    assert len(counted) == 1
    written = json.loads((workspace.state / "progress.json").read_text())
    photo_counts = {status.value: n for status, n in counted[0].photos.items()}
    assert written["photos"] == {"total": counted[0].total} | photo_counts


def test_a_group_photo_goes_to_everyone_in_it_as_the_same_bytes(
    tmp_path: Path, source: Path, job: Job
) -> None:
    write_photo(source / "group.jpg", [1, 3, 4, 77])

    sort_in_threads(*job)

    files = tree(tmp_path / "out")
    assert sorted(Path(name).parts[0] for name in files) == ["Person 1", "Person 3", "Person 4"]
    assert len(set(files.values())) == 1
    assert len({Path(name).name for name in files}) == 1


def test_output_is_a_small_plain_srgb_jpeg(tmp_path: Path, source: Path, job: Job) -> None:
    write_photo(source / "photo.jpg", [2])
    with Image.open(source / "photo.jpg") as image:
        exif = Image.Exif()
        exif[0x010F] = "a camera"
        image.resize((3200, 1200)).save(source / "photo.jpg", exif=exif, quality=92)

    sort_in_threads(*job)

    (copy,) = (tmp_path / "out" / "Person 2").iterdir()
    with Image.open(copy) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (2048, 768))
        assert not image.getexif()
        assert "icc_profile" not in image.info


def test_the_same_file_twice_gives_one_output(tmp_path: Path, source: Path, job: Job) -> None:
    write_photo(source / "b" / "photo.jpg", [1])
    (source / "a").mkdir()
    (source / "a" / "renamed.jpg").write_bytes((source / "b" / "photo.jpg").read_bytes())

    sort_in_threads(*job)

    assert [Path(name).name[:7] for name in tree(tmp_path / "out")] == ["renamed"]
    assert counts(job[0]).photos[PhotoStatus.DUPLICATE] == 1


@pytest.mark.parametrize("wanted", [False, True])
def test_unknown_folder(tmp_path: Path, source: Path, job: Job, wanted: bool) -> None:
    workspace, pack = job
    write_photo(source / "stranger.jpg", [500])
    write_photo(source / "both.jpg", [500, 1], shade=90)
    run = RunSettings(unknown_folder=wanted)
    changed = Workspace(workspace.root, workspace.settings.model_copy(update={"run": run}))

    sort_in_threads(changed, pack)

    assert (tmp_path / "out" / "_unknown").exists() == wanted
    found = counts(workspace)
    assert found.photos[PhotoStatus.UNKNOWN] == 1
    assert found.persons.get("_unknown", 0) == int(wanted)


def test_new_files_become_new_batches(tmp_path: Path, source: Path, job: Job) -> None:
    write_photo(source / "z.jpg", [1])
    sort_in_threads(*job)
    before = tree(tmp_path / "out")
    write_photo(source / "a.jpg", [2])

    sort_in_threads(*job)

    after = tree(tmp_path / "out")
    assert before.items() < after.items()
    assert counts(job[0]).batches["COMMITTED"] == 2


def test_a_replaced_file_is_a_new_photo(source: Path, job: Job) -> None:
    write_photo(source / "a.jpg", [1])
    os.utime(source / "a.jpg", (1_000_000, 1_000_000))
    sort_in_threads(*job)
    write_photo(source / "a.jpg", [2], shade=50)

    sort_in_threads(*job)

    found = counts(job[0])
    assert (found.total, found.photos[PhotoStatus.MATCHED]) == (1, 1)
    assert found.absent == {"gone": 0, "replaced": 1}
    assert delivered(job[0]) == {"a.jpg": frozenset({"Person 2"})}
    assert found.persons == {"Person 1": 1, "Person 2": 1, "Person 3": 0, "Person 4": 0}


def test_what_a_batch_learned_is_seen_by_the_next_batch_and_not_before(
    tmp_path: Path, source: Path, job: Job
) -> None:
    for number in range(60):
        write_photo(source / f"{number:03d}.jpg", [1], variation=60 + number)
    workspace, pack = job
    ignorant, _ = make_workspace(tmp_path / "ignorant", source)
    matching = ignorant.settings.matching.model_copy(update={"learn": False})
    ignorant = Workspace(ignorant.root, ignorant.settings.model_copy(update={"matching": matching}))

    sort_in_threads(workspace, pack)
    sort_in_threads(ignorant, pack)

    with workspace.open_store(read_only=True) as store:
        gallery = load_gallery(store, pack.pack_id, 10)
        distances = best_distances(store)
    with ignorant.open_store(read_only=True) as store:
        without = best_distances(store)
        assert load_gallery(store, pack.pack_id, 10).learned == {}
    assert len(gallery.learned[1]) == 10
    assert len(gallery.references[1]) == 1
    assert (distances[:50] == without[:50]).all()  # the first batch saw the references alone
    assert (distances[50:] != without[50:]).all()


class Sabotage(LocalPool):
    """Worker processes in which some photos do not go well."""

    def __init__(self, acts: dict[str, Callable[[], None]], timeout_s: float = 60) -> None:
        super().__init__(2, timeout_s)
        self.acts = acts

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        act = self.acts.get(getattr(args[1], "ref", args[1]).path)
        return super().submit(act) if act else super().submit(fn, *args, **kwargs)


def die() -> None:
    os._exit(11)


def hang() -> None:
    time.sleep(600)


def test_a_file_that_kills_or_hangs_its_worker_fails_alone(source: Path, job: Job) -> None:
    for name in ("a", "b", "c", "d", "e"):
        write_photo(source / f"{name}.jpg", [1], shade=ord(name))
    workspace, pack = job

    with Sabotage({"b.jpg": die, "d.jpg": hang}, timeout_s=15) as pool:
        run_sort(workspace, pack, SortOptions(executor=pool))

    assert failures(workspace) == {"b.jpg": "worker_died", "d.jpg": "timeout"}
    assert counts(workspace).photos[PhotoStatus.MATCHED] == 3


def test_retry_gives_failed_photos_another_chance(tmp_path: Path, source: Path, job: Job) -> None:
    write_photo(source / "a.jpg", [1])
    write_photo(source / "b.jpg", [2])
    workspace, pack = job
    with Sabotage({"b.jpg": die}) as pool:
        run_sort(workspace, pack, SortOptions(executor=pool))
    assert failures(workspace) == {"b.jpg": "worker_died"}

    assert retry_failed(workspace) == 1
    assert counts(workspace).photos[PhotoStatus.PENDING] == 1
    sort_in_threads(workspace, pack)

    assert failures(workspace) == {}
    assert counts(workspace).persons["Person 2"] == 1
    assert retry_failed(workspace) == 0


def test_damaged_photos_are_delivered_on_request_and_marked(
    tmp_path: Path, source: Path, job: Job
) -> None:
    write_photo(source / "cut.jpg", [1])
    data = (source / "cut.jpg").read_bytes()
    (source / "cut.jpg").write_bytes(data[: len(data) * 9 // 10])
    workspace, pack = job
    sort_in_threads(workspace, pack)
    assert failures(workspace) == {"cut.jpg": "truncated"}
    taken = workspace.settings.photos.model_copy(update={"accept_damaged": True})
    settings = workspace.settings.model_copy(update={"photos": taken})

    assert retry_failed(workspace) == 1
    sort_in_threads(Workspace(workspace.root, settings), pack)

    assert failures(workspace) == {}
    assert counts(workspace).persons["Person 1"] == 1
    with workspace.open_store(read_only=True) as store:
        (row,) = tables.table(store, "photos").select("status, remarks, detail").fetchall()
    assert row[:2] == ("matched", ["damaged"])
    assert re.fullmatch(r"JPEG: \d+ % of the picture is missing or wrong .*", row[2])


def test_a_name_that_is_taken_is_a_failure_until_it_is_free(
    tmp_path: Path, source: Path, job: Job
) -> None:
    write_photo(source / "a.jpg", [1, 2])
    workspace, pack = job
    sort_in_threads(workspace, pack)
    (name,) = {Path(n).name for n in tree(tmp_path / "out")}
    other = make_workspace(tmp_path / "second", source, "../second-out")
    foreign = tmp_path / "second-out" / "Person 2" / name
    foreign.parent.mkdir(parents=True)
    foreign.write_text("somebody else's")

    sort_in_threads(*other)

    assert foreign.read_text() == "somebody else's"
    assert failures(other[0]) == {"a.jpg": "name_taken"}
    assert counts(other[0]).persons["Person 1"] == 1
    learned = counts(other[0]).faces
    foreign.unlink()
    assert retry_failed(other[0]) == 1
    sort_in_threads(*other)
    assert failures(other[0]) == {}
    assert counts(other[0]).persons["Person 2"] == 1
    assert counts(other[0]).faces == learned  # decided once, not met again in the gallery


def test_a_source_that_disappears_stops_the_job_and_is_taken_up_again(
    tmp_path: Path, source: Path, job: Job
) -> None:
    for number in range(80):
        write_photo(source / f"{number:03d}.jpg", [1], shade=60 + number)
    workspace, pack = job
    away = tmp_path / "unplugged"

    def unplug(done: int, total: int) -> None:
        if done == 20:
            source.rename(away)

    with pytest.raises(SourceGoneError, match="plug in the disk"):
        run_sort(workspace, pack, SortOptions(ThreadPoolExecutor(1), on_photo=unplug))
    assert counts(workspace).photos[PhotoStatus.FAILED] == 0
    source.mkdir()
    with pytest.raises(SourceGoneError, match="empty mount point"):
        sort_in_threads(workspace, pack)
    source.rmdir()
    away.rename(source)

    sort_in_threads(workspace, pack)

    assert counts(workspace).photos[PhotoStatus.MATCHED] == 80


def test_a_sort_waits_for_somebody_who_looks_at_the_workspace(
    source: Path,
    job: Job,
    other_process: Callable[[str], subprocess.Popen[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_event(source, 3)
    workspace, pack = job
    reader = other_process(
        f"from facesort.store import Store; from pathlib import Path\n"
        f"store = Store.open(Path({str(workspace.database)!r}), read_only=True)"
    )
    monkeypatch.setattr("facesort.workspace.workspace._READERS_S", 0.1)
    waited = threading.Timer(0.6, reader.kill)
    waited.start()
    sort_in_threads(workspace, pack)
    assert waited.finished.is_set()
    assert counts(workspace).photos[PhotoStatus.PENDING] == 0


def test_one_missing_file_is_only_a_failed_photo(source: Path, job: Job) -> None:
    for name in ("a", "b", "c"):
        write_photo(source / f"{name}.jpg", [1], shade=ord(name))

    def remove(point: str) -> None:
        if point == "processing":
            (source / "b.jpg").unlink(missing_ok=True)

    run_sort(*job, SortOptions(ThreadPoolExecutor(1), at=remove))

    # the workers run ahead: the file may have been read before it went
    assert set(failures(job[0])) <= {"b.jpg"}
    assert counts(job[0]).photos[PhotoStatus.MATCHED] >= 2


def test_nobody_in_the_gallery(tmp_path: Path, source: Path) -> None:
    workspace, pack = set_up(tmp_path / "hot", [source], tmp_path / "out", "synthetic", [])
    write_photo(source / "a.jpg", [1])

    with pytest.raises(GalleryError, match="facesort seed"):
        sort_in_threads(workspace, pack)


def test_another_pack_is_refused(source: Path, job: Job) -> None:
    workspace, _ = job
    write_photo(source / "a.jpg", [1])
    other = replace(synthetic_pack(), name="other", pack_id="f" * 64)

    with pytest.raises(PackMismatchError, match="--reembed"):
        sort_in_threads(workspace, other)


def test_a_second_sort_is_refused_and_told_who_sorts(source: Path, job: Job) -> None:
    write_photo(source / "a.jpg", [1])
    workspace, pack = job

    with (
        workspace.sorting_lock(),
        pytest.raises(WorkspaceBusyError, match=f"process {os.getpid()}"),
    ):
        sort_in_threads(workspace, pack)


def test_status_works_while_a_sort_holds_the_database(source: Path, job: Job) -> None:
    write_photo(source / "a.jpg", [1])
    workspace, pack = job
    seen: list[dict[str, Any]] = []

    def look(point: str) -> None:
        if point == "recorded":
            seen.append(current_status(workspace))

    run_sort(workspace, pack, SortOptions(ThreadPoolExecutor(1), at=look))

    assert seen[0]["state"] == "running"
    assert seen[0]["photos"]["total"] == 1
    assert current_status(workspace)["state"] == "finished"


def test_verify_finds_what_was_changed_and_removed(tmp_path: Path, source: Path, job: Job) -> None:
    for name in ("a", "b", "c"):
        write_photo(source / f"{name}.jpg", [1], shade=ord(name))
    workspace, pack = job
    sort_in_threads(workspace, pack)
    first, second, _ = sorted((tmp_path / "out" / "Person 1").iterdir())
    first.unlink()
    second.write_bytes(second.read_bytes()[:-1] + b"?")

    with workspace.open_store(read_only=True) as store:
        result = verify_output(workspace.settings.output, verified_writes(store))

    assert result.missing == (f"Person 1/{first.name}",)
    assert result.changed == (f"Person 1/{second.name}",)
    assert result.verified == 1
    assert not result.passed


def test_decisions_are_stored_with_their_distances(source: Path, job: Job) -> None:
    write_photo(source / "a.jpg", [1, 600])
    workspace, pack = job

    sort_in_threads(workspace, pack)

    assert counts(workspace).faces[Outcome.STRICT] == 1
    assert counts(workspace).faces[Outcome.UNKNOWN] == 1
    with workspace.open_store(read_only=True) as store:
        near, far = sorted(best_distances(store).tolist())
    assert near < pack.strict < pack.loose < far


def test_a_disk_that_lingers_as_an_empty_folder_is_no_pile_of_failures(
    source: Path, job: Job
) -> None:
    for number in range(120):
        write_photo(source / f"{number:03d}.jpg", [1], shade=60 + number % 150)
    hidden = [p.read_bytes() for p in sorted(source.iterdir())]
    workspace, pack = job

    def unmount(done: int, total: int) -> None:
        if done == 5:
            for path in source.iterdir():
                path.unlink()

    with pytest.raises(SourceGoneError, match="plug in the disk"):
        run_sort(workspace, pack, SortOptions(ThreadPoolExecutor(1), on_photo=unmount))
    assert counts(workspace).photos[PhotoStatus.FAILED] == 0
    for number, data in enumerate(hidden):
        (source / f"{number:03d}.jpg").write_bytes(data)

    sort_in_threads(workspace, pack)

    assert counts(workspace).photos[PhotoStatus.MATCHED] == 120


def test_photos_that_the_user_deleted_are_failures_and_no_lost_disk(source: Path, job: Job) -> None:
    write_photo(source / "000.jpg", [1])
    sort_in_threads(*job)
    for number in range(1, 8):
        write_photo(source / f"{number:03d}.jpg", [1], shade=60 + number)

    def delete(point: str) -> None:
        if point == "scanned":
            for number in range(1, 8):
                (source / f"{number:03d}.jpg").unlink()

    run_sort(*job, SortOptions(ThreadPoolExecutor(1), at=delete))

    assert set(failures(job[0]).values()) == {"missing"}
    assert len(failures(job[0])) == 7


def test_a_photo_whose_worker_was_killed_from_outside_gets_a_second_chance(
    tmp_path: Path, source: Path, job: Job
) -> None:
    write_photo(source / "a.jpg", [1])
    workspace, pack = job

    class KilledOnce(Sabotage):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            self.acts, acts = {}, self.acts
            return LocalPool.submit(self, die) if acts else LocalPool.submit(self, fn, *args)

    with KilledOnce({"a.jpg": die}) as pool:
        run_sort(workspace, pack, SortOptions(executor=pool))

    assert failures(workspace) == {}
    assert counts(workspace).photos[PhotoStatus.MATCHED] == 1


def test_the_callers_executor_stays_open(source: Path, job: Job) -> None:
    write_photo(source / "a.jpg", [1])
    with ThreadPoolExecutor(1) as executor:
        run_sort(*job, SortOptions(executor))
        run_rematch(*job, SortOptions(executor))
        assert executor.submit(len, "ab").result() == 2


def test_a_run_that_stops_leaves_no_photos_in_the_callers_executor(source: Path, job: Job) -> None:
    for number in range(20):
        write_photo(source / f"{number}.jpg", [1], shade=number)
    submitted: list[Future[Any]] = []

    class FirstOnly(Executor):
        """Runs the first photo and never comes to the others, so that nothing hangs on how fast it is."""

        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            submitted.append(Future())
            if len(submitted) == 1:
                submitted[0].set_result(fn(*args, **kwargs))
            return submitted[-1]

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_sort(*job, SortOptions(FirstOnly(), on_photo=interrupt))
    gc.collect()
    assert len(submitted) > 1
    assert all(future.cancelled() for future in submitted[1:])


def test_runs_are_not_saved_into_the_source(source: Path, job: Job) -> None:
    for place in (source, source / "runs", job[0].settings.output / "x"):
        with pytest.raises(SettingsError, match="--runs"):
            refuse_inside(place, job[0].settings)
    refuse_inside(source.parent / "runs", job[0].settings)
