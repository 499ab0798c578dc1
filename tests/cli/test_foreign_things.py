"""A pipe, a link or a folder where a workspace has its files: no command waits for it, and each says what is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from foreign_things import KINDS, World, patience, snapshot, throw

from facesort.cli import cli

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links and pipes of POSIX")

VERBS = [
    ["status"],
    ["status", "--json"],
    ["persons"],
    ["verify"],
    ["retry"],
    ["history"],
    ["undo"],
    ["deliver", "Person 1", "--no"],
    ["forget", "Person 1", "--yes"],
    ["forget", "--strangers", "--yes"],
    ["export", "{root}/exported"],
    ["backup", "{root}/saved"],
    ["seed", "Person 9", "{root}/source/card-0/b.png"],
    ["doctor"],
]
# They start processes.
SLOW = [["rematch"], ["verify", "--repair"], ["sort"], ["calibrate"]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World.of(tmp_path_factory.mktemp("world"))


@pytest.fixture
def root(world: World, tmp_path: Path) -> Path:
    world.copy("sorted", tmp_path)
    return tmp_path


def run(root: Path, words: list[str]) -> Result:
    arguments = [word.replace("{root}", str(root)) for word in words]
    with patience(60):
        return CliRunner().invoke(cli, ["-w", str(root / "hot"), *arguments])


def refused(result: Result) -> bool:
    return result.exit_code == 1 and isinstance(result.exception, SystemExit)


@pytest.mark.parametrize(
    "kind", ["pipe", "link to a file", "link that loops", "folder", "JSON without an end"]
)
def test_settings_that_are_no_file_are_refused(root: Path, kind: str) -> None:
    throw(root, root / "hot" / "facesort.toml", kind)
    before = snapshot(root)
    for words in (*VERBS[:-1], *SLOW):
        result = run(root, words)
        assert refused(result), (words, result.output, result.exception)
        assert str(root / "hot" / "facesort.toml") in result.output
    assert refused(run(root, ["init", "--source", f"{root}/source", "--output", f"{root}/out"]))
    assert snapshot(root) == before


@pytest.mark.parametrize(
    "name", ["state/progress.json", "state/owner.json", "backups.json", "corrections.csv"]
)
def test_no_command_waits_for_a_pipe(root: Path, name: str) -> None:
    for words in VERBS:
        throw(root, root / "hot" / name, "pipe")
        result = run(root, words)
        assert result.exit_code in {0, 1, 3}, (words, result.output)
        explained = result.exception is None or isinstance(result.exception, SystemExit)
        assert explained, (words, result.output, result.exception)


@pytest.mark.parametrize("kind", KINDS)
def test_a_status_is_shown_whatever_lies_where_progress_is(root: Path, kind: str) -> None:
    throw(root, root / "hot" / "state" / "progress.json", kind)
    result = run(root, ["status"])
    assert result.exit_code == 0, result.output
    assert "files = " in result.output
