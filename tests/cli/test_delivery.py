"""`rematch` and `export` as a user runs them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from synthetic_event import make_workspace, sort_in_threads, write_photo

from facesort.cli import cli
from facesort.engine.review import answers as review
from facesort.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A sorted event with a stranger whom a user then named."""
    write_photo(tmp_path / "source" / "a.png", [1], variation=40)
    for name, variation in (("b", 40), ("c", 50)):
        write_photo(tmp_path / "source" / f"{name}.png", [9], variation=variation)
    workspace, pack = make_workspace(tmp_path, tmp_path / "source")
    sort_in_threads(workspace, pack)
    with workspace.open_store() as store:
        face = store.value(
            "SELECT face_id FROM face JOIN photo_state USING (photo_id) WHERE path = 'b.png'"
        )
    review.name_faces(workspace, [face], "Nine")
    return workspace


def run(workspace: Workspace, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, [*arguments, "-w", str(workspace.root)])
    return done.exit_code, done.stdout


def test_rematch_says_what_came_and_what_waits(workspace: Workspace) -> None:
    source = workspace.settings.sources["card-1"]
    source.rename(source.with_name("away"))
    code, text = run(workspace, "rematch", "--json")
    told = json.loads(text)
    assert (code, told["not_rendered"], told["groups"]["decided_by"]) == (3, 2, "too_few")

    source.with_name("away").rename(source)
    code, text = run(workspace, "rematch")

    assert code == 0
    assert "2 files added" in text
    assert "wrong now" not in text
    assert re.search(r"^next: \S*facesort audit -w ", text, re.M)
    assert "the model pack's: too few people or faces to find one from the event" in text
    assert len(list((workspace.settings.output / "Nine").iterdir())) == 2


def test_export_lists_what_is_left_out(workspace: Workspace, tmp_path: Path) -> None:
    assert run(workspace, "rematch")[0] == 0

    code, text = run(workspace, "export", str(tmp_path / "new"), "--results", "csv", "--json")

    assert code == 0
    assert json.loads(text) == {
        "files": 3,
        "linked": 0,
        "left_out": {},
        "no_links": "",
        "not_rendered": 0,
        "unplugged": [],
        "gallery": "",
    }
    assert run(workspace, "export", str(tmp_path / "new"))[0] == 1  # it is finished


def test_export_says_which_source_to_plug_in(workspace: Workspace, tmp_path: Path) -> None:
    (lost,) = (workspace.settings.output / "Person 1").iterdir()
    lost.unlink()
    source = workspace.settings.sources["card-1"]
    (source / "a.png").rename(tmp_path / "a.png")
    command = ["export", "-w", str(workspace.root)]

    missing = CliRunner().invoke(cli, [*command, str(tmp_path / "missing")])
    source.rename(tmp_path / "away")
    unplugged = CliRunner().invoke(cli, [*command, str(tmp_path / "unplugged")])

    assert (missing.exit_code, unplugged.exit_code) == (3, 3)
    listed = tmp_path / "missing" / "_left_out.csv"
    assert f"1 photo could not be rendered: {listed} says which and why" in missing.stderr
    # the named photo of Nine was never delivered, so it needs the source too
    assert f"2 photos could not be rendered: plug in card-1 ({source}), and" in unplugged.stderr
    assert "render_changed" not in unplugged.output
    assert "     2 left out  missing" in unplugged.stdout
