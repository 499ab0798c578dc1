"""Only their owner can read saved runs, whatever the umask."""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from facesort.errors import NotebookError
from facesort.lab.run.launch import launch

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no modes there")


@pytest.fixture
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize(("umask", "cell"), [(0, "1 + 0"), (0o022, "1 / 0")], indirect=["umask"])
def test_every_file_of_a_run_is_its_owner_s_alone(tmp_path: Path, cell: str) -> None:
    """Also while it runs: the notebook is saved before every cell of code."""
    look = (
        "import os, pathlib\nprint([oct(p.stat().st_mode) for p in pathlib.Path(runs).glob('*/*')])"
    )
    notebook = new_notebook(
        cells=[
            new_code_cell("runs = ''", metadata={"tags": ["parameters"]}),
            new_code_cell(look),
            new_code_cell(cell),
        ]
    )
    path, runs = tmp_path / "book.ipynb", tmp_path / "a" / "runs"
    nbformat.write(notebook, path)
    try:
        launch(path, {"runs": str(runs)}, runs=runs, job="x", echo=io.StringIO())
    except NotebookError:
        assert cell == "1 / 0"

    (folder,) = runs.iterdir()
    assert {found.name for found in folder.iterdir()} == {"book.ipynb", "book.html", "summary.json"}
    modes = {found: stat.S_IMODE(found.stat().st_mode) for found in folder.iterdir()}
    assert set(modes.values()) == {0o600}
    assert [stat.S_IMODE(place.stat().st_mode) for place in (folder, runs)] == [0o700, 0o700]
    saved = nbformat.read(folder / "book.ipynb", 4)
    assert "['0o100600']" in str(saved.cells)
