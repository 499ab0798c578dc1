"""`verify`, `verify --repair` and `verify --accept-output` as a user runs them."""

from __future__ import annotations

import json
import shutil

import pytest
from click.testing import CliRunner, Result
from synthetic_event import make_workspace, sort_in_threads, write_photo

from facesort.cli import cli
from facesort.workspace import Workspace


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A sorted event of three photos and four copies."""
    root = tmp_path_factory.mktemp("event")
    for number, people in enumerate(([1, 2], [1], [3])):
        write_photo(root / "source" / f"{number}.png", people, variation=40, shade=100 + number)
    workspace, pack = make_workspace(root, root / "source")
    sort_in_threads(workspace, pack)
    return workspace


@pytest.fixture
def workspace(prepared: Workspace) -> Workspace:
    """The event, with its output as it was."""
    output = prepared.settings.output
    kept = output.with_name("kept")
    if kept.exists():
        shutil.rmtree(output)
        shutil.copytree(kept, output)
    else:
        shutil.copytree(output, kept)
    return prepared


def verify(workspace: Workspace, *options: object) -> Result:
    arguments = ["verify", "-w", workspace.root, *options]
    done = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def test_all_is_there(workspace: Workspace) -> None:
    done = verify(workspace)
    assert done.exit_code == 0
    assert done.stdout == "4 files verified, 0 missing, 0 changed, 0 unreadable\n"


def test_what_is_missing_is_listed_and_the_repair_named_and_done(workspace: Workspace) -> None:
    lost = next((workspace.settings.output / "Person 1").glob("0_*.jpg"))
    lost.unlink()

    done = verify(workspace)
    assert done.exit_code == 1
    assert f"missing  Person 1/{lost.name}\n" in done.stdout
    assert "`facesort verify --repair` writes again what is missing" in done.stderr

    repaired = verify(workspace, "--repair")
    assert repaired.exit_code == 0
    assert repaired.stdout == (
        "4 files verified, 0 missing, 0 changed, 0 unreadable\n"
        "1 were missing and have been written again\n"
    )
    report = json.loads(verify(workspace, "--repair", "--json").stdout)
    assert (report["verified"], report["repaired"], report["failed"]) == (4, [], {})


def test_what_a_repair_cannot_do_is_exit_code_3_and_says_what_to_do(workspace: Workspace) -> None:
    output, source = workspace.settings.output, workspace.settings.sources["card-1"]
    (lost,) = output.glob("*/1_*.jpg")
    lost.unlink()
    (changed,) = output.glob("*/2_*.jpg")
    changed.write_bytes(b"edited")
    source.rename(source.with_name("away"))

    done = verify(workspace, "--repair")
    report = json.loads(verify(workspace, "--repair", "--json").stdout)
    source.with_name("away").rename(source)

    assert done.exit_code == 3
    assert f"missing  Person 1/{lost.name}  (the source {source} is not there)\n" in done.stdout
    assert f"changed  Person 3/{changed.name}\n" in done.stdout
    assert "plug in the source" in done.stderr
    assert "never replaced: look at it, move it out of the output" in done.stderr
    assert report["missing"] == list(report["failed"]) == [f"Person 1/{lost.name}"]
    assert report["changed"] == [f"Person 3/{changed.name}"]


def test_one_that_cannot_be_read_is_one_row(workspace: Workspace) -> None:
    (path,) = workspace.settings.output.glob("*/1_*.jpg")
    path.unlink()
    path.mkdir()

    done = verify(workspace)

    assert done.exit_code == 1
    assert "3 files verified, 0 missing, 0 changed, 1 unreadable" in done.stdout
    assert f"unreadable  Person 1/{path.name}  (is a folder, where" in done.stdout
    report = json.loads(verify(workspace, "--json").stdout)
    assert list(report["unreadable"]) == [f"Person 1/{path.name}"]


def test_another_folder_is_told_from_missing_files_and_accepted(workspace: Workspace) -> None:
    output = workspace.settings.output
    moved, empty = output.with_name("moved"), output.with_name("empty")
    output.rename(moved)
    empty.mkdir()

    lost = verify(workspace)
    assert lost.exit_code == 1
    assert "holds none of the files" in lost.stderr
    assert "--accept-output DIR" in lost.stderr
    refused = verify(workspace, "--repair")
    assert (refused.exit_code, output.exists()) == (1, False)
    assert verify(workspace, "--accept-output", output).exit_code == 1

    accepted = verify(workspace, "--accept-output", empty)
    assert accepted.exit_code == 3
    assert f"0 files verified, 4 missing, 0 changed, 0 unreadable\nthe output is now {empty}" in (
        accepted.stdout
    )
    filled = verify(workspace, "--accept-output", empty, "--repair", "--json")
    assert filled.exit_code == 0
    assert json.loads(filled.stdout)["verified"] == len(json.loads(filled.stdout)["repaired"]) == 4
    back = verify(workspace, "--accept-output", moved)
    assert (back.exit_code, verify(workspace).exit_code) == (0, 0)
    moved.rename(output)
    assert verify(workspace, "--accept-output", output).exit_code == 0
