from __future__ import annotations

import base64
import io
import json
import re
import stat
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image
from synthetic_event import make_event, make_workspace, sort_in_threads

from facesort.cli import cli
from facesort.engine.setup import set_up
from facesort.errors import NotebookError
from facesort.lab.run.launch import launch
from facesort.lab.run.page import FACES_TAG, save_page
from facesort.lab.shared.notebooks import notebook_path

WIDGET = "application/vnd.jupyter.widget-view+json"
# Outputs of these cells show faces; whoever adds such a cell to a notebook that is launched names it here.
SHOW_FACES = {
    "02_calibrate": {"calibrate.show_between(session, limit=contact_sheet)"},
    "03_sort": {"sort.show_doubtful(report)"},
    "05_audit": {"audit.show_dropped_faces(report)", "audit.show_faceless(report)"},
}


def png(shade: int) -> str:
    buffer = io.BytesIO()
    Image.new("L", (8, 8), shade).save(buffer, "png")
    return base64.b64encode(buffer.getvalue()).decode()


CHART, CROP = png(10), png(200)


def cell(source: str, data: dict[str, object], *, faces: bool = False) -> NotebookNode:
    tags = {"tags": [FACES_TAG]} if faces else {}
    return new_code_cell(source, outputs=[new_output("display_data", data)], metadata=tags)


def page_of(folder: Path, *cells: NotebookNode, faces: bool = False) -> str:
    notebook = new_notebook(cells=list(cells), metadata={"widgets": {WIDGET: {"state": {}}}})
    path = folder / "x.ipynb"
    nbformat.write(notebook, path)
    return save_page(path, faces=faces).read_text(encoding="utf-8")


def assert_self_contained(page: str) -> None:
    """Nothing is loaded from anywhere, and nothing runs."""
    assert "default-src 'none'; img-src data:" in page
    assert not re.search(r"<(script|iframe|link|object|embed|base)\b", page, re.I)
    assert not re.search(r"@import|url\(", page)
    sources = re.findall(r"\b(?:src|href|srcset|poster|action)\s*=\s*[\"']?([^\"'\s>]+)", page)
    assert [s for s in sources if not s.startswith(("data:image/", "#"))] == []


def test_a_page_of_nothing_loads_nothing(tmp_path: Path) -> None:
    assert_self_contained(page_of(tmp_path))


@pytest.mark.parametrize("faces", [False, True])
def test_faces_are_in_the_page_only_if_asked(tmp_path: Path, faces: bool) -> None:
    page = page_of(
        tmp_path,
        cell("chart", {"image/png": CHART}),
        cell("crops", {"image/png": CROP, "text/plain": "<Image>"}, faces=True),
        faces=faces,
    )

    assert_self_contained(page)
    assert CHART in page
    assert (CROP in page) is faces
    assert ("left out of this page" in page) is not faces


def test_a_sentence_in_place_of_faces_stays(tmp_path: Path) -> None:
    page = page_of(tmp_path, cell("crops", {"text/markdown": "There is **none**."}, faces=True))

    assert "There is <strong>none</strong>." in page
    assert "left out of this page" not in page


def test_what_needs_scripts_is_left_out_with_a_word(tmp_path: Path) -> None:
    page = page_of(
        tmp_path,
        cell("panel", {WIDGET: {"model_id": "1"}, "text/plain": "VBox(children=())"}),
        cell("code", {"application/javascript": "fetch('/')", "text/plain": "<Javascript>"}),
        new_markdown_cell("$x$ ```mermaid\ngraph\n```"),
    )

    assert_self_contained(page)
    assert "VBox" not in page
    assert "fetch(" not in page
    assert page.count("needs a running kernel") == 2


def test_code_cannot_break_out_of_its_place(tmp_path: Path) -> None:
    page = page_of(tmp_path, new_code_cell("x = '</pre><script>alert(1)</script>'"))

    assert_self_contained(page)
    assert "&lt;script&gt;" in page


def test_a_failed_run_has_a_page_that_shows_the_error(tmp_path: Path) -> None:
    notebook = new_notebook(
        cells=[
            new_code_cell("x = 1", metadata={"tags": ["parameters"]}),
            new_code_cell("raise ValueError('the disk is gone')"),
            new_markdown_cell("## Never reached"),
        ]
    )
    nbformat.write(notebook, tmp_path / "n.ipynb")

    with pytest.raises(NotebookError):
        launch(tmp_path / "n.ipynb", {}, runs=tmp_path / "runs", job="x", echo=io.StringIO())

    (path,) = tmp_path.glob("runs/*/n.html")
    page = path.read_text(encoding="utf-8")
    assert_self_contained(page)
    assert "the disk is gone" in page
    assert "Never reached" in page
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", SHOW_FACES)
def test_cells_that_show_faces_are_tagged(name: str) -> None:
    cells = nbformat.read(notebook_path(name), as_version=4).cells

    tagged = {c.source for c in cells if FACES_TAG in c.metadata.get("tags", ())}

    assert tagged == SHOW_FACES[name]


def test_the_audit_of_a_job_is_a_page_without_faces(tmp_path: Path) -> None:
    make_event(tmp_path / "src", photos=10)
    workspace, pack = make_workspace(tmp_path, tmp_path / "src")
    sort_in_threads(workspace, pack)
    given = {"workspace": str(workspace.root), "runs": str(tmp_path / "runs"), "contact_sheet": 2}

    saved = launch("05_audit", given, runs=tmp_path / "runs", job="x", echo=io.StringIO())

    asked = saved.with_suffix(".html").read_text(encoding="utf-8")
    not_asked = save_page(saved, faces=False).read_text(encoding="utf-8")
    for page, pictures in ((asked, 3), (not_asked, 1)):  # the heat map is no face
        assert_self_contained(page)
        assert page.count("<img") == pictures
        assert "Person 1" in page
        assert "<svg" in page
    summary = json.loads(saved.with_name("summary.json").read_text())
    assert summary["state"] == "finished"
    assert summary["photos"]["total"] == 11
    assert summary["drops"]["photos"] == sum(summary["drops"]["reasons"].values())
    outputs = [
        output.output_type
        for each in nbformat.read(saved, as_version=4).cells
        for output in each.get("outputs", ())
    ]
    assert outputs == ["execute_result"] * 14  # one display per question


def test_the_audit_of_an_empty_workspace_says_so(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    workspace = set_up(tmp_path / "hot", [tmp_path / "src"], tmp_path / "out", "synthetic", [])[0]
    command = ["audit", "-w", str(workspace.root), "--runs", str(tmp_path / "runs")]

    done = CliRunner().invoke(cli, command)

    assert done.exit_code == 0, done.output
    assert "photos        0, 0 decided, 0 dropped" in done.stdout
    (page,) = tmp_path.glob("runs/*/05_audit.html")
    assert str(page) in done.stdout
    text = page.read_text(encoding="utf-8")
    assert_self_contained(text)
    assert "Nothing was sorted in this workspace yet" in text
    assert "There is no run to compare yet." in text


@pytest.mark.parametrize(("name", "option"), [("workspace", "-w"), ("runs", "--runs")])
def test_a_place_is_given_in_one_way(tmp_path: Path, name: str, option: str) -> None:
    (tmp_path / "src").mkdir()
    set_up(tmp_path / "hot", [tmp_path / "src"], tmp_path / "out", "synthetic", [])

    done = CliRunner().invoke(cli, ["audit", "-w", str(tmp_path / "hot"), "-p", name, "x"])

    assert done.exit_code == 2
    assert f"{name} is given with {option}, not with -p" in done.output
