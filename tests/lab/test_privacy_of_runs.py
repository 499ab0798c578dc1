"""What a sort leaves outside the database shows nobody's face, unless it was asked to."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import pytest
from private_event import NAMES, as_text, faces_of, faces_of_nobody, needles, seen, sorted_event

from facesort.lab.launch import launch


def test_logs_progress_and_run_notebooks_hold_no_embedding_and_no_crop(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    workspace, _ = sorted_event(tmp_path)
    echo = io.StringIO()
    parameters = {"workspace": str(workspace.root), "workers": 1, "contact_sheet": 0}
    launch("03_sort", parameters, runs=tmp_path / "left" / "runs", job="x", echo=echo)
    with workspace.open_store() as store:
        rows = [row for name in NAMES.values() for row in faces_of(store, name)]
        rows += faces_of_nobody(store)
    (tmp_path / "left" / "log").write_text(caplog.text + echo.getvalue())
    workspace.state.rename(tmp_path / "left" / "state")

    wanted = needles(rows) + as_text(row[0] for row in rows)
    assert len(rows) == 13
    assert {"03_sort.ipynb", "summary.json", "progress.json", "log"} <= {
        path.name for path in (tmp_path / "left").rglob("*")
    }
    assert seen(workspace.root, wanted) == 2 * len(rows)  # in the database, as bytes
    assert seen(tmp_path / "left", wanted) == 0
