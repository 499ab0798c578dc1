"""Only `facesort/files/` deletes, moves or truncates; everybody else asks it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import facesort

PACKAGE = Path(facesort.__file__).parent
# Whatever it is called on: `path.unlink()`, `os.unlink(path)`, `from os import unlink`.
ANYWHERE = {"unlink", "rmtree", "rmdir", "removedirs", "truncate", "ftruncate"}
OF_MODULES = {("os", "remove"), ("os", "renames"), ("shutil", "move"), ("shutil", "copytree")}


def deletions(source: str) -> list[str]:
    """Names in a module's source that delete, move or truncate."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            if node.attr in ANYWHERE or (owner, node.attr) in OF_MODULES:
                found.append(f"{node.attr}, line {node.lineno}")
        elif isinstance(node, ast.ImportFrom):
            names = {alias.name for alias in node.names}
            of = {name for name in names if (node.module, name) in OF_MODULES}
            found += [f"{name}, line {node.lineno}" for name in (names & ANYWHERE) | of]
        elif isinstance(node, ast.Constant) and node.value in ANYWHERE:  # getattr(path, "unlink")
            found.append(f"{node.value}, line {node.lineno}")
    return found


def test_nothing_else_deletes() -> None:
    modules = {path.relative_to(PACKAGE).as_posix(): path for path in PACKAGE.rglob("*.py")}
    assert "files/own.py" in modules
    found = {
        name: deletions(path.read_text(encoding="utf-8"))
        for name, path in modules.items()
        if not name.startswith("files/")
    }
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "source",
    [
        "path.unlink()",
        "import os; os.remove(path)",
        "from os import remove",
        "from shutil import rmtree as tidy",
        "shutil.move(a, b)",
        "getattr(path, 'unlink')()",
        "folder.rmdir()",
    ],
)
def test_a_deletion_is_found(source: str) -> None:
    assert deletions(source)


def test_what_only_sounds_like_one_is_not() -> None:
    assert not deletions("names.remove(name); move(a); text = 'unlink it'")
