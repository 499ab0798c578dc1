"""What a run leaves outside the database shows nobody's face, unless it was asked to."""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Iterable
from pathlib import Path

import nbformat
import papermill
import pytest
from private_event import (
    NAMES,
    add,
    as_text,
    faces_of,
    faces_of_nobody,
    needles,
    seen,
    sorted_event,
)

from facesort.lab.calibrate.written import write_calibration
from facesort.lab.run.launch import launch
from facesort.lab.shared.notebooks import notebook_path
from facesort.store import Store
from facesort.workspace import Workspace


@pytest.fixture(scope="module")
def event(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """With two references of everyone, so that it can be calibrated."""
    folder = tmp_path_factory.mktemp("private")
    workspace, pack = sorted_event(folder)
    for identity, name in NAMES.items():
        again = folder / "seeds" / f"{name} again.png"
        add(workspace, pack, name, [identity], again, variation=60)
    return workspace


def everybody(store: Store) -> list[tuple[bytes, bytes]]:
    return [row for name in NAMES.values() for row in faces_of(store, name)] + faces_of_nobody(
        store
    )


def in_notebooks(rows: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    """What to look for of a crop that was put into JSON, wherever in a text of base64 it begins."""
    middles = [bytes(crop)[len(crop) // 2 :] for _, crop in rows]
    return [base64.b64encode(middle[start:][:60]) for middle in middles for start in range(3)]


@pytest.mark.parametrize(
    ("notebook", "parameters"),
    [
        ("02_calibrate", {"strict": 0.3, "loose": 0.9, "apply": False}),
        ("03_sort", {"workers": 1}),
        ("04_review", {}),
        ("05_audit", {}),
    ],
)
def test_logs_progress_and_saved_runs_hold_no_embedding_and_no_crop(
    notebook: str,
    parameters: dict[str, object],
    event: Workspace,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    echo = io.StringIO()
    given = {"workspace": str(event.root), **parameters}
    saved = launch(notebook, given, runs=tmp_path / "runs", job="x", echo=echo)
    if notebook == "02_calibrate":
        write_calibration(saved)
        assert saved.with_name("calibration.json").is_file()
    (tmp_path / "log").write_text(caplog.text + echo.getvalue())
    with event.open_store(read_only=True) as store:
        rows = everybody(store)

    wanted = needles(rows) + as_text(row[0] for row in rows) + in_notebooks(rows)

    assert len(rows) >= 13
    assert {saved.name, "summary.json", f"{notebook}.html", "log"} <= {
        path.name for path in tmp_path.rglob("*")
    }
    assert seen(event.root, wanted) == 2 * len(rows)  # in the database, as bytes
    assert seen(tmp_path, wanted) == 0
    assert seen(event.state, wanted) == 0
    executed = nbformat.read(saved, as_version=4)
    assert "widgets" not in executed.metadata
    shown = [
        out for c in executed.cells if "faces" in c.metadata.get("tags", ()) for out in c.outputs
    ]
    assert not [out for out in shown if "image/" in str(out.get("data", {}))]


@pytest.mark.parametrize("notebook", ["01_seed", "04_review"])
def test_a_notebook_that_papermill_runs_by_itself_saves_no_face(
    notebook: str, event: Workspace, tmp_path: Path
) -> None:
    """Papermill saves the state of widgets, which JupyterLab does not."""
    saved = tmp_path / "saved.ipynb"
    papermill.execute_notebook(
        notebook_path(notebook), saved, {"workspace": str(event.root)}, progress_bar=False
    )
    with event.open_store(read_only=True) as store:
        rows = everybody(store)

    assert nbformat.read(saved, as_version=4).metadata["widgets"]
    assert len(rows) >= 13
    assert seen(tmp_path, needles(rows) + in_notebooks(rows)) == 0
    assert "data:image/jpeg" not in saved.read_text(encoding="utf-8")


def test_a_run_that_is_asked_for_faces_shows_them(event: Workspace, tmp_path: Path) -> None:
    """Or the test above would look in the wrong place."""
    given = {"workspace": str(event.root), "strict": 0.3, "loose": 0.9, "contact_sheet": 8}
    saved = launch("02_calibrate", given, runs=tmp_path, job="x", echo=io.StringIO())
    (cell,) = (c for c in nbformat.read(saved, 4).cells if "faces" in c.metadata.get("tags", ()))
    assert [out for out in cell.outputs if "data:image/" in str(out.get("data", {}))]
