"""A look at the sources without a sort."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from synthetic_event import make_workspace, sort_in_threads, write_photo

from facesort.cli import cli
from facesort.engine.job.progress import current_status
from facesort.engine.scan.intake import Intake
from facesort.engine.scan.rescan import rescan
from facesort.faces.protocol import ModelPack
from facesort.store.queries.tables import table
from facesort.workspace import Workspace


@pytest.fixture
def job(tmp_path: Path) -> tuple[Workspace, ModelPack]:
    for number in range(3):
        write_photo(tmp_path / "card" / f"{number}.bmp", [1], shade=100 + number)
    workspace, pack = make_workspace(tmp_path, tmp_path / "card")
    sort_in_threads(workspace, pack)
    return workspace, pack


def photos(workspace: Workspace) -> dict[str, int]:
    counted: dict[str, int] = current_status(workspace)["photos"]
    return counted


def test_a_change_without_a_sign_is_found_by_content_only(
    job: tuple[Workspace, ModelPack], tmp_path: Path
) -> None:
    workspace, pack = job
    path = tmp_path / "card" / "0.bmp"
    before = path.stat()
    write_photo(path, [2], shade=90)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size

    assert rescan(workspace) == Intake()
    assert rescan(workspace, everything=True) == Intake(new=1, replaced=1, checked=3)
    assert photos(workspace)["pending"] == 1
    sort_in_threads(workspace, pack)
    assert photos(workspace)["matched"] == photos(workspace)["total"] == 3
    assert list((tmp_path / "out" / "Person 2").iterdir())
    assert "superseded" in workspace.corrections.read_text(encoding="utf-8")
    assert rescan(workspace, everything=True) == Intake(checked=3)


@pytest.mark.parametrize("year", [1901, 2099, 2107, 2300])
def test_a_file_of_any_year_does_not_shut_the_workspace(
    job: tuple[Workspace, ModelPack], tmp_path: Path, year: int
) -> None:
    """FAT has years until 2107, and a camera whose battery was empty any of them."""
    workspace, pack = job
    time_ns = (year - 1970) * 31_556_952 * 10**9
    path = tmp_path / "card" / "0.bmp"
    write_photo(path, [2], shade=90)
    os.utime(path, ns=(time_ns, time_ns))
    sort_in_threads(workspace, pack)
    assert photos(workspace)["matched"] == photos(workspace)["total"] == 3
    with workspace.open_store(read_only=True) as store:
        assert len(table(store, "files").fetchall()) == 4
    assert rescan(workspace) == Intake()


def test_what_came_and_went_is_said(job: tuple[Workspace, ModelPack], tmp_path: Path) -> None:
    workspace, _ = job
    (tmp_path / "card" / "0.bmp").unlink()
    write_photo(tmp_path / "card" / "new.jpg", [2])
    for number in (1, 2):
        path = tmp_path / "card" / f"{number}.bmp"
        os.utime(path, ns=(0, path.stat().st_mtime_ns + 3600 * 10**9))

    said = CliRunner().invoke(cli, ["rescan", "-w", str(workspace.root)])

    assert said.exit_code == 0
    *lines, last = said.output.splitlines()
    assert lines == [
        "1 files to read, 0 of them in the place of another version; 1 gone, 0 back",
        "2 files are the same although their clock was shifted",
    ]
    assert last.endswith(f"facesort sort -w {workspace.root}")
    assert photos(workspace) | {"total": 3, "matched": 2, "pending": 1} == photos(workspace)


def test_a_card_is_known_by_files_that_were_gone(
    job: tuple[Workspace, ModelPack], tmp_path: Path
) -> None:
    workspace, _ = job
    card, away = tmp_path / "card", tmp_path / "away"
    card.rename(away)
    card.mkdir()
    (card / "copy.bmp").write_bytes((away / "2.bmp").read_bytes())
    assert rescan(workspace).gone == 3
    (card / "copy.bmp").unlink()
    card.rmdir()
    away.rename(card)
    found = rescan(workspace)
    assert (found.back, found.gone, found.new) == (3, 1, 0)
