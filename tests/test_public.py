"""What `import facesort` offers, and that every example in its docstrings runs."""

from __future__ import annotations

import doctest
import inspect
import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest
from synthetic_event import make_event, make_workspace, sort_in_threads, tree

import facesort
from facesort.engine.review.answers import answer_faces
from facesort.errors import SettingsError, StoreLockedError, WorkspaceError

TABLES = ["photos", "files", "shots", "faces", "decisions", "persons", "runs", "commits"]


@pytest.fixture(scope="module")
def event(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sorted event; its workspace is `hot_storage`."""
    root = tmp_path_factory.mktemp("event")
    make_event(root / "photos", 20)
    workspace, pack = make_workspace(root, root / "photos")
    sort_in_threads(workspace, pack)
    workspace.root.rename(root / "hot_storage")
    return root


@pytest.fixture
def view(event: Path) -> Iterator[facesort.WorkspaceView]:
    with facesort.open(event / "hot_storage") as opened:
        yield opened


def test_exported_members() -> None:
    assert facesort.__all__ == [
        "ExportReport",
        "FacesortError",
        "RematchReport",
        "SortResult",
        "WorkspaceView",
        "__version__",
        "export",
        "open",
        "rematch",
        "sort",
    ]
    assert set(facesort.__all__) <= set(dir(facesort))


def test_a_star_import_gives_all_of_it() -> None:
    names: dict[str, object] = {}
    exec("from facesort import *", names)  # noqa: S102

    assert set(facesort.__all__) - {"__version__"} <= names.keys()


def test_what_is_not_exported_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        facesort.nothing  # noqa: B018


@pytest.mark.parametrize("name", [n for n in facesort.__all__ if n != "__version__"])
def test_every_exported_member_has_examples_that_run(
    name: str, event: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_examples(getattr(facesort, name), name, event, monkeypatch)


def test_the_examples_of_the_package_run(event: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_examples(facesort, "facesort", event, monkeypatch)


def run_examples(member: object, name: str, event: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = inspect.getdoc(member)
    assert text
    found = doctest.DocTestParser().get_doctest(text, {"facesort": facesort}, name, None, None)
    assert found.examples
    monkeypatch.chdir(event)
    said = io.StringIO()

    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(found, out=said.write)

    if said.getvalue():
        pytest.fail(said.getvalue(), pytrace=False)


def test_tables_hold_what_is_documented_and_nothing_biometric(
    view: facesort.WorkspaceView,
) -> None:
    for name in TABLES:
        relation = getattr(view, name)
        documented = inspect.getdoc(getattr(type(view), name)) or ""

        assert [c for c in relation.columns if f"``{c}``" not in documented] == []
        assert "BLOB" not in {str(kind) for kind in relation.types}
        assert len(relation.fetchall()) > 0


def test_biometric_data_has_a_name_of_its_own(view: facesort.WorkspaceView) -> None:
    [(embedding, crop)] = view.biometrics().limit(1).select("embedding, crop").fetchall()

    assert len(embedding) % 4 == 0 < len(embedding)
    assert crop.startswith(b"\xff\xd8")


def test_frames_are_one_call_away(view: facesort.WorkspaceView) -> None:
    persons = ["Person 1", "Person 2", "Person 3", "Person 4"]

    assert list(view.persons.df()["person"]) == persons
    assert view.persons.pl()["person"].to_list() == persons
    assert view.persons.arrow().read_all()["person"].to_pylist() == persons
    assert view.persons.to_arrow_table()["person"].to_pylist() == persons


def test_tables_agree_with_each_other(view: facesort.WorkspaceView) -> None:
    [(matched,)] = view.photos.filter("len(persons) > 0").aggregate("count(*)").fetchall()
    delivered = view.commits.filter("status = 'verified'").aggregate("photo, person")
    named = view.faces.filter("person IS NOT NULL").aggregate("path, person")

    assert view.photos.filter("status = 'matched'").aggregate("count(*)").fetchall() == [(matched,)]
    assert sorted(delivered.fetchall()) == sorted(named.fetchall())
    assert view.persons.sum("files").fetchall() == view.commits.count("file").fetchall()
    assert view.runs.select("kind, state, photos").fetchall()[0] == (
        "sort",
        "finished",
        21,
    )


def test_files_count_as_the_status_does_and_photos_are_what_was_decided(
    view: facesort.WorkspaceView,
) -> None:
    files = view.files.select("file_id, status, reason, photo_id, same_as").fetchall()
    photos = view.photos.select("photo_id").fetchall()

    assert len(files) == 21
    assert [row[1:] for row in files if row[4]] == [
        ("duplicate", "duplicate", 1, "card-0/DSC00000.JPG")
    ]
    assert len(photos) == len({row[3] for row in files}) == 20
    assert view.shots.count("shot_id").fetchall() == [(20,)]


def test_what_a_user_answered_counts(tmp_path: Path) -> None:
    make_event(tmp_path / "photos", 10)
    workspace, pack = make_workspace(tmp_path, tmp_path / "photos")
    sort_in_threads(workspace, pack)
    with facesort.open(workspace.root) as view:
        [(face, photo, person)] = (
            view.faces.filter("person IS NOT NULL")
            .limit(1)
            .select("face_id, path, person")
            .fetchall()
        )
    answer_faces(workspace, {face: person}, "no")

    with facesort.open(workspace.root) as view:
        faces = view.faces.filter(f"face_id = {face}").select("person, outcome, reason, by_user")
        [(persons,)] = view.photos.filter(f"path = '{photo}'").select("persons").fetchall()
        decided = view.decisions.filter(f"face_id = {face} AND round = 0").select("person")

        assert faces.fetchall() == [(None, "unknown", "rejected_by_user", True)]
        assert person not in persons
        assert decided.fetchall() == [(person,)]


def test_a_view_changes_nothing(event: Path) -> None:
    before = tree(event)

    with facesort.open(event / "hot_storage") as view:
        view.photos.fetchall()

    assert tree(event) == before


def test_a_closed_view_says_so(event: Path) -> None:
    with facesort.open(event / "hot_storage") as view:
        photos = view.photos

    with pytest.raises(WorkspaceError, match="is closed: open it again"):
        view.photos  # noqa: B018
    with pytest.raises(duckdb.ConnectionException):
        photos.fetchall()
    assert repr(view) == f"<closed workspace {event / 'hot_storage'}>"


def test_a_workspace_that_is_being_sorted_cannot_be_opened(
    event: Path, other_process: Callable[[str], subprocess.Popen[str]]
) -> None:
    process = other_process(
        "from pathlib import Path; from facesort.workspace import open_workspace\n"
        f"store = open_workspace(Path({str(event / 'hot_storage')!r})).open_store()"
    )

    with pytest.raises(StoreLockedError, match=f"in use by process {process.pid}"):
        facesort.open(event / "hot_storage")


def test_a_view_that_is_open_keeps_a_sort_out_and_says_where(event: Path) -> None:
    with (
        facesort.open(event / "hot_storage") as view,
        pytest.raises(StoreLockedError, match="open in this process: leave the `with"),
    ):
        facesort.sort(event / "hot_storage", executor=ThreadPoolExecutor(1))
    assert view.path == event / "hot_storage"


def test_a_view_that_is_open_keeps_other_processes_from_writing(event: Path) -> None:
    code = (
        "from pathlib import Path; from facesort.workspace import open_workspace\n"
        f"open_workspace(Path({str(event / 'hot_storage')!r})).open_store()"
    )

    with facesort.open(event / "hot_storage"):
        refused = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    allowed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert f"StoreLockedError: {event / 'hot_storage'}" in refused.stderr
    assert f"in use by process {os.getpid()}" in refused.stderr
    assert allowed.returncode == 0, allowed.stderr


def test_a_view_makes_way_for_a_sort_of_its_own(event: Path) -> None:
    with facesort.open(event / "hot_storage") as view:
        [(runs,)] = view.runs.count("run_id").fetchall()

        result = facesort.sort(view, executor=ThreadPoolExecutor(1))
        report = facesort.rematch(view, executor=ThreadPoolExecutor(1))

        assert view.runs.select("run_id, kind").fetchall()[runs:] == [
            (result.run_id, "sort"),
            (result.run_id + 1, "rematch"),
        ]
    assert sum(result.photos.values()) == 21
    assert report == facesort.RematchReport()


def test_a_closed_view_stays_closed_after_a_sort(event: Path) -> None:
    view = facesort.open(event / "hot_storage")
    view.close()

    facesort.sort(view, executor=ThreadPoolExecutor(1))

    with pytest.raises(WorkspaceError, match="is closed"):
        view.photos  # noqa: B018


def test_progress_is_told(tmp_path: Path) -> None:
    make_event(tmp_path / "photos", 3)
    workspace, _ = make_workspace(tmp_path, tmp_path / "photos")
    told = []

    facesort.sort(
        workspace.root,
        executor=ThreadPoolExecutor(1),
        on_photo=lambda done, total: told.append((done, total)),
    )

    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_sort_takes_settings_for_one_run(tmp_path: Path) -> None:
    make_event(tmp_path / "photos", 3)
    workspace, _ = make_workspace(tmp_path, tmp_path / "photos")

    facesort.sort(workspace.root, executor=ThreadPoolExecutor(1), strict=0.3, loose=0.4)

    with facesort.open(workspace.root) as view:
        assert view.runs.select("strict, loose").fetchall() == [(0.3, 0.4)]
    with pytest.raises(SettingsError, match="a sort has no setting 'lose'; it has workers"):
        facesort.sort(workspace.root, lose=0.4)


def test_results_in_another_format_are_refused_before_anything_is_written(
    event: Path, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match="'parquet' or 'csv', not 'xlsx'"):
        facesort.export(event / "hot_storage", tmp_path / "delivery", results="xlsx")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=r"'keep' .* or 'best', not 'first'"):
        facesort.export(event / "hot_storage", tmp_path / "delivery", near_duplicates="first")  # type: ignore[arg-type]
    assert not (tmp_path / "delivery").exists()


def test_an_export_leaves_a_view_open(view: facesort.WorkspaceView, tmp_path: Path) -> None:
    commits = view.commits

    report = facesort.export(view, tmp_path / "delivery", executor=ThreadPoolExecutor(1))

    assert report.files == len(commits.fetchall())
    assert (tmp_path / "delivery" / "_SHA256SUMS").is_file()
