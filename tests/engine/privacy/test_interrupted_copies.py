"""A backup or a restore that is killed leaves nothing with biometric data that no command knows of."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from private_event import copy_of, faces_of, needles, seen

from facesort.doctor import State, examine
from facesort.engine.privacy import known_backups
from facesort.engine.privacy.backup import backup
from facesort.engine.privacy.forget import forget
from facesort.engine.privacy.restore import restore
from facesort.errors import WorkspaceBusyError, WorkspaceError
from facesort.workspace import RESTORING, Workspace, create_workspace, open_workspace

UNFINISHED = "facesort-backup-" + "0" * 32 + ".unfinished"
every_operation = pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 4])
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")


@pytest.fixture
def workspace(private_job: Path, tmp_path: Path) -> Workspace:
    return copy_of(private_job, tmp_path)[0]


def killed(verb: str, given: Path, folder: Path, step: int) -> list[Path]:
    """What is left of attempts that were killed before one operation each; the last was not killed."""
    folder.mkdir()
    script = Path(__file__).with_name("killed_copies.py")
    done = subprocess.run(
        [sys.executable, script, verb, given, folder, str(step)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return sorted(folder.iterdir())


def unfinished(workspace: Workspace, folder: Path) -> Path:
    """An archive as a killed backup leaves it."""
    path = known_backups.start(workspace.root, folder / "saved", "2026-05-04T00:00:00+00:00")
    path.write_bytes(b"half an archive")
    return path


@posix
@every_operation
def test_a_backup_that_was_killed_is_found_by_the_next_command(
    workspace: Workspace, tmp_path: Path, step: int
) -> None:
    ends = set()
    for place in killed("backup", workspace.root, tmp_path / "killed", step):
        hot = open_workspace(place / "hot")
        left = {path.name for path in place.iterdir()} - {"hot"}
        known = {found.path.name for found in known_backups.remaining(hot.root)}
        assert left == known, place
        ends |= {name.rpartition(".")[2] for name in left}
        if len(ends) % 2:
            forget(hot, "Ada")
        else:
            backup(hot, place / "again")
        assert not list(place.glob("*.unfinished"))
        if left == {"saved"}:
            restore(place / "saved", place / "restored")
            known = {found.path for found in known_backups.remaining(hot.root)}
            assert place / "saved" in known
    assert ends == {"unfinished", "saved"}


@posix
@every_operation
def test_a_restore_that_was_killed_lies_under_the_name_that_was_given(
    workspace: Workspace, tmp_path: Path, step: int
) -> None:
    archive = tmp_path / "saved"
    backup(workspace, archive)
    with workspace.open_store() as store:
        wanted = needles(faces_of(store, "Ada"))
    interrupted = 0
    *places, whole = killed("restore", archive, tmp_path / "killed", step)
    for place in places:
        hot = place / "hot"
        assert {path.name for path in place.iterdir()} <= {"hot"}
        if seen(place, wanted) and (hot / RESTORING).exists():
            interrupted += 1
            with pytest.raises(WorkspaceError, match=r"was interrupted.*may contain biometric"):
                open_workspace(hot)
            with pytest.raises(WorkspaceError, match="was interrupted"):
                create_workspace(hot, workspace.settings)
        if (hot / RESTORING).exists() or not (hot / "facesort.toml").exists():
            restore(archive, hot)
        assert seen(hot, wanted) == len(wanted)
        assert open_workspace(hot).settings == workspace.settings
    assert interrupted >= 2
    assert seen(whole, wanted) == len(wanted)


def test_an_unfinished_backup_is_removed_by_backup_and_by_forget(
    workspace: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "usb").mkdir()
    first = unfinished(workspace, tmp_path / "usb")
    made = backup(workspace, tmp_path / "usb" / "good")
    assert not first.exists()

    second = unfinished(workspace, tmp_path / "usb")
    done = forget(workspace, "Ada")

    assert not second.exists()
    assert [(found.path, found.is_whole) for found in done.backups] == [(made.path, True)]
    assert made.created_at in done.backups[0].what
    made.path.unlink()
    assert forget(workspace, "Ben").backups == ()
    assert json.loads((workspace.root / "backups.json").read_text()) == {"backups": []}


def test_doctor_names_what_was_interrupted(workspace: Workspace, tmp_path: Path) -> None:
    def warnings() -> list[str]:
        found = examine(workspace.root, [])
        return [f.detail for f in found if f.subject == "workspace" and f.state is State.WARNING]

    assert warnings() == []
    left = unfinished(workspace, tmp_path)
    (workspace.root / RESTORING).touch()
    assert [detail.partition(" is ")[0] for detail in warnings()] == [
        f"a restore to {workspace.root}",
        str(left),
    ]


def test_a_disk_that_is_not_plugged_in_is_named_until_it_is_back(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, away = tmp_path / "usb", tmp_path / "away"
    disk.mkdir()
    real = os.path.ismount
    monkeypatch.setattr(
        os.path, "ismount", lambda p: (Path(p) == disk and not away.exists()) or real(p)
    )
    left = unfinished(workspace, disk)
    shutil.move(disk, away)
    for folder in (None, disk):  # without a mount point, and with an empty one
        if folder:
            folder.mkdir()
        (found,) = forget(workspace, "Ada" if folder else "Ben").backups
        assert found.path == disk / "saved"
        assert found.what.endswith(
            f"{left.name} if it was interrupted, but {disk} is not plugged in"
        )
        assert not found.is_whole
        assert left.name in (workspace.root / "backups.json").read_text()

    disk.rmdir()
    shutil.move(away, disk)
    backup(workspace, tmp_path / "good")

    assert list(disk.iterdir()) == []
    assert [found.path.name for found in known_backups.remaining(workspace.root)] == ["good"]


def test_a_list_of_backups_that_somebody_wrote_removes_nothing_of_theirs(
    workspace: Workspace, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "photo.jpg").write_bytes(b"x")
    (theirs / UNFINISHED).mkdir()
    (theirs / "saved").write_bytes(b"no archive")
    names = ["photo.jpg", UNFINISHED, f"../theirs/{UNFINISHED}", f"x\0/{UNFINISHED}"]
    listed = [
        {"path": str(theirs / "saved"), "unfinished": f"{theirs}/{name}", "disk": "/", "created_at": ""}
        for name in names
    ]  # fmt: skip
    (workspace.root / "backups.json").write_text(json.dumps({"backups": listed}))

    done = forget(workspace, "Ada")

    assert sorted(path.name for path in theirs.iterdir()) == sorted(
        ["photo.jpg", "saved", UNFINISHED]
    )
    (found,) = done.backups
    assert found.path == theirs / UNFINISHED  # that is a folder


@pytest.mark.parametrize("text", ["", "[" * 100_000, '{"backups": 3}', '{"backups": [{}]}'])
def test_a_damaged_list_of_backups_is_said_and_not_overwritten(
    workspace: Workspace, tmp_path: Path, text: str
) -> None:
    (workspace.root / "backups.json").write_text(text)

    with pytest.raises(WorkspaceError, match=r"backups\.json is damaged .*: move it away"):
        backup(workspace, tmp_path / "saved")
    (found,) = forget(workspace, "Ada").backups

    assert "where backups are is not known" in found.what
    assert (workspace.root / "backups.json").read_text() == text
    assert not (tmp_path / "saved").exists()


def test_an_interrupted_restore_is_not_taken_over_while_somebody_is_at_work(
    workspace: Workspace, tmp_path: Path
) -> None:
    backup(workspace, tmp_path / "saved")
    hot = workspace.root
    (hot / RESTORING).touch()
    with pytest.raises(WorkspaceError, match="is not empty"):  # it was in use: there is more in it
        restore(tmp_path / "saved", hot)
    new = tmp_path / "new"
    restore(tmp_path / "saved", new)
    (new / RESTORING).touch()
    with (
        FileLock(new / "sort.lock"),
        pytest.raises(WorkspaceBusyError, match="is being restored by another process"),
    ):
        restore(tmp_path / "saved", new)
