from __future__ import annotations

import io
import json
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from filmed_event import with_photos
from hypothesis import given, strategies as st
from IPython.display import Markdown
from nbformat import NotebookNode
from synthetic_event import make_event, make_workspace, write_photo

from facesort.core.persons.matching import Thresholds
from facesort.engine.gallery.alike import Alike
from facesort.engine.setup import set_up
from facesort.errors import (
    GalleryError,
    NotebookError,
    SettingsError,
    SourceGoneError,
    WorkspaceError,
)
from facesort.faces.packs.find import resolve_pack
from facesort.lab import sort
from facesort.lab.run.launch import launch
from facesort.lab.shared.plots import Plot
from facesort.lab.shared.summary import SUMMARY_MIME
from facesort.lab.shared.tables import Table
from facesort.lab.sort.report import DropRate, SortReport, read_report
from facesort.reasons import Outcome, PhotoStatus
from facesort.store.job.runs import start_run
from facesort.store.queries import reports
from facesort.store.queries.reports import Counts, RunRecord
from facesort.workspace import Workspace, open_workspace

PHOTOS = 21  # 20 and a copy


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    make_event(tmp_path / "src", photos=PHOTOS - 1)
    (tmp_path / "src" / "notes.txt").write_text("x")
    return make_workspace(tmp_path, tmp_path / "src")[0]


@pytest.fixture
def unseeded(tmp_path: Path) -> Workspace:
    (tmp_path / "src").mkdir()
    return set_up(tmp_path / "hot", [tmp_path / "src"], tmp_path / "out", "synthetic", [])[0]


def run_in_threads(job: sort.SortJob, **options: Any) -> SortReport:
    return sort.run(job, executor=ThreadPoolExecutor(2), **options)


def outputs_of(notebook: NotebookNode) -> dict[str, list[NotebookNode]]:
    """Outputs of each code cell, by the last line of its source."""
    return {
        cell.source.splitlines()[-1]: cell.outputs
        for cell in notebook.cells
        if cell.cell_type == "code"
    }


def test_the_notebook_shows_the_sort_and_summarises_it(
    workspace: Workspace, tmp_path: Path
) -> None:
    echo = io.StringIO()
    parameters = {"workspace": str(workspace.root), "strict": 0.3, "workers": 1, "contact_sheet": 3}
    parameters |= {"groups": False}

    saved = launch("03_sort", parameters, runs=tmp_path / "runs", job="x", echo=echo)

    outputs = outputs_of(nbformat.read(saved, 4))
    assert f"{PHOTOS}/{PHOTOS}" in echo.getvalue()
    (bar,) = (o.text for o in outputs["report"] if o.output_type == "stream")
    assert "\r" not in bar
    assert f"{PHOTOS}/{PHOTOS}" in bar
    for question in ("speed", "files", "distances", "doubtful"):
        (shown,) = outputs[f"sort.show_{question}(report)"]
        assert "data:image/svg+xml" in shown.data["text/html"], question
    for question in ("counts", "drops", "failed"):
        (shown,) = outputs[f"sort.show_{question}(report)"]
        assert "<table" in shown.data["text/html"], question
    assert "parameter of this run" in outputs["job"][0].data["text/html"]
    check_summary(json.loads((saved.parent / "summary.json").read_text()), workspace)


def check_summary(summary: dict[str, Any], workspace: Workspace) -> None:
    with workspace.open_store(read_only=True) as store:
        counts, drops = reports.counts(store), reports.drop_reasons(store)
    photos = dict(summary["photos"])
    assert photos.pop("total") == PHOTOS == sum(photos.values())
    assert photos == {status.value: n for status, n in counts.photos.items()}
    assert summary["drops"]["reasons"] == drops
    assert summary["drops"]["photos"] == sum(drops.values())
    low, high = summary["drops"]["interval_95"]
    assert 0 < low < summary["drops"]["rate"] < high < 1
    assert summary["thresholds"] == {"strict": 0.3, "loose": 1.0, "margin": 0.05}
    assert summary["run"]["photos"] == PHOTOS
    assert summary["state"] == "finished"
    assert summary["pack"]["name"] == "synthetic"
    assert summary["persons"] == counts.persons
    assert summary["backend"] == "the synthetic engine (CPU)"


def test_a_notebook_that_fails_is_kept_with_the_counts_so_far(
    workspace: Workspace, tmp_path: Path
) -> None:
    run_in_threads(sort.open_sort(workspace.root))
    shutil.rmtree(tmp_path / "src")
    # As an empty mount point: a folder that is missing is looked for beside its place.
    (tmp_path / "src").mkdir()

    with pytest.raises(
        NotebookError, match=r"03_sort failed: SourceGoneError: source .* empty mount point"
    ):
        launch(
            "03_sort",
            {"workspace": str(workspace.root)},
            runs=tmp_path / "runs",
            job="x",
            echo=io.StringIO(),
        )

    (path,) = tmp_path.glob("runs/*/summary.json")
    summary = json.loads(path.read_text())
    assert summary["state"] == "failed"
    assert summary["error"].startswith("SourceGoneError: ")
    assert summary["photos"]["total"] == PHOTOS
    assert (path.parent / "03_sort.ipynb").is_file()


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({}, {}),
        ({"workers": 0, "strict": None, "loose": None, "margin": None, "learn": None}, {}),
        ({"unknown_folder": None, "workers": 3}, {"workers": 3}),
        ({"unknown_folder": True}, {"unknown_folder": True}),
        ({"strict": 0, "loose": 1}, {"strict": 0.0, "loose": 1.0}),
        ({"margin": 0.0, "learn": False}, {"margin": 0.0, "learn": False}),
        ({"groups": False}, {"groups": False}),
    ],
)
def test_a_parameter_that_is_given_goes_before_the_workspace(
    unseeded: Workspace, overrides: dict[str, object], expected: dict[str, object]
) -> None:
    job = sort.open_sort(str(unseeded.root), **overrides)

    settings = job.workspace.settings
    got = settings.run.model_dump() | settings.matching.model_dump()
    stored = unseeded.settings.run.model_dump() | unseeded.settings.matching.model_dump()
    assert got == stored | expected
    assert job.given == expected.keys()
    assert open_workspace(unseeded.root).settings == unseeded.settings
    assert repr(job).count("parameter of this run") == len(expected)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"strict": 3}, "matching.strict"),
        ({"strict": 0.9, "loose": 0.8}, "must not be above loose"),
        ({"workers": -1}, "run.workers"),
        ({"learn": "perhaps"}, "matching.learn"),
        ({"groups": 3}, "matching.groups"),
        ({"source": "/"}, "has no setting 'source'"),
    ],
)
def test_a_parameter_that_is_not_valid_is_refused(
    unseeded: Workspace, overrides: dict[str, object], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        sort.open_sort(unseeded.root, **overrides)


def test_a_folder_that_is_no_workspace_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="2024 is not a workspace"):
        sort.open_sort(2024)  # type: ignore[arg-type]  # what `-p workspace 2024` gives


def test_where_thresholds_come_from_is_said(unseeded: Workspace) -> None:
    rows = {row[0]: row[1:] for row in sort.open_sort(unseeded.root, loose=1.1).table().rows}

    assert rows["STRICT"] == ("0.80", "the model pack's (recommended)")
    assert rows["LOOSE"] == ("1.10", "parameter of this run")
    assert rows["Margin to the runner-up"] == ("0.05", "facesort.toml")


def test_thresholds_that_moved_since_the_last_sort_are_logged(
    unseeded: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    settings = unseeded.settings.model_dump(mode="json")
    settings["matching"] |= {"strict": 0.7, "loose": 1.0}
    pack = resolve_pack("synthetic", [])
    with unseeded.open_store() as store:
        start_run(store, version="1", pack_name="p", pack_id=pack.pack_id, settings=settings)
    sort.open_sort(unseeded.root)
    assert (
        "STRICT 0.70 -> 0.80 since the last sort: they are those of synthetic now (recommended)"
        in caplog.text
    )


def test_a_loose_that_groups_found_is_no_threshold_that_moved(
    unseeded: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    settings = unseeded.settings.model_dump(mode="json")
    pack = resolve_pack("synthetic", [])
    settings["matching"] |= {"strict": 0.8, "loose": 1.07}
    settings["groups"] = {"loose": 1.07}
    with unseeded.open_store() as store:
        start_run(store, version="1", pack_name="p", pack_id=pack.pack_id, settings=settings)
    sort.open_sort(unseeded.root)
    assert "since the last sort" not in caplog.text


@pytest.mark.parametrize(("own", "openings"), [({}, 1), ({"strict": 0.5, "loose": 0.6}, 0)])
def test_what_changed_since_the_last_sort_is_asked_at_once(
    unseeded: Workspace,
    own: dict[str, float],
    openings: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened = []
    open_store = Workspace.open_store

    def counted(self: Workspace, **kwargs: Any) -> Any:
        opened.append(kwargs)
        return open_store(self, **kwargs)

    sort.open_sort(unseeded.root)  # whatever opening a workspace takes
    monkeypatch.setattr(Workspace, "open_store", counted)
    sort.open_sort(unseeded.root, **own)
    assert len(opened) == openings


def test_whether_clips_are_sorted_is_said_before(unseeded: Workspace) -> None:
    def said() -> tuple[object, ...]:
        (row,) = [row for row in sort.open_sort(unseeded.root).table().rows if row[0] == "Clips"]
        return tuple(row[1:])

    assert said() == ("left out", "`photos.videos = true` in facesort.toml takes them")
    with_photos(unseeded, videos=True)
    assert str(said()[0]).startswith("5 frames per second, by PyAV")
    assert str(said()[0]).endswith("; everybody gets their best frame")


@pytest.mark.parametrize("contact_sheet", [-1, 401, 2.5, "all"])
def test_a_contact_sheet_nobody_can_look_at_is_refused_before_sorting(
    unseeded: Workspace, contact_sheet: Any
) -> None:
    with pytest.raises(SettingsError, match="contact_sheet must be a whole number from 0 to 400"):
        run_in_threads(sort.open_sort(unseeded.root), contact_sheet=contact_sheet)

    with unseeded.open_store(read_only=True) as store:
        assert reports.counts(store).total == 0


def test_progress_is_one_line_of_text_and_goes_on_where_it_was(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = run_in_threads(sort.open_sort(workspace.root))
    shown = capsys.readouterr().out
    nothing = run_in_threads(sort.open_sort(workspace.root))
    nothing_shown = capsys.readouterr().out
    write_photo(tmp_path / "src" / "late" / "1.JPG", [1], shade=77)
    write_photo(tmp_path / "src" / "late" / "2.JPG", [2], shade=77)
    again = run_in_threads(sort.open_sort(workspace.root))
    shown_again = capsys.readouterr().out

    assert (first.analysed, nothing.analysed) == (PHOTOS, 0)
    assert shown.count("\n") == 1
    assert f"{PHOTOS}/{PHOTOS}" in shown
    assert nothing_shown == ""
    assert (again.analysed, again.counts.total) == (2, PHOTOS + 2)
    assert f"| {PHOTOS}/{PHOTOS + 2} [00:00<?" in shown_again
    assert "nothing left to sort" in nothing._repr_mimebundle_()["text/plain"]
    assert isinstance(sort.show_speed(nothing), Markdown)


def test_a_run_that_ends_early_shows_what_is_done(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = sort.open_sort(workspace.root)
    run_in_threads(job)
    shutil.rmtree(tmp_path / "src")
    (tmp_path / "src").mkdir()
    capsys.readouterr()

    with pytest.raises(SourceGoneError):
        run_in_threads(job)

    assert f"{PHOTOS} of {PHOTOS} photos done" in capsys.readouterr().out


def test_a_run_that_cannot_start_says_so(
    unseeded: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(GalleryError, match="nobody is in the gallery"):
        run_in_threads(sort.open_sort(unseeded.root))

    assert "before anything was sorted" in capsys.readouterr().out


def test_what_is_shown_adds_up(workspace: Workspace) -> None:
    report = run_in_threads(sort.open_sort(workspace.root, strict=0.3), contact_sheet=0)

    counts = sort.show_counts(report)
    assert counts.total is not None
    assert [row[0] for row in counts.rows] == [*sort_order(), "pending"]
    assert sum(int(str(row[1])) for row in counts.rows) == counts.total[1] == PHOTOS
    drops = sort.show_drops(report)
    assert isinstance(drops, Table)
    assert drops.total is not None
    assert sum(int(str(row[1])) for row in drops.rows) == drops.total[1] == report.drop_rate.dropped
    assert "ADD UP" not in drops.note
    assert "not photos: 1 " in drops.note
    failed = sort.show_failed(report)
    assert isinstance(failed, Table)
    assert len(failed.rows) == report.counts.photos[PhotoStatus.FAILED] > 0
    assert {o: len(d) for o, d in report.distances.items()} == report.counts.faces
    assert report.doubtful is None
    doubtful = sort.show_doubtful(report)
    assert isinstance(doubtful, Markdown)
    assert "No pictures of faces" in doubtful.data


def sort_order() -> list[str]:
    return ["matched", "unknown", "no_face", "duplicate", "failed"]


def test_reasons_that_do_not_add_up_are_not_hidden() -> None:
    drops = sort.show_drops(report_of({PhotoStatus.NO_FACE: 2}, drops={"no_face": 1}))

    assert "THE REASONS ADD UP TO 1" in drops.note


def test_a_report_is_read_again_without_sorting(workspace: Workspace) -> None:
    report = run_in_threads(sort.open_sort(workspace.root, strict=0.3), contact_sheet=5)

    again = read_report(
        workspace, resolve_pack("synthetic", []), report.run.run_id, contact_sheet=5
    )
    assert again.summary() == report.summary()
    assert again.doubtful is not None
    assert report.doubtful is not None
    assert [asdict(face) for face in again.doubtful] == [asdict(face) for face in report.doubtful]
    assert len(again.doubtful or ()) == 5
    assert json.loads(json.dumps(again.summary())) == again._repr_mimebundle_()[SUMMARY_MIME] | {
        "drops": again.summary()["drops"] | {"interval_95": list(again.drop_rate.interval or ())}
    }


def report_of(
    photos: dict[PhotoStatus, int] | None = None,
    *,
    persons: dict[str, int] | None = None,
    drops: dict[str, int] | None = None,
    batches: Sequence[tuple[int, int, float]] = (),
) -> SortReport:
    """A report without a store; batches as (seconds since the start, photos, share of waiting)."""
    start = datetime(2026, 11, 21, 1, 2, 3)
    matching = {"strict": 0.8, "loose": 1.0, "margin": 0.05}
    return SortReport(
        run=RunRecord(
            1, start, None, "finished", "0", "synthetic", "0" * 64, {"matching": matching}
        ),
        counts=Counts(
            photos=dict.fromkeys(PhotoStatus, 0) | (photos or {}),
            faces=dict.fromkeys(Outcome, 0),
            batches={"COMMITTED": 0},
            persons=persons or {},
        ),
        drops=drops or {},
        skipped={},
        failed=[],
        failed_writes=[],
        batches=[
            (start + timedelta(seconds=at), n, waited, 1 - waited) for at, n, waited in batches
        ],
        distances={outcome: np.empty(0, np.float32) for outcome in Outcome},
        doubtful=[],
        backend="the synthetic engine (CPU)",
    )


@pytest.mark.parametrize(
    ("show", "words"),
    [
        (sort.show_drops, "No photo has been decided yet."),
        (sort.show_failed, "No photo failed."),
        (sort.show_speed, "everything was already sorted"),
        (sort.show_files, "Nobody is in the gallery."),
        (sort.show_distances, "No face was compared with anybody."),
        (sort.show_doubtful, "no doubtful match"),
    ],
)
def test_where_there_is_nothing_to_show_words_say_so(show: Any, words: str) -> None:
    shown = show(report_of())

    assert isinstance(shown, Markdown)
    assert words in shown.data


def test_who_looks_like_one_person_is_said_once() -> None:
    pairs = [Alike(f"Ada {i}", f"Bea {i}", 0.714) for i in range(5)]
    report = replace(report_of(), alike=pairs)
    note = sort.show_counts(report).note
    assert "Ada 0 and Bea 0 look like one person (0.71 apart, within STRICT)" in note
    assert "so do 2 more pairs of persons." in note
    assert json.loads(json.dumps(report.summary()))["alike"][0]["first"] == "Ada 0"


def test_nothing_at_all_adds_up_too() -> None:
    report = report_of()

    assert sort.show_counts(report).total == ("total", 0, "", "= 0 + 0 + 0 + 0 + 0 + 0")
    assert report.thresholds == Thresholds(0.8, 1.0, 0.05)
    assert report.images_per_second is None
    assert json.loads(json.dumps(report.summary()))["drops"] == {
        "photos": 0,
        "of": 0,
        "rate": None,
        "interval_95": None,
        "reasons": {},
    }


def test_what_the_sums_do_not_say_is_below_the_first_table() -> None:
    report = report_of({PhotoStatus.MATCHED: 5, PhotoStatus.DUPLICATE: 3})
    counts = replace(report.counts, same_shot=2, absent={"gone": 1, "replaced": 0})
    run = replace(report.run, settings=report.run.settings | {"scan": {"shifted": 40}})
    report = replace(report, counts=counts, run=run, skipped={"broken_link": 4, "other": 1})

    _, linked, gone, links, shifted = sort.show_counts(report).note.split("\n")

    assert linked.startswith("2 of the duplicates are the RAW of a JPEG")
    assert gone == "1 photo is gone from the sources: it is in no sum."
    assert links.startswith("4 left out as broken_link")
    assert "`git annex get`" in links
    assert shifted.startswith("40 files taken as unchanged")
    assert report.summary()["shifted"] == 40
    assert (report.drop_rate.dropped, report.drop_rate.decided) == (1, 6), "linked files are none"
    shown = sort.show_drops(replace(report, drops={"duplicate": 1}))
    assert "Nor counted, because their shot is: 2 same_shot." in repr(shown)


def test_what_groups_brought_is_below_the_first_table() -> None:
    report = report_of({PhotoStatus.MATCHED: 5})
    counts = replace(report.counts, by_group={"faces": 4, "photos": 3}, in_doubt={"Ada": 3})
    report = replace(report, counts=counts)

    _, named, doubt = sort.show_counts(report).note.split("\n")

    assert named.startswith("4 faces in 3 photos are named by their group only")
    assert doubt.startswith("3 photos may be Ada: ")
    summary = report.summary()
    assert (summary["by_group"], summary["in_doubt"]) == ({"faces": 4, "photos": 3}, {"Ada": 3})


def test_what_was_found_in_photos_is_below_the_first_table() -> None:
    report = report_of({PhotoStatus.MATCHED: 5})
    counts = replace(report.counts, remarks={"damaged": 2, "tone_mapped": 1})
    report = replace(report, counts=counts)

    _, damaged, mapped = sort.show_counts(report).note.split("\n")

    assert damaged.startswith("2 files are damaged and were sorted all the same")
    assert mapped == "1 HDR photo was tone-mapped to SDR."
    assert report.summary()["remarks"] == {"damaged": 2, "tone_mapped": 1}


def test_speed_is_photos_over_time() -> None:
    report = report_of(batches=[(10, 50, 0.9), (25, 50, 0.7)])

    assert report.batch_edges == [0, 10, 25]
    assert report.images_per_second == 4
    assert report.waiting_share == pytest.approx(0.8)
    shown = sort.show_speed(report)
    assert isinstance(shown, Plot)
    assert "4.00 images per second; 80.0 %" in str(shown.alt)


def test_a_run_that_only_matched_again_has_no_speed() -> None:
    report = report_of(batches=[(2, 0, 0.0)])

    assert report.images_per_second is None
    assert "stored faces were matched again" in report._repr_mimebundle_()["text/plain"]
    assert isinstance(sort.show_speed(report), Markdown)


@pytest.mark.parametrize(
    ("persons", "title"),
    [
        ({"Ada": 3}, "3 files for 1 person"),
        ({"Ada": 3, "Bo": 0, "_unknown": 7}, "3 files for 2 people; 7 more files are in _unknown"),
        (
            {f"P{i}": 1 for i in range(50)},
            "50 files for 50 people; only the 40 people with the most files are shown",
        ),
    ],
)
def test_files_per_person_says_whom_it_leaves_out(persons: dict[str, int], title: str) -> None:
    shown = sort.show_files(report_of(persons=persons))

    assert isinstance(shown, Plot)
    said, _, numbers = shown.alt.partition(": ")
    assert said == title
    assert numbers.count(",") + 1 == min(len(persons.keys() - {"_unknown"}), 40)


@pytest.mark.parametrize(
    ("dropped", "decided", "low", "high"),
    # Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I, method 5
    [
        (81, 263, 0.2527, 0.3676),
        (15, 148, 0.0578, 0.1617),
        (0, 20, 0.0, 0.1684),
        (1, 29, 0.0009, 0.1776),
    ],
)
def test_the_interval_is_that_of_clopper_and_pearson(
    dropped: int, decided: int, low: float, high: float
) -> None:
    assert DropRate(dropped, decided).interval == pytest.approx((low, high), abs=5e-5)


@given(st.integers(0, 20_000), st.integers(0, 20_000))
def test_the_interval_holds_the_rate(dropped: int, matched: int) -> None:
    drop = DropRate(dropped, dropped + matched)

    if dropped + matched == 0:
        assert drop.rate is None
        assert drop.interval is None
    else:
        low, high = drop.interval or (2.0, -1.0)
        assert -1e-12 <= low - 1e-12 <= (drop.rate or 0.0) <= high + 1e-12 <= 1 + 2e-12
