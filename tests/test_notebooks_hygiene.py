"""The committed notebooks are thin, parameterised, and empty of outputs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
QUESTIONS = {"01_seed", "02_calibrate", "03_sort", "04_review", "05_audit"}
MAX_CODE_CELLS = 15

FORBIDDEN = {
    ast.FunctionDef: "def",
    ast.AsyncFunctionDef: "def",
    ast.ClassDef: "class",
    ast.Lambda: "lambda",
    ast.For: "loop",
    ast.AsyncFor: "loop",
    ast.While: "loop",
    ast.comprehension: "loop",
}
SQL = re.compile(r"\b(select\b.+\bfrom|insert\s+into|update\b.+\bset|delete\s+from)\b", re.I | re.S)
PATH = re.compile(r"^(~|\.{1,2}[/\\]|/|[A-Za-z]:[/\\])")


def is_parameters(cell: nbformat.NotebookNode) -> bool:
    return "parameters" in cell.metadata.get("tags", [])


def code_problems(source: str, *, paths_allowed: bool = False) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if type(node) in FORBIDDEN:
            yield FORBIDDEN[type(node)]
        if any(not name.startswith("facesort.lab.") for name in imported_of_facesort(node)):
            yield "import"
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if SQL.search(node.value):
                yield "SQL"
            if PATH.match(node.value) and not paths_allowed:
                yield "path"


def imported_of_facesort(node: ast.AST) -> list[str]:
    """What an import takes from the package; of that, notebooks use `facesort.lab` alone."""
    names = []
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        names = [f"{node.module}.{alias.name}" for alias in node.names]
    return [f"{name}." for name in names if name.partition(".")[0] == "facesort"]


def problems(notebook: nbformat.NotebookNode) -> Iterator[str]:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if len(code) > MAX_CODE_CELLS:
        yield f"{len(code)} code cells"
    tagged = [cell for cell in code if is_parameters(cell)]
    if len(tagged) != 1:
        yield f"{len(tagged)} parameters cells"
    for cell in code:
        if cell.outputs or cell.execution_count is not None:
            yield "output"
        yield from code_problems(cell.source, paths_allowed=is_parameters(cell))


def parameters(source: str = "workspace = './hot_storage'") -> nbformat.NotebookNode:
    return new_code_cell(source, metadata={"tags": ["parameters"]})


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([], ["0 parameters cells"]),
        ([parameters()], []),
        ([new_markdown_cell("for x in y"), parameters(), new_code_cell("show(workspace)")], []),
        ([parameters(), parameters()], ["2 parameters cells"]),
        ([new_code_cell("workspace = 1")], ["0 parameters cells"]),
        ([parameters(), *(new_code_cell("show()") for _ in range(15))], ["16 code cells"]),
        ([parameters(), new_code_cell("def f(): pass")], ["def"]),
        ([parameters(), new_code_cell("async def f(): pass")], ["def"]),
        ([parameters(), new_code_cell("class A: pass")], ["class"]),
        ([parameters(), new_code_cell("show(key=lambda x: x)")], ["lambda"]),
        ([parameters(), new_code_cell("for x in y:\n    show(x)")], ["loop"]),
        ([parameters(), new_code_cell("while True:\n    show()")], ["loop"]),
        ([parameters(), new_code_cell("show([x for x in y])")], ["loop"]),
        ([parameters(), new_code_cell("show('select *\\nfrom face')")], ["SQL"]),
        ([parameters(), new_code_cell("show('select persons')")], []),
        ([parameters(), new_code_cell("show('/media/disk')")], ["path"]),
        ([parameters(), new_code_cell("show('C:\\\\photos')")], ["path"]),
        ([parameters(), new_code_cell("show('faces/second')")], []),
        ([parameters(), new_code_cell("from facesort.lab import sort")], []),
        ([parameters(), new_code_cell("from facesort import lab")], []),
        ([parameters(), new_code_cell("import facesort")], ["import"]),
        ([parameters(), new_code_cell("import facesort.engine.rules as r")], ["import"]),
        ([parameters(), new_code_cell("from facesort.store import Store")], ["import"]),
        ([parameters(), new_code_cell("from facesort.labels import sort")], ["import"]),
        ([parameters(), new_code_cell("show()", execution_count=1)], ["output"]),
        ([parameters(), new_code_cell("show()", outputs=[new_output("stream")])], ["output"]),
    ],
)
def test_the_rules_find_what_they_forbid(
    cells: list[nbformat.NotebookNode], expected: list[str]
) -> None:
    assert list(problems(new_notebook(cells=cells))) == expected


@pytest.fixture
def committed() -> list[Path]:
    if not NOTEBOOKS:
        pytest.skip("there is no notebook yet")
    return NOTEBOOKS


def test_every_question_has_its_notebook(committed: list[Path]) -> None:
    assert {path.stem for path in committed} >= QUESTIONS


def test_notebooks_are_thin(committed: list[Path]) -> None:
    found = {path.name: list(problems(nbformat.read(path, as_version=4))) for path in committed}

    assert found == {path.name: [] for path in committed}


def test_notebooks_are_valid(committed: list[Path]) -> None:
    for path in committed:
        nbformat.validate(nbformat.read(path, as_version=4))


def test_notebooks_are_stripped(committed: list[Path]) -> None:
    command = [sys.executable, "-m", "nbstripout", "--verify", *map(str, committed)]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
