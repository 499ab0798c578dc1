"""Whatever the umask, nobody else reads what is in a workspace, a run or a backup; what is delivered is as it says."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest
from mortals import Mortal
from synthetic_event import make_event, write_photo
from torture.campaign import WHOLE, Ledger

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="umask and fork")

FIGURE = "files whose permissions were looked at"
OTHERS = stat.S_IRWXG | stat.S_IRWXO


@pytest.fixture
def event(tmp_path: Path) -> Path:
    """Photos, and a folder of references."""
    make_event(tmp_path / "source", 20)
    for identity in range(1, 5):
        for variation in (30, 45, 60):
            reference = tmp_path / "references" / f"Person {identity}" / f"{variation}.png"
            write_photo(reference, [identity], variation=variation)
    return tmp_path


def commands(folder: Path, *, notebooks: bool) -> list[list[str]]:
    """What a user does, from the first command to the last."""
    source, output, runs = (str(folder / name) for name in ("source", "out", "runs"))
    sort = ["sort", "--workers", "1", "--runs", runs, "-p", "contact_sheet", "6"]
    calibrate = ["calibrate", "--apply", "--runs", runs]
    audit = ["audit", "--runs", runs]
    return [
        ["init", "--source", source, "--output", output, "--pack", "synthetic"],
        ["seed", "--from", str(folder / "references")],
        sort if notebooks else [],
        *([calibrate, audit] if notebooks and WHOLE else []),
        ["rematch"],
        ["deliver", "Person 4", "--no"],
        ["undo"],
        ["export", str(folder / "export"), "--xmp", "--results", "csv"],
        ["backup", str(folder / "backup.zip")],
        ["forget", "Person 3", "--yes", "--runs", runs],
    ]


def private(path: Path, top: Path) -> bool:
    """Whether others are kept out of a file: by itself, or by a folder it is in."""
    way = [path, *(folder for folder in path.parents if folder.is_relative_to(top))]
    return any(not place.stat().st_mode & OTHERS for place in way)


@pytest.mark.parametrize(
    ("umask", "notebooks"), [(0o000, True), (0o077, WHOLE), (0o022, WHOLE), (0o777, WHOLE)]
)
def test_nobody_else_reads_a_workspace_or_a_run(
    umask: int, notebooks: bool, event: Path, mortal: Mortal, ledger: Ledger
) -> None:
    root = event / "hot"
    says = event / "says"
    for command in commands(event, notebooks=notebooks):
        order = {"command": [*command, "-w", str(root)]} if command else {"do": "sort"}
        ended = mortal.act(root, **order, umask=umask, says=str(says))
        assert ended in {0, 3}, (command, says.read_text())
        says.unlink()  # made under this umask
        for path in [*root.rglob("*"), *event.glob("runs/*"), *event.glob("runs/*/*")]:
            top = root if path.is_relative_to(root) else event / "runs"
            ledger.count(FIGURE)
            assert private(path, top), path
            if path.is_file():
                mode = path.stat().st_mode & OTHERS
                assert not mode, f"{path} is {oct(mode)} after {command}"

    assert (event / "backup.zip").stat().st_mode & 0o777 == 0o600 & ~umask
    for folder in ("out", "export"):
        delivered = [*(event / folder).rglob("*")]
        assert len(delivered) > 10
        for path in delivered:
            whole = 0o777 if path.is_dir() else 0o666
            wanted = {whole & ~umask}
            if notebooks:  # a kernel works for its owner, whatever the umask
                wanted.add(whole & ~(umask & OTHERS))
            ledger.count(FIGURE)
            assert path.stat().st_mode & 0o777 in wanted, path


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities")
def test_a_umask_that_forbids_everything_is_told(
    event: Path, mortal: Mortal, ledger: Ledger
) -> None:
    """Somebody for whom permissions count, and whose umask keeps out even themselves."""
    says = event / "says"
    for command in commands(event, notebooks=False)[:2]:
        order = {"command": [*command, "-w", str(event / "hot")], "permissions count": True}
        ended = mortal.act(event / "hot", **order, umask=0o777, says=str(says))
        words = says.read_text()
        says.unlink()  # made under this umask
        assert ended in {0, 1, 2}, words
        assert ended == 0 or "Error: " in words, words
        assert "Traceback" not in words
        ledger.note(f"{command[0]} under umask 0777: {words.strip()[:160]!r}")
