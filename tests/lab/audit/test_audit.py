from __future__ import annotations

import csv
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bad_summaries import BAD_SUMMARIES
from click.testing import CliRunner
from IPython.display import Markdown
from store_rows import CORRUPT, MATCHED, add, add_people, photo, record, result
from synthetic_event import make_event, make_workspace, sort_in_threads, write_photo

from facesort.cli import cli
from facesort.core.text.words import several
from facesort.engine.delivery.export import export
from facesort.engine.delivery.export_files import ExportOptions
from facesort.engine.gallery.persons import set_delivery
from facesort.engine.gallery.seed import Candidate, seed
from facesort.engine.job.sort import SortOptions, run_rematch
from facesort.engine.review.answers import answer_faces
from facesort.engine.setup import open_with_pack, set_up
from facesort.errors import SettingsError
from facesort.lab import audit
from facesort.lab.audit.plots import plot_coverage
from facesort.lab.audit.report import AuditReport, drops_by_time
from facesort.lab.audit.runs import runs_sections
from facesort.lab.audit.tables import Sections, Whisker, rate_table
from facesort.lab.shared.drop_rate import DropRate
from facesort.lab.shared.plots import Plot, chart
from facesort.lab.shared.saved_runs import saved_runs
from facesort.lab.shared.tables import Table
from facesort.store import Store
from facesort.store.job import files
from facesort.store.job.photos import PhotoResult
from facesort.store.queries import reports
from facesort.store.queries.audit import dropped as rows
from facesort.store.queries.audit.dropped import DropRow
from facesort.workspace import Workspace

PHOTOS = 31  # 30 and a copy
SHOWN = [name for name in dir(audit) if name.startswith("show_")]


@dataclass(frozen=True)
class Job:
    """A workspace that was sorted, re-matched and corrected, and where every file stood in between."""

    workspace: Workspace
    stood: dict[str, dict[int, tuple[str, str | None]]]

    def report(self, **options: Any) -> AuditReport:
        return audit.open_audit(self.workspace.root, "nowhere", **options)


def states(workspace: Workspace) -> dict[int, tuple[str, str | None]]:
    with workspace.open_store(read_only=True) as store:
        found = store.rows("SELECT file_id, status, reason FROM file_state")
    return {file_id: (status, reason) for file_id, status, reason in found}


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    root = tmp_path_factory.mktemp("audit")
    make_event(root / "src", photos=PHOTOS - 1)
    (root / "src" / "notes.txt").write_text("x")
    workspace, pack = make_workspace(root, root / "src")
    stood = {}
    sort_in_threads(with_loose(workspace, 0.5), pack)
    stood["sorted"] = states(workspace)
    write_photo(root / "seeds" / "5.png", [5], variation=30)
    stranger = Candidate("Person 5", root / "seeds" / "5.png")
    assert [r.refused for r in seed(workspace, pack, [stranger], ThreadPoolExecutor(1))] == [None]
    run_rematch(with_loose(workspace, 0.9), pack, SortOptions(executor=ThreadPoolExecutor(1)))
    stood["re-matched"] = states(workspace)
    with workspace.open_store(read_only=True) as store:
        (face_id,) = store.rows("SELECT min(face_id) FROM face_state WHERE person_id = 1")[0]
    answer_faces(workspace, {face_id: "Person 1"}, "no")
    set_delivery(workspace, "Person 2", False)
    stood["corrected"] = states(workspace)
    return Job(workspace, stood)


def with_loose(workspace: Workspace, loose: float) -> Workspace:
    matching = workspace.settings.matching.model_copy(update={"strict": 0.3, "loose": loose})
    return replace(workspace, settings=workspace.settings.model_copy(update={"matching": matching}))


def column(table: Table, name: str) -> list[object]:
    return [row[list(table.columns).index(name)] for row in table.rows]


def total(table: Table, name: str) -> object:
    assert table.total is not None
    return table.total[list(table.columns).index(name)]


def test_every_way_of_counting_adds_up(job: Job) -> None:
    report = job.report()

    dropped = sum(
        status not in ("matched", "pending") for status, _ in job.stood["corrected"].values()
    )
    places = audit.show_places(report)
    assert isinstance(places, Sections)
    tables = [part for _, part in places.parts if isinstance(part, Table)]
    tables += [audit.show_hours(report)]
    assert len(tables) == 5
    for table in tables:
        assert sum(column(table, "Photos")) == total(table, "Photos") == PHOTOS
        assert sum(column(table, "Dropped")) == total(table, "Dropped") == dropped
        for kind in ("unknown", "withheld", "no face", "failed"):
            assert sum(n for n in column(table, kind) if n != "") == total(table, kind)
    persons = audit.show_persons(report)
    assert isinstance(persons, Table)
    assert sum(column(persons, "Dropped near them")) == dropped
    reasons = audit.show_reasons(report)
    assert isinstance(reasons, Table)
    assert sum(column(reasons, "Photos")) == total(reasons, "Photos") == dropped
    assert f"Check: {PHOTOS} files = {PHOTOS - dropped} matched + {dropped} dropped" in reasons.note
    assert "one burst are not" in reasons.note


def test_counts_that_do_not_add_up_are_not_hidden(job: Job) -> None:
    report = job.report()

    reasons = audit.show_reasons(replace(report, reasons={"no_face": 1}))

    assert isinstance(reasons, Table)
    assert "THE COUNTS DO NOT ADD UP" in reasons.note


def test_where_every_photo_stood_is_known_for_every_moment(job: Job) -> None:
    with job.workspace.open_store(read_only=True) as store:
        runs = reports.run_records(store)
        moments = {
            "sorted": (runs[0].run_id, runs[0].finished_at),
            "re-matched": (runs[1].run_id, runs[1].finished_at),
            "corrected": (None, None),
        }
        stood = (
            "SELECT photo_id, status, reason FROM photo_state_until(?, ?) WHERE status <> 'pending'"
        )
        found = {
            name: {photo_id: (status, reason) for photo_id, status, reason in store.rows(stood, at)}
            for name, at in moments.items()
        }
    first_files = {  # a photo has the id of the file that it was read from first
        name: {file_id: where for file_id, where in stood.items() if where[0] != "duplicate"}
        for name, stood in job.stood.items()
    }
    assert found == first_files
    assert all(len(stood) == PHOTOS for stood in job.stood.values())
    assert job.stood["sorted"] != job.stood["re-matched"] != job.stood["corrected"]


def test_two_runs_are_told_apart_by_setting_and_gallery(job: Job) -> None:
    shown = repr(audit.show_changes(job.report(before=1, after=2)))

    assert "setting matching.loose  0.50" in shown
    assert "+ Person 5" in shown
    assert "re-match; gallery: + Person 5" in shown
    assert "re-match; setting matching.loose: 0.50 -> 0.90" in shown
    assert "user's answer" not in shown


def test_what_users_said_since_is_told_from_what_runs_did(job: Job) -> None:
    shown = repr(audit.show_changes(job.report(before=2)))

    assert "user's answer: Person 2 withheld" in shown
    assert "re-match" not in shown
    assert "The same settings" in shown


def test_a_run_records_the_gallery_without_names(job: Job) -> None:
    with job.workspace.open_store(read_only=True) as store:
        first, second = (run.settings["gallery"] for run in reports.run_records(store))

    assert first["persons"] == {str(i): {"references": 1, "learned": 0} for i in range(1, 5)}
    assert second["persons"].keys() == {"1", "2", "3", "4", "5"}
    assert second["persons"]["1"]["learned"] > 0
    assert first["fingerprint"] != second["fingerprint"]


def test_the_default_compares_the_run_before_the_last_with_now(job: Job) -> None:
    comparison = job.report().comparison

    assert comparison is not None
    assert (comparison.before.run_id, comparison.after.run_id) == (1, 2)
    assert comparison.until_now


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"before": 7}, "there is no run 7 in this workspace: it has 1, 2"),
        ({"after": 0}, "there is no run 0"),
        ({"minimum": -1}, "minimum must be a whole number"),
        ({"contact_sheet": 401}, "contact_sheet must be a whole number from 0 to 400"),
        ({"contact_sheet": "all"}, "contact_sheet must be"),
    ],
)
def test_what_cannot_be_meant_is_refused(job: Job, options: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        job.report(**options)


@pytest.mark.parametrize("name", ["before", "after"])
def test_a_run_that_there_is_not_is_refused_before_anything_is_started(
    job: Job, tmp_path: Path, name: str
) -> None:
    runs = tmp_path / "runs"
    options = ["-w", str(job.workspace.root), "--runs", str(runs), "-p", name, "999"]

    done = CliRunner().invoke(cli, ["audit", *options])

    assert done.exit_code == 1, done.output
    assert "there is no run 999 in this workspace: it has 1, 2" in done.stderr
    assert not runs.exists()


def test_who_is_in_too_few_photos_is_shown_first(job: Job) -> None:
    report = job.report(minimum=1000)

    table = audit.show_short(report)
    assert isinstance(table, Table)
    assert len(table.rows) == 5
    assert column(table, "Photos") == sorted(column(table, "Photos"))
    missing = dict(zip(column(table, "Person"), column(table, "What is missing"), strict=True))
    assert missing["Person 2"] == "withheld"
    assert "more" in str(missing["Person 5"])
    assert "5 of 5 people" in table.note


def test_what_was_held_back_is_shown(job: Job) -> None:
    held = sum(reason == "do_not_deliver" for _, reason in job.stood["corrected"].values())

    shown = audit.show_left_out(job.report())
    assert isinstance(shown, Sections)
    table = dict(shown.parts)["Withheld people"]

    assert isinstance(table, Table)
    assert [row[:2] for row in table.rows] == [("Person 2", held)]
    assert held > 0
    assert int(str(table.rows[0][2])) >= held


def test_files_that_failed_or_were_passed_over_are_listed(job: Job) -> None:
    shown = repr(audit.show_unusable(job.report()))

    assert "notes.txt" in shown
    assert shown.count("not_an_image") == 3


def test_the_slowest_photos_come_first(job: Job) -> None:
    table = dict(audit.show_unusable(job.report()).parts)["Photos whose analysis took longest"]

    assert isinstance(table, Table)
    seconds = [float(str(s)) for s in column(table, "Seconds")]
    assert seconds == sorted(seconds, reverse=True)
    assert f"Of {PHOTOS} analyses" in table.note


def test_dropped_photos_are_shown_only_when_asked(job: Job) -> None:
    asked, not_asked = job.report(contact_sheet=3), job.report()

    for show in (audit.show_dropped_faces, audit.show_faceless):
        assert isinstance(show(not_asked), Markdown)
        assert isinstance(show(asked), Plot)
    assert asked.dropped_faces is not None
    assert 0 < len(asked.dropped_faces) <= 3
    assert all(face.crop and face.reference_crop for face in asked.dropped_faces)
    distances = [face.distance for face in asked.dropped_faces]
    assert distances == sorted(distances, key=lambda d: d or 0)


def test_photos_on_a_disk_that_is_gone_are_said_to_be(job: Job, tmp_path: Path) -> None:
    report = job.report(contact_sheet=2)
    gone = report.workspace.settings.model_copy(update={"sources": {"card-1": tmp_path / "gone"}})

    shown = audit.show_faceless(replace(report, workspace=replace(report.workspace, settings=gone)))

    assert isinstance(shown, Markdown)
    assert "plug in the disk" in str(shown.data)


def test_an_empty_workspace_is_shown_in_words(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    workspace = set_up(tmp_path / "hot", [tmp_path / "src"], tmp_path / "out", "synthetic", [])[0]
    report = audit.open_audit(workspace.root, tmp_path / "runs")

    for name in set(SHOWN) - {"show_unusable"}:
        shown = getattr(audit, name)(report)
        assert isinstance(shown, Markdown), name
        assert str(shown.data).endswith("."), name
    assert "No photo failed." in repr(audit.show_unusable(report))
    assert "Nothing was sorted" in report._repr_mimebundle_()["text/plain"]
    assert json.loads(json.dumps(report.summary()))["drops"]["rate"] is None


def save_run(runs: Path, name: str, summary: dict[str, Any] | str) -> None:
    (runs / name).mkdir(parents=True)
    text = summary if isinstance(summary, str) else json.dumps(summary)
    (runs / name / "summary.json").write_text(text, encoding="utf-8")


def test_saved_runs_are_found_by_number_or_by_time(job: Job, tmp_path: Path) -> None:
    mine = {"notebook": "03_sort", "parameters": {"workspace": str(job.workspace.root)}}
    with job.workspace.open_store(read_only=True) as store:
        first, second = reports.run_records(store)
    around = {
        "started_at": second.started_at.isoformat(timespec="seconds") + "+00:00",
        "finished_at": "2999-01-01T00:00:00+00:00",
    }
    save_run(tmp_path, "1-numbered", mine | {"run": {"run_id": 1}})
    save_run(tmp_path, "2-failed", mine | around | {"state": "failed", "error": "E: gone"})
    save_run(
        tmp_path,
        "3-early",
        mine
        | around
        | {"started_at": "2998-01-01T00:00:00+00:00", "state": "failed", "error": "F"},
    )
    save_run(tmp_path, "4-other", mine | {"parameters": {"workspace": str(tmp_path)}})
    save_run(tmp_path, "5-broken", "{")
    save_run(tmp_path, "6-audit", mine | {"notebook": "05_audit"})

    saved = saved_runs(tmp_path, job.workspace.root)
    drops, groups = {1: DropRate(9, 31), 2: DropRate(5, 31)}, {1: (0, 0, 0), 2: (7, 6, 4)}
    sections = runs_sections((first, second), drops, groups, saved)

    did, decided, wrong, unreadable = (part for _, part in sections.parts)
    assert isinstance(unreadable, Table)
    assert [row[0] for row in unreadable.rows] == ["5-broken"]
    assert isinstance(did, Table)
    assert isinstance(decided, Table)
    assert isinstance(wrong, Table)
    assert column(decided, "Saved in") == ["1-numbered", "2-failed"]
    assert column(decided, "STRICT / LOOSE / margin") == [
        "0.30 / 0.50 / 0.05",
        "0.30 / 0.90 / 0.05",
    ]
    assert column(did, "Run") == ["1 sort", "2 rematch", "3-early"]
    assert column(did, "Dropped by then") == ["9 of 31", "5 of 31", ""]
    brought = ["", "7 faces in 6 photos; 4 faces in doubt", ""]
    assert column(did, "Named by their group only") == brought
    assert [row[1] for row in wrong.rows] == ["E: gone", "F"]
    assert "1 saved runs are of other workspaces" in did.note


def test_one_bad_summary_is_one_row_and_the_audit_goes_on(job: Job, tmp_path: Path) -> None:
    mine = {"notebook": "03_sort", "parameters": {"workspace": str(job.workspace.root)}}
    save_run(tmp_path, "1-good", mine | {"run": {"run_id": 1}})
    for number, bad in enumerate(BAD_SUMMARIES.values()):
        save_run(tmp_path, f"2-bad-{number:02}", "")
        bad(tmp_path / f"2-bad-{number:02}" / "summary.json")

    report = audit.open_audit(job.workspace.root, tmp_path)
    shown = audit.show_runs(report)

    assert isinstance(shown, Sections)
    heading, unreadable = shown.parts[-1]
    assert heading == "Saved runs that cannot be read"
    assert isinstance(unreadable, Table)
    assert [row[0] for row in unreadable.rows] == [
        f"2-bad-{number:02}" for number in range(len(BAD_SUMMARIES))
    ]
    assert all(row[1] and len(str(row[1])) < 200 for row in unreadable.rows)
    assert [run.folder.name for run in report.saved.mine] == ["1-good"]
    shown._repr_html_().encode()  # a notebook is UTF-8


def test_without_saved_runs_the_workspace_still_knows_its_own(job: Job) -> None:
    shown = audit.show_runs(job.report())

    assert isinstance(shown, Sections)
    did = shown.parts[0][1]
    assert isinstance(did, Table)
    before = sum(status != "matched" for status, _ in job.stood["sorted"].values())
    assert column(did, "Dropped by then")[0] == f"{before} of {PHOTOS}"


def test_a_table_of_rates_shows_counts_and_intervals() -> None:
    found: list[DropRow] = [("A", 20, 0, 0, 0, 0, 0, 0, 0), ("B", 29, 1, 0, 0, 0, 1, 0, 0)]

    table = rate_table("Camera", found, total=("all", 49, 1, 0, 0, 0, 1, 0, 0))

    assert table.columns == ("Camera", "Photos", "Dropped", "Rate", "", "95 % interval", "no face")
    assert column(table, "Rate") == ["0.0 %", "3.4 %"]
    intervals = [str(text).split() for text in column(table, "95 % interval")]
    # 1 - 0.025 ** (1 / 20), and the exact limits of 1 in 29
    assert intervals == [["0.0", "to", "16.8", "%"], ["0.1", "to", "17.8", "%"]]
    assert table._repr_html_().count("<svg") == 2
    assert "<svg" not in repr(table)


def test_an_interval_is_drawn_where_it_is() -> None:
    drawn = Whisker(DropRate(10, 10), overall=0.5, end=1.0)._repr_html_()

    assert 'cx="116.0"' in drawn
    assert 'x1="60.0" x2="60.0"' in drawn
    assert "min-width:" in drawn, "JupyterLab makes pictures as narrow as their column"
    assert Whisker(DropRate(0, 0), overall=0.5, end=1.0)._repr_html_() == ""


def test_the_heat_map_has_a_cell_per_person_and_hour() -> None:
    nine, midnight = datetime(2026, 5, 2, 9), datetime(2026, 5, 3)
    people = {"$x$ Bo": 1, "Ada": 12}
    hours = [("Ada", nine, 10), ("Cy", nine, 3), ("Ada", midnight, 2), ("$x$ Bo", None, 1)]

    (ax,) = chart(lambda ax: plot_coverage(ax, people, hours)).axes

    assert [label.get_text() for label in ax.get_xticklabels()] == [
        "09\nMay 2\n2026",
        "00\nMay 3\n2026",
        "no\ntime",
    ]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["$x$ Bo  1", "Ada  12"]
    (mesh,) = ax.collections
    assert np.asarray(mesh.get_array()).reshape(2, 3).tolist() == [[0, 0, 0.1], [1, 0.2, 0]]
    assert sorted(text.get_text() for text in ax.texts) == ["1", "10", "2"]


@pytest.mark.parametrize(
    ("days", "hours_a_day", "columns"),
    [(2, 12, 24), (4, 12, 48), (5, 12, 5), (20, 1, 20)],
)
def test_hours_become_days_where_they_have_no_room(
    days: int, hours_a_day: int, columns: int
) -> None:
    """With 60 hours there are too many; with an hour on each of 20 days, dates would overlap."""
    hours = [
        ("Ada", datetime(2026, 12, 28, 8) + timedelta(days=day, hours=hour), 1)
        for day in range(days)
        for hour in range(hours_a_day)
    ]

    (ax,) = chart(lambda ax: plot_coverage(ax, {"Ada": len(hours)}, hours)).axes

    labels = [label.get_text() for label in ax.get_xticklabels()]
    assert len(labels) == columns
    by_day = columns != days * hours_a_day or hours_a_day == 1
    assert labels[0] == ("2026-12-28" if by_day else "08\nDec 28\n2026")
    assert ax.get_xlabel().startswith("day" if by_day else "hour")


def test_a_run_that_was_calibrated_is_told_in_one_row(job: Job) -> None:
    report = job.report(before=1, after=2)
    compared = report.comparison
    assert compared is not None
    then, now = compared.circumstances
    calibration = {
        "calibration.id": "0123456789ab", "calibration.date": "2026-10-01T09:30:00+00:00",
        "calibration.gallery": "f" * 16, "calibration.persons": 3, "calibration.by_hand": True,
        "calibration.pack_id": "a" * 64, "calibration.strict": 0.8, "calibration.data": "6 references",
    }  # fmt: skip
    now = replace(now, settings={**now.settings, **calibration})
    shown = repr(
        audit.show_changes(replace(report, comparison=replace(compared, circumstances=(then, now))))
    )

    (row,) = (line for line in shown.splitlines() if line.startswith("calibrated"))
    assert row.split(None, 2)[1:] == ["no", "2026-10-01 09:30 UTC, 3 persons, by hand"]
    assert "0123456789ab" not in shown and "ffff" not in shown


def taken_at(time: datetime, result: PhotoResult) -> PhotoResult:
    assert result.analysis.info is not None
    info = replace(result.analysis.info, captured_at=time)
    return replace(result, analysis=replace(result.analysis, info=info))


@pytest.mark.parametrize(
    ("photos", "hours_apart", "by", "first", "last", "rows"),
    [
        (48, 1, "Hour", "2026-05-02 00:00", "2026-05-03 23:00", 48),
        (49, 1, "Day", "2026-05-02", "2026-05-04", 3),
        (48, 24, "Hour", "2026-05-02 00:00", "2026-06-18 00:00", 48),
        (60, 24, "Day", "2026-06-30", "13 others", 48),  # the last one is the only drop
    ],
)
def test_drops_over_time_are_by_hour_or_else_by_day(
    photos: int, hours_apart: int, by: str, first: str, last: str, rows: int
) -> None:
    with Store.open(None) as store:
        add_people(store)
        add(store, [photo(1 + number) for number in range(photos)])
        for batch_id in files.batches_in(store, files.BatchState.PENDING):
            found = [file.file_id for file in files.batch_files(store, batch_id)]
            status = [CORRUPT if file_id == photos else MATCHED for file_id in found]
            taken = [datetime(2026, 5, 2) + timedelta(hours=hours_apart * (i - 1)) for i in found]
            record(
                store,
                batch_id,
                [taken_at(t, result(i, *s)) for i, t, s in zip(found, taken, status, strict=True)],
            )
        ((by_what, groups),) = drops_by_time(store).items()

    assert (by_what, len(groups)) == (by, rows)
    assert (groups[0][0], groups[-1][0]) == (first, last)
    assert sum(group[1] for group in groups) == photos


def test_a_batch_that_a_killed_run_left_counts_to_the_run_that_finished_it(
    job: Job, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.duckdb"
    shutil.copy(job.workspace.database, copy)
    with Store.open(copy) as store:
        store.execute("DELETE FROM run_batch WHERE run_id = 2")
        found = store.rows("SELECT run_id FROM batch_run ORDER BY batch_id")

    assert {run_id for (run_id,) in found} == {1, 2}
    assert found == sorted(found)


def test_photos_know_their_run_and_who_was_near(job: Job) -> None:
    with job.workspace.open_store(read_only=True) as store:
        runs = rows.drops(store, "run", 9)
        people = rows.drops_by_person(store, rows.coverage(store, 0.5))

    stood = [reason for status, reason in job.stood["corrected"].values() if status != "matched"]
    assert [row[:3] for row in runs] == [("run 1", PHOTOS, len(stood))]
    withheld = stood.count("do_not_deliver")
    assert {name: held for name, _, _, held, _ in people if held} == {"Person 2": withheld}
    nobody = [dropped for name, _, dropped, _, _ in people if name is None]
    assert nobody == [len(stood) - withheld - stood.count("only_unknown_faces")]
    assert all(nearest for name, _, dropped, held, nearest in people if name and dropped > held)


def test_near_duplicates_are_those_that_an_export_leaves_out(job: Job, tmp_path: Path) -> None:
    workspace, pack = open_with_pack(job.workspace.root)
    options = ExportOptions(near_duplicates="best")
    export(workspace, pack, tmp_path / "out", options, ThreadPoolExecutor(1))
    with (tmp_path / "out" / "_left_out.csv").open(encoding="utf-8-sig", newline="") as stream:
        left_out = {
            (row["photo"], row["folder"], row["instead"])
            for row in csv.DictReader(stream)
            if row["why"] == "not_best_of_burst"
        }

    report = job.report()
    found = report.near_duplicates
    shown = dict(audit.show_left_out(report).parts)["Near duplicates"]
    left = replace(report, near_duplicates=replace(found, kept=False))

    assert left_out
    assert set(found.copies) == left_out
    assert found.number == len(left_out)
    assert isinstance(shown, Table)
    assert set(shown.rows) == left_out
    assert "All are delivered" in repr(shown)
    assert "leave them out" in repr(audit.show_left_out(left))
    assert report.summary()["near_duplicates"] == {
        "kept": True,
        "bursts": found.bursts,
        "copies": len(left_out),
    }
    assert several(len(left_out), "copy", "copies") in repr(shown)
    nothing = replace(report, near_duplicates=replace(found, number=0, copies=[]))
    assert "Nobody is in two photos" in repr(audit.show_left_out(nothing))
