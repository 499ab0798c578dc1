"""The demo keeps what the README promises of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from synthetic_event import tree

from facesort.demo.run import run_demo


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_demo_finds_its_six_people(tmp_path: Path) -> None:
    said: list[str] = []

    first = run_demo(tmp_path / "demo", "dlib", [], say=said.append)
    files = tree(first.output)
    again = run_demo(tmp_path / "demo", "dlib", [], say=said.append)

    assert first.score.precision is not None
    assert first.score.recall is not None
    assert first.score.precision >= 0.95
    assert first.score.recall >= 0.95
    assert first.notebook.is_file()
    assert (first.notebook.parent / "summary.json").is_file()
    assert again.score == first.score
    assert tree(again.output) == files
    assert str(first.output) in first.report()
