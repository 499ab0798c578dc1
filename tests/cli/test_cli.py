"""The command line: exit codes, messages, and that every command and option is documented."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from synthetic_event import tree, write_photo

from facesort.cli import cli
from facesort.cli.terminal import command, say_next_notebook
from facesort.engine.cluster.members import Member
from facesort.engine.job.progress import Progress
from facesort.lab.shared.notebooks import notebook_path
from facesort.store.queries import reports
from facesort.workspace import open_workspace


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(a) for a in arguments])


def commands(group: click.Group, prefix: str = "facesort") -> Iterator[tuple[str, click.Command]]:
    for name, found in group.commands.items():
        if isinstance(found, click.Group):
            yield from commands(found, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", found


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_photo(tmp_path / "source" / "a.jpg", [1])
    write_photo(tmp_path / "source" / "b.jpg", [1, 2], shade=90)
    return tmp_path / "source"


@pytest.fixture
def workspace(tmp_path: Path, source: Path) -> Path:
    root = tmp_path / "hot"
    done = run(
        "init", "-w", root, "--source", source, "--output", tmp_path / "out", "--pack", "synthetic"
    )
    assert done.exit_code == 0, done.output
    return root


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    write_photo(tmp_path / "one.png", [1], variation=30)
    return tmp_path / "one.png"


@pytest.mark.parametrize(("name", "command"), list(commands(cli)), ids=lambda value: str(value))
def test_every_command_has_help_and_is_in_the_reference(
    name: str, command: click.Command, checkout: Path
) -> None:
    text = (checkout / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
    rows = "\n".join(row for row in text.splitlines() if re.match(rf"\| .*`{name}[ `]", row))
    assert command.help
    assert rows, f"no row of the table is about {name}"
    for option in (p for p in command.params if isinstance(p, click.Option)):
        assert option.help, option.opts
        named = {o for o in option.opts if re.search(rf"(?<![\w-]){re.escape(o)}(?![\w-])", rows)}
        assert named or option.name == "root", f"the row of {name} lacks {option.opts}"


def test_the_options_of_all_commands_are_in_the_reference(checkout: Path) -> None:
    text = (checkout / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
    for option in (p for p in cli.params if isinstance(p, click.Option)):
        assert option.help, option.opts
        assert any(f"{o}`" in text or f"{o} " in text for o in option.opts), option.opts


def test_python_runs_the_package(checkout: Path) -> None:
    command = [sys.executable, "-m", "facesort", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("facesort, version ")


def test_the_workspace_may_stand_before_or_after_the_command(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = run("status", "-w", workspace).stdout
    monkeypatch.setenv("FACESORT_WORKSPACE", str(tmp_path / "elsewhere"))

    assert run("status").exit_code == 1, "from the environment"
    for arguments in (
        ("-w", workspace, "status"),
        ("--workspace", workspace, "status"),
        ("-w", workspace, "status", "-w", workspace),
        ("status", "-w", workspace),
    ):
        done = run(*arguments)
        assert (done.exit_code, done.stdout) == (0, expected)
    assert run("-w", workspace, "packs", "list").exit_code == 0


def test_two_different_workspaces_are_refused(workspace: Path, tmp_path: Path) -> None:
    done = run("-w", workspace, "status", "-w", tmp_path / "other")
    assert done.exit_code == 2
    assert f"{workspace} is given before the command and" in done.stderr
    assert "give one workspace" in done.stderr


@pytest.mark.parametrize("command", [("demo",), ("packs", "fetch", "buffalo_l")])
def test_a_workspace_for_a_command_that_uses_none_is_refused(
    workspace: Path, command: tuple[str, ...]
) -> None:
    done = run("-w", workspace, *command)
    assert done.exit_code == 2
    assert f"{command[0] if len(command) == 1 else 'fetch'} uses no workspace" in done.stderr


@pytest.mark.parametrize(
    ("before", "usual", "option"),
    [
        ((), {}, ""),
        (("-w", "my hot"), {}, " -w 'my hot'"),
        ((), {"FACESORT_WORKSPACE": "my hot"}, ""),
        (("-w", "hot_storage"), {"FACESORT_WORKSPACE": "my hot"}, " -w hot_storage"),
    ],
)
def test_init_ends_with_the_next_command_as_it_can_be_copied(
    before: tuple[str, ...],
    usual: dict[str, str],
    option: str,
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    for name, value in usual.items():
        monkeypatch.setenv(name, value)

    done = run(*before, "init", "--source", source, "--output", "out", "--pack", "synthetic")

    *_, last = done.stdout.splitlines()
    assert last.partition("  # ")[0] == f"next: facesort seed NAME PHOTO...{option}"


def test_the_next_notebook_is_told_a_workspace_that_it_would_not_find(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Notebooks look beside them and one folder above: in the folder of the checkout."""
    for folder, hint in (
        (tmp_path, f'workspace = "{tmp_path / "hot_storage"}" in 04_review'),
        (notebook_path("04_review").parent.parent, "04_review"),
    ):
        monkeypatch.chdir(folder)
        say_next_notebook(Path("hot_storage"), "04_review")
        assert capsys.readouterr().out.endswith(f"  # {hint}\n")


def test_the_next_command_is_found_where_the_environment_is_not_active(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")

    assert shlex.split(command(workspace, "sort")) == [
        *(str(Path(sys.executable).with_name("facesort")), "sort", "-w", str(workspace))
    ]


def test_workers_are_given_once(workspace: Path, reference: Path, tmp_path: Path) -> None:
    assert run("seed", "-w", workspace, "Ada", reference).exit_code == 0

    done = run("sort", "-w", workspace, "--runs", tmp_path, "--workers", "2", "-p", "workers", "4")

    assert done.exit_code == 2
    assert "workers is given with --workers, not with -p" in done.stderr
    assert not tree(tmp_path / "out")


def test_a_whole_job(workspace: Path, reference: Path, tmp_path: Path) -> None:
    assert run("seed", "-w", workspace, "Ada", reference).exit_code == 0
    assert json.loads(run("persons", "-w", workspace, "--json").stdout) == [
        {"name": "Ada", "folder": "Ada", "references": 1, "learned": 0, "deliver": True}
    ]

    done = run("sort", "-w", workspace, "--runs", tmp_path / "runs", "--workers", "1")

    assert done.exit_code == 0, done.output
    assert "ran on        the synthetic engine (CPU)" in done.stdout
    assert "2 files = 0 pending + 2 matched" in done.stdout
    assert len(tree(tmp_path / "out")) == 2
    *_, last = done.stdout.splitlines()
    assert re.search(rf'^next: .* lab  # workspace = "{workspace}" in 04_review$', last)
    (run_folder,) = (tmp_path / "runs").iterdir()
    assert {"03_sort.ipynb", "summary.json"} <= {path.name for path in run_folder.iterdir()}
    assert json.loads((run_folder / "summary.json").read_text())["photos"]["matched"] == 2
    status = json.loads(run("status", "-w", workspace, "--json").stdout)
    assert status["state"] == "finished"
    assert status["persons"] == {"Ada": 2}
    verified = run("verify", "-w", workspace, "--json")
    assert verified.exit_code == 0
    assert json.loads(verified.stdout) == {
        "verified": 2, "missing": [], "changed": [], "unreadable": {}, "removed": [],
        "derivatives": {"verified": 0, "wrong": []},
    }  # fmt: skip


def test_watching_shows_how_the_folders_of_persons_fill(
    workspace: Path, reference: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("seed", "-w", workspace, "Ada {x}", reference).exit_code == 0
    opened, terminal = open_workspace(workspace), Terminal()
    with opened.open_store() as store:  # as a sort does
        progress = Progress(opened.state, reports.counts(store), 1, lambda: [Member("office-1", 2)])
        progress.write("running")

        def pause(_: float) -> None:
            files = progress.counts.persons["Ada {x}"]
            progress.batch_committed(files, ["Ada {x}"])
            progress.write("running" if files < 2 else "finished")

        monkeypatch.setattr(time, "sleep", pause)
        monkeypatch.setattr(sys, "stderr", terminal)
        cli.main(["status", "--watch", "-w", str(workspace)], standalone_mode=False)

    bars = re.findall(r"Ada \{x\} [^\r\n]* (\d+)", terminal.getvalue())
    assert sorted(set(bars)) == ["0", "1", "2"]
    assert "office-1: 2 processes" in terminal.getvalue()


def test_a_status_shows_the_workers_of_a_cluster_and_who_was_refused(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_workspace(workspace)
    members = [
        Member("office-1 (10.0.0.1)", processes=8, photos=1203, images_per_second=7.9),
        Member("office-2 (10.0.0.2)", processes=1, left=True),
        Member("office-3\x1b[31m (10.0.0.3)", refused="it has another model pack"),
    ]
    with opened.open_store() as store:  # as a sort does
        progress = Progress(opened.state, reports.counts(store), run_id=1, workers=lambda: members)
        progress.write("running")
        shown = json.loads(run("status", "-w", workspace, "--json").stdout)
        monkeypatch.setattr(time, "sleep", lambda _: progress.write("finished"))
        done = run("status", "-w", workspace, "--watch")

    assert shown["workers"] == [asdict(member) for member in members]
    said = [
        "office-1 (10.0.0.1): 8 processes, 1,203 photos, 7.9 images/s",
        "office-2 (10.0.0.2): 1 process, has left",
        r"office-3\x1b[31m (10.0.0.3) was refused: it has another model pack",
    ]
    assert [line[14:] for line in done.stdout.splitlines() if line.startswith("worker ")] == said


def test_some_photos_failed_is_exit_code_3(
    workspace: Path, reference: Path, source: Path, tmp_path: Path
) -> None:
    (source / "broken.jpg").write_bytes(b"not a photo")
    assert run("seed", "-w", workspace, "Ada", reference).exit_code == 0

    done = run("sort", "-w", workspace, "--runs", tmp_path / "runs")

    assert done.exit_code == 3, done.output
    assert "1 failed: the run notebook says which and why\n" in done.stdout
    assert re.search(r"^next: \S*facesort retry -w ", done.stdout, re.M)
    assert "1 failed" in done.stdout
    assert "1 photos wait" in run("retry", "-w", workspace).stdout


def too_deep(folder: Path) -> None:
    """Folders in each other until a path is too long for the system: not even root can list it."""
    handle = os.open(folder, os.O_RDONLY)
    for _ in range(18):
        os.mkdir("d" * 250, dir_fd=handle)
        handle, outer = os.open("d" * 250, os.O_RDONLY, dir_fd=handle), handle
        os.close(outer)
    os.close(handle)


@pytest.mark.skipif(sys.platform == "win32", reason="folders are made by their parent's handle")
def test_a_folder_that_cannot_be_read_is_exit_code_3_until_it_can(
    workspace: Path, reference: Path, source: Path, tmp_path: Path
) -> None:
    too_deep(source)
    (source / "notes.txt").write_text("no photo")
    assert run("seed", "-w", workspace, "Ada", reference).exit_code == 0

    done = run("sort", "-w", workspace, "--runs", tmp_path / "runs")
    shutil.rmtree(source / ("d" * 250))
    again = run("sort", "-w", workspace, "--runs", tmp_path / "runs")

    assert done.exit_code == 3, done.output
    assert "2 files = 0 pending + 2 matched" in done.stdout
    assert "left out      1 other, 1 unreadable" in done.stdout
    assert "1 folder or file of the source could not be read, and may contain photos" in done.stdout
    assert again.exit_code == 0, again.output
    assert "could not be read" not in again.stdout
    status = json.loads(run("status", "-w", workspace, "--json").stdout)
    assert status["skipped"] == {"other": 1}


def test_a_misspelt_parameter_is_refused(workspace: Path, reference: Path, tmp_path: Path) -> None:
    run("seed", "-w", workspace, "Ada", reference)

    done = run("sort", "-w", workspace, "-p", "losse", "0.9", "--runs", tmp_path / "runs")

    assert done.exit_code == 1
    assert "losse" in done.output
    assert "loose" in done.output


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["status"], 1, "is not a workspace: make one with"),
        (["sort"], 1, "is not a workspace"),
        (["seed", "Ada", __file__], 1, "is not a workspace"),
        (["init"], 2, "--source"),
        (["init", "--source", "nowhere", "--output", "out", "--pack", "dlib"], 1, "not a folder"),
        (["init", "--source", ".", "--output", "./out", "--pack", "dlib"], 1, "lies inside"),
        (["init", "--source", ".", "--output", "o", "--pack", "buffalo_x"], 1, "buffalo_x"),
        (["init", "--source", ".", "--output", "o", "--pack", "x" * 300], 1, "no model pack"),
        (["init", "--source", ".", "--output", "o", "--pack", "~no.one/x"], 1, "no model pack"),
        (["init", "--source", "x" * 300, "--output", "o", "--pack", "dlib"], 1, "not a folder"),
        (["frobnicate"], 2, "No such command"),
    ],
)
def test_wrong_use_gets_a_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)

    done = run(*arguments)

    assert done.exit_code == code, done.output
    assert sentence in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["seed"], 2, "give NAME and at least one photo"),
        (["seed", "Ada"], 2, "give NAME and at least one photo"),
        (["seed", "Ada", "nowhere.jpg"], 2, "nowhere.jpg"),
        (
            ["seed", "Ada", __file__, __file__, "--face", "2"],
            2,
            "--face is the number of a face in one",
        ),
        (["seed", "x" * 300, __file__], 1, "no reference was added"),
        (["seed", "--from", "nowhere"], 1, "not a folder"),
        (["sort"], 1, "nobody is in the gallery"),
    ],
)
def test_wrong_use_of_a_workspace(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, sentence: str
) -> None:
    monkeypatch.chdir(workspace.parent)

    done = run(arguments[0], "-w", workspace, *arguments[1:])

    assert done.exit_code == code, done.output
    assert sentence in done.stderr
    assert not (workspace.parent / "runs").exists()  # nothing was started


def test_refused_references_are_reported_one_by_one(workspace: Path, tmp_path: Path) -> None:
    people = tmp_path / "people"
    write_photo(people / "Ada" / "good.png", [1])
    write_photo(people / "Ada" / "group.png", [1, 2])
    write_photo(people / "Ben" / "nobody.png", [])
    (people / "Ben" / "notes.txt").write_text("not a photo")

    done = run("seed", "-w", workspace, "--from", people)

    assert done.exit_code == 0
    *lines, last = done.stdout.splitlines()
    assert re.fullmatch(rf"next: \S*facesort sort -w {re.escape(str(workspace))}", last)
    assert lines == [
        "added    Ada: good.png",
        "refused  Ada: group.png: several_faces: 2 faces were found; choose one by its number "
        "from the left (in the photo, or with --face), or crop the photo",
        "refused  Ben: nobody.png: no_face: no face was found; use a photo with a larger or more frontal face",
    ]
    assert "1 added, 2 refused\nnothing was added for Ben\n" in done.stderr
    assert [p["name"] for p in json.loads(run("persons", "-w", workspace, "--json").stdout)] == [
        "Ada"
    ]


def persons_in(workspace: Path) -> list[str]:
    return [p["name"] for p in json.loads(run("persons", "-w", workspace, "--json").stdout)]


@pytest.mark.skipif(sys.platform == "win32", reason="no name ends with a blank")
def test_only_the_folders_of_persons_are_seeded_and_what_is_left_out_is_named(
    workspace: Path, tmp_path: Path
) -> None:
    people = tmp_path / "people"
    write_photo(people / "Ada" / "a.png", [1])
    for place in ("@eaDir/a.png", "Ben/2019/b.png", "loose.png", ".thumbnails/c.png", "Ben /b.png"):
        write_photo(people / place, [2])

    done = run("seed", "-w", workspace, "--from", people)

    assert (done.exit_code, done.stdout.splitlines()[:-1]) == (0, ["added    Ada: a.png"])
    lines = [line for line in done.stderr.splitlines() if line.startswith("left out")]
    assert [line.partition(": ")[0] for line in lines] == [
        "left out 1 photo ('Ben/2019/b.png')",
        "left out 1 photo ('loose.png')",
        "left out 1 photo ('Ben /b.png')",
        "left out 1 hidden file or folder ('.thumbnails')",
        "left out 1 file or folder ('@eaDir')",
    ]
    assert persons_in(workspace) == ["Ada"]


@pytest.mark.skipif(sys.platform == "win32", reason="no name ends with a blank")
def test_a_folder_with_nobody_who_can_be_seeded_is_an_error_that_says_why(
    workspace: Path, tmp_path: Path
) -> None:
    people = tmp_path / "people"
    for place in ("@eaDir/a.png", "Ben /y.png", "Ben/2019/x.png", "loose.png", "a\x1b[31m/2/b.png"):
        write_photo(people / place, [1])

    done = run("seed", "-w", workspace, "--from", people)

    assert (done.exit_code, done.stdout) == (1, "")
    for said in ("'@eaDir'", "'Ben /y.png'", "Ben/2019/x.png", "'loose.png'", "a\\x1b[31m/2/b.png"):
        assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert persons_in(workspace) == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs folders that differ by case, and links")
def test_folders_that_leave_doubt_enrol_nobody_and_photos_by_content_are_taken(
    workspace: Path, tmp_path: Path
) -> None:
    people = tmp_path / "people"
    write_photo(people / "Ada" / "a.png", [1])
    (people / "Ada" / "a.png").rename(people / "Ada" / "a.jpeg_large")
    write_photo(people / "Ben" / "b.png", [2])
    write_photo(people / "BEN" / "b.png", [3])
    (people / "Finn").symlink_to(people / "BEN")
    write_photo(tmp_path / "outside" / "o.png", [4])
    (people / "Gus").symlink_to(tmp_path / "outside")

    done = run("seed", "-w", workspace, "--from", people)

    assert (done.exit_code, done.stdout.splitlines()[:-1]) == (0, ["added    Ada: a.jpeg_large"])
    assert "left out 2 photos ('BEN = Ben'): same_person: " in done.stderr
    assert "left out 1 link ('Finn'): other_name: " in done.stderr
    assert "left out 1 link ('Gus'): symbolic_link: " in done.stderr
    assert persons_in(workspace) == ["Ada"]


def test_only_refused_references_is_an_error(workspace: Path, tmp_path: Path) -> None:
    write_photo(tmp_path / "nobody.png", [])

    done = run("seed", "-w", workspace, "Ada", tmp_path / "nobody.png")

    assert done.exit_code == 1
    assert "no reference was added" in done.stderr


def test_folders_that_differ_by_case_only_are_refused(
    workspace: Path, reference: Path, tmp_path: Path
) -> None:
    write_photo(tmp_path / "two.png", [2], variation=30)
    run("seed", "-w", workspace, "Ada", reference)

    done = run("seed", "-w", workspace, "ADA", tmp_path / "two.png")

    assert done.exit_code == 1
    assert "folder_taken" in done.stdout
    assert "is taken by 'Ada'" in done.stdout


def test_settings_with_a_typo(workspace: Path) -> None:
    settings = workspace / "facesort.toml"
    settings.write_text(settings.read_text() + "\n[matchin]\nlose = 1\n")

    done = run("status", "-w", workspace)

    assert done.exit_code == 1
    assert "matchin" in done.stderr


def test_packs_and_doctor() -> None:
    assert "synthetic" in run("packs", "list").stdout
    assert "duckdb" in run("doctor").stdout
