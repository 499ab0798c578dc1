from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import Popen

import pytest
from store_rows import CLIP

from facesort.core.persons.matching import Decision
from facesort.core.records import Analysis, File, PhotoInfo
from facesort.engine.counted import status_report
from facesort.engine.job.progress import Progress, current_status, read_progress
from facesort.engine.setup import set_up
from facesort.errors import StoreLockedError
from facesort.files import replace_json
from facesort.reasons import FaceReason, Outcome, PhotoStatus, Reason, Remark
from facesort.store.job import runs
from facesort.store.job.photos import PhotoResult
from facesort.store.queries.reports import Counts
from facesort.workspace import Workspace


def counts(pending: int = 0) -> Counts:
    sources = {"card-1": {"files": pending, "pending": pending}}
    photos = dict.fromkeys(PhotoStatus, 0) | {PhotoStatus.PENDING: pending}
    batches = dict.fromkeys(("PENDING", "PROCESSING", "COMMITTING", "COMMITTED"), 0)
    return Counts(
        photos, dict.fromkeys(Outcome, 0), batches | {"PENDING": 1}, {"Anna": 0}, sources=sources
    )


@pytest.fixture
def progress(tmp_path: Path) -> Progress:
    (tmp_path / "batches").mkdir()
    return Progress(tmp_path, counts(pending=5), run_id=3)


def test_state_files_have_their_folder_and_those_of_a_killed_run_go(tmp_path: Path) -> None:
    leftover = tmp_path / "state" / "batches" / ".000001.json.new"
    leftover.parent.mkdir(parents=True)
    leftover.touch()
    Progress(tmp_path / "state", counts(), run_id=1)
    assert list((tmp_path / "state").rglob("*")) == [leftover.parent]
    leftover.parent.rmdir()
    Progress(tmp_path / "state", counts(), run_id=1).batch_committed(2, ["Anna"])
    assert [path.name for path in leftover.parent.iterdir()] == ["000002.json"]


def test_before_the_first_sort_there_is_no_progress(tmp_path: Path) -> None:
    assert read_progress(tmp_path) is None


def test_an_empty_report_has_every_key() -> None:
    assert status_report("idle", counts()) == {
        "state": "idle",
        "photos": {"total": 0, "pending": 0, "matched": 0, "unknown": 0, "no_face": 0, "duplicate": 0, "failed": 0},
        "faces": {"total": 0, "strict": 0, "loose": 0, "unknown": 0},
        "batches": {"pending": 1, "processing": 0, "committing": 0, "committed": 0},
        "images_per_second": None,
        "eta_seconds": None,
        "persons": {"Anna": 0},
        "skipped": {},
        "absent": {},
        "remarks": {},
        "clips": {},
        "same_shot": 0,
        "sources": {"card-1": {"files": 0, "pending": 0}},
        "by_group": {},
        "in_doubt": {},
        "failures": {},
        "failed_copies": {},
        "seconds": {},
        "derivatives": {},
        "published": {},
        "dead_objects": {},
        "workers": [],
    }  # fmt: skip


def test_progress_is_what_was_written(progress: Progress, tmp_path: Path) -> None:
    written = progress.write("running")
    assert read_progress(tmp_path) == json.loads(json.dumps(written))
    assert written["pid"] == os.getpid()
    assert written["run_id"] == 3
    assert written["photos"]["total"] == 5


def test_counts_add_up_while_a_batch_is_worked_on(progress: Progress) -> None:
    given = Decision(Outcome.STRICT, FaceReason.WITHIN_STRICT, 1, 0.5, 1)
    nobody = Decision(Outcome.UNKNOWN, FaceReason.PERSON_TAKEN, None, 0.5, 1)
    told_of = PhotoInfo("JPEG", 60, 40, remarks=(Remark.PAGES,))
    results = [
        PhotoResult(Analysis(1, "a", info=told_of), PhotoStatus.MATCHED, decisions=(given, nobody)),
        PhotoResult(Analysis(2, "b", info=told_of), PhotoStatus.NO_FACE, Reason.NO_FACE),
        PhotoResult(Analysis(3, ""), PhotoStatus.FAILED, Reason.MISSING),
        PhotoResult(
            Analysis(4, "d", info=told_of), PhotoStatus.DUPLICATE, Reason.SAME_SHOT, decided_as=1
        ),
        PhotoResult(
            Analysis(5, "e", clip=CLIP),
            PhotoStatus.UNKNOWN,
            Reason.AWAITS_REVIEW,
            decisions=(replace(given, outcome=Outcome.LOOSE),),
        ),
    ]
    batch = [File(r.analysis.photo_id, "card-1", "x.jpg", 1, 1) for r in results]
    for old, new in (("PENDING", "PROCESSING"), ("PROCESSING", "COMMITTING")):
        progress.batch_moved(old, new)
    progress.batch_recorded(batch, results)
    progress.batch_moved("COMMITTING", "COMMITTED")
    progress.batch_committed(1, ["Anna", "_unknown", "Anna"])
    told = progress.write("running")
    assert told["photos"] == {
        "total": 5, "pending": 0, "matched": 1, "unknown": 1, "no_face": 1, "duplicate": 1, "failed": 1,
    }  # fmt: skip
    assert told["failures"] == {"missing": 1}
    assert told["same_shot"] == 1
    assert told["remarks"] == {"pages": 2}, "as in the table of photos, without linked files"
    assert told["sources"] == {"card-1": {"files": 5, "pending": 0}}
    assert told["clips"] == {"total": 1, "unknown": 1, "tracks": 1, "awaits_review": 1}
    assert told["faces"] == {"total": 3, "strict": 1, "loose": 1, "unknown": 1}
    assert told["batches"] == {"pending": 0, "processing": 0, "committing": 0, "committed": 1}
    assert told["persons"] == {"Anna": 2, "_unknown": 1}
    summary = json.loads((progress.folder / "batches" / "000001.json").read_text())
    assert (summary["batch_id"], summary["files"]) == (1, 3)


def test_rate_and_time_left_come_from_what_was_analysed(progress: Progress) -> None:
    progress._times.clear()
    progress._times.extend([(100.0, 0), (101.0, 5), (110.0, 20)])
    told = progress.write("running")
    assert told["images_per_second"] == 2.0
    assert told["eta_seconds"] == 2, "5 photos are pending"


@pytest.mark.parametrize(
    "times", [[(100.0, 0)], [(100.0, 0), (100.0, 1)], [(100.0, 3), (101.0, 3)]]
)
def test_no_rate_without_time_or_photos(progress: Progress, times: list[tuple[float, int]]) -> None:
    progress._times.clear()
    progress._times.extend(times)
    told = progress.write("running")
    assert (told["images_per_second"], told["eta_seconds"]) == (None, None)


def test_a_long_job_remembers_only_its_last_photos(progress: Progress, tmp_path: Path) -> None:
    for _ in range(2000):
        progress.photo_analysed()
    assert len(progress._times) == 500
    assert progress._times[-1][1] == 2000
    shown = read_progress(tmp_path)
    assert shown is not None
    assert shown["state"] == "running"
    heartbeat = json.loads((tmp_path / "heartbeat.json").read_text())
    assert heartbeat["pid"] == os.getpid()
    assert 1 <= heartbeat["analysed"] <= 2000
    assert not list(tmp_path.glob(".*")), "no temporary file is left"


def test_files_are_written_once_a_second(
    progress: Progress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("facesort.engine.job.progress.time.monotonic", lambda: now[0])
    shown = []
    for second in (100.0, 100.5, 101.0, 101.9, 102.0, 105.0):
        now[0] = second
        progress.photo_analysed()
        shown.append(json.loads((tmp_path / "heartbeat.json").read_text())["analysed"])
    assert shown == [1, 1, 3, 3, 5, 6]


# --- status -----------------------------------------------------------------------------------


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "source").mkdir()
    return set_up(tmp_path / "hot", [tmp_path / "source"], tmp_path / "out", "synthetic", [])[0]


@pytest.mark.parametrize("ended", ["finished", "failed", "interrupted"])
def test_the_status_is_the_state_of_the_last_run(workspace: Workspace, ended: str) -> None:
    assert current_status(workspace)["state"] == "idle"
    with workspace.open_store() as store:
        run_id = runs.start_run(store, version="1", pack_name="p", pack_id="id", settings={})
    assert current_status(workspace)["state"] == "interrupted", "its process is gone"
    with workspace.open_store() as store:
        runs.finish_run(store, run_id, ended)
    assert current_status(workspace)["state"] == ended


def test_a_job_is_counted_again_only_when_its_database_has_changed(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = workspace.state / "counted.json"
    before = current_status(workspace)
    assert kept.exists()
    with monkeypatch.context() as patch:
        patch.setattr(Workspace, "open_store", None)
        assert current_status(workspace) == before
    replace_json(kept, json.loads(kept.read_text()) | {"version": "0.0"})
    with workspace.open_store() as store:
        runs.start_run(store, "sort", version="1", pack_name="p", pack_id="p", settings={})
    assert current_status(workspace)["state"] == "interrupted"
    kept.write_text("{")
    assert current_status(workspace)["state"] == "interrupted"


def test_the_status_is_the_progress_while_its_process_runs(workspace: Workspace) -> None:
    written = Progress(workspace.state, counts(pending=4), run_id=1).write("running")
    assert current_status(workspace) == written
    ended = {"pid": 2**30}, {"process_started": 0.0}, {"state": "finished"}
    for other in ended:
        replace_json(workspace.state / "progress.json", written | other)
        assert current_status(workspace)["state"] == "idle"


def test_the_status_of_a_database_in_use_is_the_last_progress_if_there_is_one(
    workspace: Workspace, other_process: Callable[[str], Popen[str]]
) -> None:
    path = str(workspace.root)
    other_process(
        f"from facesort.workspace import open_workspace\nfrom pathlib import Path\n"
        f"opened = open_workspace(Path({path!r})).open_store()"
    )
    with pytest.raises(
        StoreLockedError, match="no sort has left figures to show meanwhile: ask again"
    ):
        current_status(workspace)
    written = Progress(workspace.state, counts(pending=4), run_id=1).write("finished")
    assert current_status(workspace) == written
    killed = written | {
        "state": "running",
        "pid": 2**30,
        "images_per_second": 4.5,
        "eta_seconds": 9,
    }
    replace_json(workspace.state / "progress.json", killed)
    left = {"state": "interrupted", "images_per_second": None, "eta_seconds": None}
    assert current_status(workspace) == killed | left
