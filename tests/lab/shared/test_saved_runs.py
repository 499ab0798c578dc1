"""Saved runs are found by what their summaries say, and a bad one ends nothing."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from bad_summaries import BAD_SUMMARIES

from facesort.lab.shared.saved_runs import SavedRuns, saved_runs


def save(runs: Path, name: str, workspace: Path) -> None:
    (runs / name).mkdir(parents=True)
    summary = {"notebook": "03_sort", "parameters": {"workspace": str(workspace)}}
    (runs / name / "summary.json").write_text(json.dumps(summary))


def test_a_run_is_of_a_workspace_whatever_link_led_there(tmp_path: Path) -> None:
    root, link = tmp_path / "hot", tmp_path / "link"
    root.mkdir()
    link.symlink_to(root, target_is_directory=True)
    save(tmp_path / "runs", "direct", root)
    save(tmp_path / "runs", "by link", link)
    save(tmp_path / "runs", "other", tmp_path)
    save(tmp_path / "runs", "gone", tmp_path / "gone")
    (tmp_path / "runs" / "killed").mkdir()
    (tmp_path / "runs" / "notes.txt").write_text("x")

    for place in (root, link):
        found = saved_runs(tmp_path / "runs", place)
        assert [run.folder.name for run in found.mine] == ["by link", "direct"]
        assert (found.unreadable, found.others) == ((), 2)


def test_no_runs_are_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for runs in (tmp_path / "none", tmp_path / "file"):
        assert saved_runs(runs, tmp_path) == SavedRuns()


@pytest.mark.parametrize("bad", BAD_SUMMARIES)
def test_a_bad_summary_is_named_with_what_is_wrong(tmp_path: Path, bad: str) -> None:
    runs = tmp_path / "runs"
    save(runs, "bad", tmp_path)
    save(runs, "good", tmp_path)
    BAD_SUMMARIES[bad](runs / "bad" / "summary.json")

    found = saved_runs(runs, tmp_path)

    assert [run.folder.name for run in found.mine] == ["good"]
    (unreadable,) = found.unreadable
    assert unreadable.folder == runs / "bad"
    assert 0 < len(unreadable.problem) < 200
    assert "\n" not in unreadable.problem


def test_a_run_behind_a_link_is_not_read(tmp_path: Path) -> None:
    save(tmp_path / "elsewhere", "a", tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "a").symlink_to(tmp_path / "elsewhere" / "a")

    found = saved_runs(tmp_path / "runs", tmp_path)

    assert found.mine == ()
    assert found.unreadable[0].problem.startswith("is a link")


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read anything")
def test_what_may_not_be_read_is_named(tmp_path: Path) -> None:
    save(tmp_path / "runs", "a", tmp_path)
    (tmp_path / "runs" / "a").chmod(0)
    try:
        (unreadable,) = saved_runs(tmp_path / "runs", tmp_path).unreadable
    finally:
        (tmp_path / "runs" / "a").chmod(0o700)
    assert unreadable.problem == "Permission denied"
