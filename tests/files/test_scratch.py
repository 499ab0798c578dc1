"""What must not outlast its process: removed at the end, or by the next one; nothing else is."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from facesort.files import scratch_folder, sweep_scratch

PREFIX = "facesort-test-"
HOLD = f"""
import sys
from facesort.files import scratch_folder
with scratch_folder({PREFIX!r}) as folder:
    (folder / "card").mkdir()
    (folder / "card" / "photo.jpg").write_bytes(b"somebody")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_nothing_is_left_at_the_end(temporary: Path) -> None:
    with pytest.raises(KeyError), scratch_folder(PREFIX) as folder:
        (folder / "photo.jpg").write_bytes(b"somebody")
        assert folder.parent == temporary
        raise KeyError
    assert not list(temporary.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_what_a_killed_process_left_is_swept_and_what_one_uses_is_not(temporary: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        photo = Path(process.stdout.readline().strip()) / "card" / "photo.jpg"
        sweep_scratch(PREFIX)
        assert photo.exists()
        process.kill()
    assert photo.exists()

    sweep_scratch(PREFIX)

    assert not list(temporary.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="links")
def test_nothing_else_is_swept(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("other", f"{PREFIX}file", f"{PREFIX}empty", f"{PREFIX}theirs"):
        folder = temporary / name
        folder.mkdir()
        (folder / "photo.jpg").write_bytes(b"somebody")
    for name in ("other", f"{PREFIX}theirs"):
        (temporary / name / "in-use.lock").touch()
    (temporary / f"{PREFIX}link").symlink_to(temporary / "other")
    (temporary / f"{PREFIX}file" / "in-use.lock").symlink_to(temporary / "other" / "in-use.lock")
    before = sorted(temporary.rglob("*"))
    with monkeypatch.context() as of_another_user:
        of_another_user.setattr(os, "getuid", lambda: -1)
        sweep_scratch(PREFIX)
    assert sorted(temporary.rglob("*")) == before

    sweep_scratch(PREFIX)

    assert set(before) - set(temporary.rglob("*")) == {
        temporary / f"{PREFIX}theirs",
        temporary / f"{PREFIX}theirs" / "in-use.lock",
        temporary / f"{PREFIX}theirs" / "photo.jpg",
    }


@pytest.mark.skipif(os.name == "nt", reason="renames what is open")
def test_the_lock_goes_last_since_without_it_no_sweep_finds_the_photos(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    removed, unlink = [], os.unlink

    def note(path: str, **where: int) -> None:
        removed.append(os.path.basename(path))
        unlink(path, **where)

    with scratch_folder(PREFIX) as folder:
        for number in range(20):
            (folder / f"{number}.jpg").write_bytes(b"somebody")
        # Some file systems list the newest first.
        (folder / "in-use.lock").rename(folder / "other").rename(folder / "in-use.lock")
        monkeypatch.setattr(os, "unlink", note)
    assert removed.index("in-use.lock") == 20
    assert not folder.exists()


def test_calls_that_still_unpack_at_the_end_leave_nothing(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink, rmdir = os.unlink, os.rmdir
    seen: set[str] = set()

    def gone_already(path: str, **where: int) -> None:
        unlink(path, **where)
        if os.path.basename(path) == "photo.jpg" and "photo.jpg" not in seen:
            seen.add("photo.jpg")
            raise FileNotFoundError(2, "No such file or directory", str(path))

    def one_more(path: str, **where: int) -> None:
        if os.path.basename(path) == "card" and "card" not in seen:
            seen.add("card")
            (folder / "late").mkdir()
            (folder / "late" / "photo.jpg").write_bytes(b"somebody else")
        rmdir(path, **where)

    with scratch_folder(PREFIX) as folder:
        (folder / "card").mkdir()
        (folder / "card" / "photo.jpg").write_bytes(b"somebody")
        monkeypatch.setattr(os, "unlink", gone_already)
        monkeypatch.setattr(os, "rmdir", one_more)
    assert seen == {"photo.jpg", "card"}
    assert not list(temporary.iterdir())
