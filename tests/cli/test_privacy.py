"""`forget`, `deliver`, `backup` and `restore` as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from private_event import sorted_event

from facesort.cli import cli
from facesort.settings import load_settings


def run(*arguments: str | Path, answer: str = "") -> Result:
    return CliRunner().invoke(cli, [str(a) for a in arguments], input=answer)


@pytest.fixture(scope="module")
def backed_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("typed")
    root = sorted_event(folder)[0].root
    done = run("backup", "-w", root, folder / "saved")
    assert done.exit_code == 0, done.output
    assert "biometric data" in done.stdout
    return folder / "saved"


@pytest.fixture
def root(backed_up: Path, tmp_path: Path) -> Path:
    done = run("restore", backed_up, "-w", tmp_path / "hot")
    assert done.exit_code == 0, done.output
    assert "biometric data" in done.stdout
    return tmp_path / "hot"


def persons(root: Path) -> list[str]:
    return [p["name"] for p in json.loads(run("persons", "-w", root, "--json").stdout)]


def test_forget_asks_first_and_says_what_is_left(root: Path) -> None:
    asked = run("forget", "-w", root, "Ada", answer="n\n")
    assert asked.exit_code == 1
    assert (
        "Ada: 1 reference, 4 learned and 4 found faces in 4 photos will be erased" in asked.output
    )
    assert persons(root) == ["Ada", "Ben", "Cleo"]

    done = run("forget", "-w", root, "Ada", answer="y\n")

    assert done.exit_code == 0, done.output
    assert "4 face" in done.stdout
    assert "     4 files" in done.stdout
    assert "backups" in done.stdout
    assert "saved runs in other folders: --runs" in done.stdout
    assert persons(root) == ["Ben", "Cleo"]


def test_forget_can_be_told_to_say_everything_and_not_to_ask(root: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    (runs / "one").mkdir(parents=True)
    (runs / "one" / "summary.json").write_text(
        json.dumps({"notebook": "03_sort", "parameters": {"workspace": str(root)}}),
        encoding="utf-8",
    )
    (runs / "two").mkdir()
    (runs / "two" / "summary.json").mkdir()

    done = run("forget", "-w", root, "--strangers", "--yes", "--json", "--runs", runs)

    report = json.loads(done.stdout)
    assert report["rows"]["face"] == 2
    assert report["left"]["runs"] == [str(runs / "one")]
    assert report["left"]["unreadable_runs"] == [str(runs / "two")]
    assert (report["left"]["unfinished_runs"], report["left"]["runs_of_other_workspaces"]) == (
        [],
        0,
    )
    assert [file.split("/")[0] for file in report["left"]["elsewhere"]] == ["Ben"]


def test_forget_names_runs_that_were_killed_and_counts_those_of_a_moved_workspace(
    root: Path, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    killed = runs / "20260102T030405Z-card"
    killed.mkdir(parents=True)
    (killed / "03_sort.ipynb").write_text("{}", encoding="utf-8")
    (runs / "holiday").mkdir()
    (runs / "moved").mkdir()
    (runs / "moved" / "summary.json").write_text(
        json.dumps({"notebook": "03_sort", "parameters": {"workspace": str(tmp_path / "old")}}),
        encoding="utf-8",
    )

    done = run("forget", "-w", root, "Ada", "--yes", "--runs", runs)

    assert done.exit_code == 0, done.output
    assert f"{killed}  a run that was interrupted" in done.stdout
    assert (
        "     1 saved runs of other workspaces, or of this one before it was moved" in done.stdout
    )
    assert "holiday" not in done.stdout


def test_no_database_is_restored_into_the_output_or_the_source(
    backed_up: Path, root: Path, tmp_path: Path
) -> None:
    settings = load_settings(root / "facesort.toml")
    for place in (settings.output, settings.sources["card-1"]):
        before = sorted(place.rglob("*"))
        done = run("restore", backed_up, "-w", place / "inner" / "new")
        assert done.exit_code == 1, done.output
        assert "sources, output and workspace must be separate folders" in done.output
        assert [path for path in sorted(place.rglob("*")) if path not in before] in (
            [],
            [place / "inner"],
        )


@pytest.mark.parametrize("arguments", [[], ["Ada", "--strangers"]])
def test_forget_takes_a_name_or_strangers(root: Path, arguments: list[str]) -> None:
    assert run("forget", "-w", root, *arguments).exit_code == 2


def test_somebody_who_is_not_delivered_is_marked(root: Path) -> None:
    assert run("deliver", "-w", root, "Ada", "--no").exit_code == 0
    assert "Ada  ->  Ada/  (1 reference, 4 learned)  WITHHELD" in run("persons", "-w", root).stdout

    assert run("deliver", "-w", root, "Ada").exit_code == 0
    assert "WITHHELD" not in run("persons", "-w", root).stdout
    assert run("deliver", "-w", root, "Zoe").exit_code == 1


def test_a_broken_workspace_says_what_to_do(root: Path) -> None:
    (root / "facesort.duckdb").write_bytes(b"x" * 5000)

    done = run("persons", "-w", root)

    assert done.exit_code == 1
    assert "facesort restore BACKUP -w NEW" in done.output
