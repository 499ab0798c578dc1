"""Forgetting that is interrupted or refused: the person is wholly there or wholly gone, and the rest is whole."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from disks import mounted, needs_mount, remount
from private_event import copy_of, faces_of, needles, seen
from synthetic_event import content

from facesort.core.delivery.routing import partial_name
from facesort.engine.privacy.forget import forget, what_is_known
from facesort.errors import FacesortError, WorkspaceBusyError, WorkspaceError
from facesort.workspace import Workspace, open_workspace


@pytest.fixture
def workspace(private_job: Path, tmp_path: Path) -> Workspace:
    return copy_of(private_job, tmp_path)[0]


def test_nothing_is_forgotten_while_somebody_is_at_work(workspace: Workspace) -> None:
    with workspace.sorting_lock(), pytest.raises(WorkspaceBusyError):
        forget(workspace, "Ada")

    assert what_is_known(workspace, "Ada").faces == 4


def test_a_half_written_database_is_removed_when_the_workspace_is_opened(
    workspace: Workspace,
) -> None:
    left = [workspace.root / f".facesort.duckdb.new{end}" for end in ("", ".wal", ".tmp")]
    for path in left[:2]:
        path.write_bytes(b"x")
    left[2].mkdir()
    (left[2] / "duckdb_temp_29087_0_storage_S64K-0.tmp").write_bytes(b"x")

    with workspace.sorting_lock():
        (workspace.new_database).write_bytes(b"somebody is at work on it")
        open_workspace(workspace.root)
        assert workspace.leftovers() == [workspace.new_database]

    open_workspace(workspace.root)
    assert workspace.leftovers() == []


@needs_mount
@pytest.mark.parametrize("room", [0.0, 0.1, 0.8])
def test_on_a_full_disk_everything_stays_and_one_sentence_says_so(
    room: float, workspace: Workspace, tmp_path: Path
) -> None:
    """`room` is what is free, as a part of what the new database takes."""
    with workspace.open_store() as store:
        wanted, whole = needles(faces_of(store, "Ada")), content(store)
    size = workspace.database.stat().st_size
    small = replace(workspace, root=tmp_path / "disk" / "hot")
    small.root.parent.mkdir()
    with mounted(small.root.parent, "size=64m"):
        shutil.copytree(workspace.root, small.root)
        filler = small.root.parent / "filler"
        filler.write_bytes(bytes(shutil.disk_usage(small.root).free - int(room * size)))
        with pytest.raises(FacesortError, match=r"(?i)free some space") as caught:
            forget(small, "Ada")

        assert "\n" not in str(caught.value)
        assert small.leftovers() == []
        filler.unlink()
        with small.open_store() as store:
            assert content(store) == whole
        assert forget(small, "Ada").rows["face"] == 4
        assert seen(small.root, wanted) == 0


@needs_mount
def test_a_file_that_cannot_be_erased_is_named_and_nobody_is_forgotten(
    workspace: Workspace, tmp_path: Path
) -> None:
    with workspace.open_store() as store:
        whole = content(store)
    with mounted(workspace.staging, "size=64k"):
        (workspace.staging / "000001").mkdir()
        (workspace.staging / "000001" / f"{'c' * 64}.jpg").write_bytes(b"a face")
        remount(workspace.staging, "ro")
        with pytest.raises(
            WorkspaceError,
            match=r"ccc\.jpg cannot be erased .*nothing is erased from the database",
        ):
            forget(workspace, "Ada")
    with workspace.open_store() as store:
        assert content(store) == whole


_FORGETTING = """
import sys
from pathlib import Path
from facesort.engine.privacy.forget import forget
from facesort.workspace import open_workspace
workspace = open_workspace(Path(sys.argv[1]))
print("go", flush=True)
forget(workspace, "Ada")
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_killed_at_any_time_the_person_is_there_or_gone_and_the_rest_is_whole(
    workspace: Workspace, tmp_path: Path, whole_campaign: bool
) -> None:
    shutil.copytree(workspace.root, tmp_path / "untouched")
    with workspace.open_store() as store:
        wanted, whole = needles(faces_of(store, "Ada")), content(store)
    expected = replace(workspace, root=tmp_path / "expected")
    shutil.copytree(workspace.root, expected.root)
    started = time.perf_counter()
    forget(expected, "Ada")
    lasts = time.perf_counter() - started
    with expected.open_store() as store:
        without = content(store)
    ends = set()
    for number in range(40 if whole_campaign else 6):
        shutil.rmtree(workspace.root)
        shutil.copytree(tmp_path / "untouched", workspace.root)
        delay = random.Random(number).uniform(0, 1.2 * lasts)
        process = subprocess.Popen(
            [sys.executable, "-c", _FORGETTING, str(workspace.root)], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        open_workspace(workspace.root)
        with workspace.open_store() as store:
            found = content(store)
        assert found in (whole, without), f"killed after {delay} s (number {number})"
        ends.add(found == without)
        if found == whole:
            forget(workspace, "Ada")
        assert seen(workspace.root, wanted) == 0
    assert ends == {True, False} or not whole_campaign


def test_what_a_killed_sort_began_to_copy_for_them_goes_or_is_named(workspace: Workspace) -> None:
    first, second, *others = what_is_known(workspace, "Ada").delivered
    with workspace.open_store() as store, store.transaction():
        store.execute("UPDATE write SET status = 'planned' WHERE target IN (?, ?)", [first, second])
    output = workspace.settings.output
    half = output / Path(first).with_name(partial_name(Path(first).name, workspace.mark))
    (output / first).rename(half)

    done = forget(workspace, "Ada")

    assert not half.exists()
    assert sorted(done.delivered) == sorted([second, *others])


@pytest.mark.skipif(sys.platform == "win32", reason="makes a link")
def test_a_half_copy_is_looked_for_in_no_folder_of_somebody_else(
    workspace: Workspace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, *_ = what_is_known(workspace, "Ada").delivered
    with workspace.open_store() as store, store.transaction():
        store.execute("UPDATE write SET status = 'planned' WHERE target = ?", [first])
    folder = (workspace.settings.output / first).parent
    half = folder.rename(tmp_path / "theirs") / partial_name(Path(first).name, workspace.mark)
    folder.symlink_to(half.parent)
    half.write_bytes(b"theirs")

    forget(workspace, "Ada")

    assert half.read_bytes() == b"theirs"
    assert "is something else, or its folder is a link: it stays" in caplog.text
