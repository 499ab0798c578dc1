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
