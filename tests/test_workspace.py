from __future__ import annotations

import json
import os
import stat
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from disks import bound, needs_mount, remount

from facesort.errors import (
    OldSchemaError,
    SettingsError,
    StoreLockedError,
    WorkspaceBusyError,
    WorkspaceError,
)
from facesort.files import Kind
from facesort.settings import Settings, save_settings
from facesort.store import migrate
from facesort.workspace import (
    Workspace,
    create_workspace,
    open_workspace,
    refuse_inside,
    workspace as workspace_module,
)

Start = Callable[[Path], "subprocess.Popen[str]"]

SORT = """
from facesort.workspace import open_workspace
from pathlib import Path
lock = open_workspace(Path({root!r})).sorting_lock()
lock.__enter__()
"""


@pytest.fixture
def another_sort(other_process: Callable[[str], subprocess.Popen[str]]) -> Start:
    """Another process that sorts in a workspace until it is told to stop, or killed."""
    return lambda root: other_process(SORT.format(root=str(root)))


def make(tmp_path: Path, **places: str) -> Workspace:
    where = {"source": "source", "output": "output", "root": "work"} | places
    (tmp_path / "source").mkdir(exist_ok=True)
    values = Settings(
        sources={"card-1": tmp_path / where["source"]},
        output=tmp_path / where["output"],
        pack="synthetic",
    )
    return create_workspace(tmp_path / where["root"], values)


# --- making and opening -----------------------------------------------------------------------


def test_a_folder_that_is_empty_is_no_workspace(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="is not a workspace: make one with `facesort init"):
        open_workspace(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_workspace_is_made_and_opened(tmp_path: Path) -> None:
    made = make(tmp_path)
    opened = open_workspace(tmp_path / "work")
    assert opened == made
    assert opened.root.is_absolute()
    assert opened.staging.is_dir()
    assert opened.state.is_dir()
    with opened.open_store() as store:
        assert store.value("SELECT count(*) FROM photo") == 0
    assert not (tmp_path / "output").exists(), "the output is made when something is written"


def test_an_older_database_that_cannot_be_written_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(tmp_path)
    with duckdb.connect(str(made.database)) as connection:
        connection.execute("DELETE FROM schema_migration WHERE version > 4")
    monkeypatch.setattr("facesort.workspace.workspace.os.access", lambda *_: False)
    with pytest.raises(OldSchemaError, match=r"an older facesort.*make the database writable"):
        made.open_store(read_only=True)


def test_a_workspace_is_not_made_twice(tmp_path: Path) -> None:
    make(tmp_path)
    before = (tmp_path / "work" / "facesort.toml").read_bytes()
    with pytest.raises(WorkspaceError, match="is a workspace already"):
        make(tmp_path, output="another")
    assert (tmp_path / "work" / "facesort.toml").read_bytes() == before


def test_a_workspace_that_was_made_by_half_is_made_again(tmp_path: Path) -> None:
    made = make(tmp_path)
    (made.root / "facesort.toml").unlink()
    with pytest.raises(WorkspaceError, match="is not a workspace"):
        open_workspace(made.root)
    assert make(tmp_path) == made


def test_a_source_that_is_not_there_makes_no_workspace(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"source .*gone is not a folder: check --source"):
        make(tmp_path, source="gone")
    assert not (tmp_path / "work").exists()


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
@pytest.mark.parametrize("there", [False, True])
def test_only_the_owner_may_look_into_a_workspace(tmp_path: Path, there: bool) -> None:
    if there:
        (tmp_path / "work").mkdir(mode=0o755)
    before = os.umask(0)
    try:
        made = make(tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(made.root.stat().st_mode) == 0o700


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_a_workspace_that_was_opened_to_others_is_closed(tmp_path: Path) -> None:
    """Copied by hand, or unpacked from an archive."""
    made = make(tmp_path)
    made.root.chmod(0o755)
    open_workspace(made.root)
    assert stat.S_IMODE(made.root.stat().st_mode) == 0o700


@needs_mount
def test_a_workspace_that_cannot_be_closed_to_others_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = make(tmp_path)
    made.root.chmod(0o755)
    with bound(made.root, made.root):
        remount(made.root, "bind,ro")
        open_workspace(made.root)
    assert "biometric data, and other users of this machine can read it" in caplog.text


@pytest.mark.parametrize(
    "places",
    [
        {"output": "source"},
        {"output": "source/sorted"},
        {"source": "output/photos"},
        {"root": "source"},
        {"root": "source/work"},
        {"root": "output"},
        {"root": "output/work"},
        {"output": "work/sorted"},
        {"source": "work/photos"},
        {"output": "source/../source/sorted"},
        {"output": "link/sorted"},
    ],
    ids=str,
)
def test_folders_inside_each_other_are_refused(tmp_path: Path, places: dict[str, str]) -> None:
    """Else copies would be sorted again, or biometric data be delivered."""
    (tmp_path / "source").mkdir()
    if "link" in str(places):
        if os.name == "nt":
            pytest.skip("links take a privilege on Windows")
        (tmp_path / "link").symlink_to("source", target_is_directory=True)
    with pytest.raises(SettingsError, match=r"lies inside .*must be separate folders"):
        make(tmp_path, **places)
    assert not (tmp_path / "work" / "facesort.toml").exists()
    assert list((tmp_path / "source").iterdir()) == []


@needs_mount
@pytest.mark.parametrize("places", [{"output": "twin/sorted"}, {"root": "twin"}], ids=str)
def test_a_folder_that_is_mounted_twice_is_one_folder(
    tmp_path: Path, places: dict[str, str]
) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "twin").mkdir()
    with (
        bound(tmp_path / "source", tmp_path / "twin"),
        pytest.raises(SettingsError, match=r"lies inside .*must be separate folders"),
    ):
        make(tmp_path, **places)


@pytest.mark.parametrize("name", ["source", "output", "root"])
def test_a_name_that_no_folder_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        SettingsError,
        match=rf"{name.replace('root', 'workspace')} .*give another folder",
    ):
        make(tmp_path, **{name: "a\0b"})


def test_folders_that_only_begin_alike_are_apart(tmp_path: Path) -> None:
    made = make(tmp_path, output="source-sorted", root="source-work")
    assert made.settings.output.name == "source-sorted"


def test_settings_that_were_edited_into_each_other_are_refused(tmp_path: Path) -> None:
    made = make(tmp_path)
    edited = made.settings.model_copy(update={"output": made.settings.sources["card-1"] / "sorted"})
    save_settings(edited, made.root / "facesort.toml")
    with pytest.raises(SettingsError, match=r"output .*sorted lies inside source"):
        open_workspace(made.root)


def test_a_log_that_another_process_removes_at_this_moment_is_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DuckDB removes its log when the process that wrote it closes the database."""
    workspace = make(tmp_path)
    log_file = workspace.root / "facesort.duckdb.wal"
    log_file.write_bytes(b"")
    looked_at = workspace_module.expect

    def expect(path: Path, *kinds: Kind | None) -> Kind | None:
        kind = looked_at(path, *kinds)
        if path == log_file:
            path.unlink(missing_ok=True)
        return kind

    monkeypatch.setattr(workspace_module, "expect", expect)
    with workspace.open_store(read_only=True) as store:
        assert store.rows("SELECT count(*) FROM photo") == [(0,)]
    assert not log_file.exists()


# --- one sort at a time -----------------------------------------------------------------------


def test_a_second_sort_is_told_who_sorts(tmp_path: Path, another_sort: Start) -> None:
    workspace = make(tmp_path)
    other = another_sort(workspace.root)
    with (
        pytest.raises(WorkspaceBusyError, match=rf"by process {other.pid}: .*resumes by itself"),
        workspace.sorting_lock(),
    ):
        pytest.fail("two sorts at a time")
    assert json.loads((workspace.state / "owner.json").read_text())["pid"] == other.pid


def test_the_lock_of_a_killed_sort_is_free(tmp_path: Path, another_sort: Start) -> None:
    workspace = make(tmp_path)
    other = another_sort(workspace.root)
    other.kill()
    other.wait()
    with workspace.sorting_lock():
        owner = json.loads((workspace.state / "owner.json").read_text())
        assert owner["pid"] == os.getpid()


def test_the_lock_is_free_after_a_sort(tmp_path: Path, another_sort: Start) -> None:
    workspace = make(tmp_path)
    with workspace.sorting_lock():
        pass
    with pytest.raises(ZeroDivisionError), workspace.sorting_lock():
        raise ZeroDivisionError
    assert not (workspace.state / "owner.json").exists()
    assert another_sort(workspace.root).poll() is None


@needs_mount
def test_a_workspace_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    workspace = make(tmp_path)
    with bound(workspace.root, workspace.root):
        remount(workspace.root, "bind,ro")
        with (
            pytest.raises(WorkspaceError, match=r"sort\.lock cannot be written .*Read-only"),
            workspace.sorting_lock(),
        ):
            pytest.fail("it was locked")


def test_a_sort_is_refused_in_its_own_process_too(tmp_path: Path) -> None:
    workspace = make(tmp_path)
    with workspace.sorting_lock():
        with pytest.raises(WorkspaceBusyError, match=f"process {os.getpid()}"):  # noqa: SIM117
            with workspace.sorting_lock():
                pytest.fail("two sorts at a time")
        assert (workspace.state / "owner.json").exists(), "the first one still sorts"


@pytest.mark.parametrize("owner", [None, "", "{", "[]", "{}", '"x"'])
def test_a_lock_whose_owner_has_not_said_its_name(
    tmp_path: Path, another_sort: Start, owner: str | None
) -> None:
    workspace = make(tmp_path)
    another_sort(workspace.root)
    path = workspace.state / "owner.json"
    path.unlink() if owner is None else path.write_text(owner)
    with pytest.raises(WorkspaceBusyError, match="process unknown"), workspace.sorting_lock():
        pytest.fail("two sorts at a time")


def test_two_workspaces_can_be_sorted_at_a_time(tmp_path: Path) -> None:
    one, two = make(tmp_path), make(tmp_path, root="work2", output="output2")
    with one.sorting_lock(), two.sorting_lock():
        assert (one.state / "owner.json").exists()
        assert (two.state / "owner.json").exists()


def test_a_folder_with_other_things_in_it_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "thesis.txt").write_text("mine")
    with pytest.raises(WorkspaceError, match="is not empty: give a new or empty folder"):
        make(tmp_path)
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["thesis.txt"]


def test_the_root_of_a_disk_is_taken_with_what_the_system_put_there(tmp_path: Path) -> None:
    for name in ("lost+found", ".Trash-1000", "System Volume Information"):
        (tmp_path / "work" / name).mkdir(parents=True)
    (tmp_path / "work" / ".DS_Store").write_bytes(b"theirs")
    root = make(tmp_path).root
    assert open_workspace(root).settings.sources["card-1"] == tmp_path / "source"
    assert (root / ".DS_Store").read_bytes() == b"theirs"
    assert (root / "lost+found").is_dir()


def test_a_workspace_whose_creation_was_killed_can_be_created_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before the settings took their name, which makes the folder a workspace."""

    class Killed(BaseException):
        pass

    replace = Path.replace

    def kill(self: Path, target: Path) -> Path:
        if self.name == ".facesort.toml.new":
            raise Killed
        return replace(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", kill)
        with pytest.raises(Killed):
            make(tmp_path)
    (left,) = (tmp_path / "work").glob(".*")
    assert left.name == ".facesort.toml.new"

    made = make(tmp_path)

    assert open_workspace(made.root).settings == made.settings
    assert list((tmp_path / "work").glob(".*")) == []


def test_a_workspace_of_an_older_facesort_can_be_read_at_once(tmp_path: Path) -> None:
    """`status`, `verify` and the notebooks only read; they need no sort before they can."""
    made = make(tmp_path)
    made.database.unlink()
    with duckdb.connect(str(made.database)) as connection:
        for version, name, sql in migrate._steps()[:4]:
            migrate._apply(connection, version, name, sql)
        connection.execute("INSERT INTO verdict VALUES (1, 2, 'yes')")
    with open_workspace(made.root).open_store(read_only=True) as store:
        assert store.rows("SELECT * FROM answer") == [(1, 2, "yes")]
        assert store.rows("SELECT * FROM photo_state") == []


def test_whoever_writes_waits_for_a_short_reader(
    tmp_path: Path, other_process: Callable[[str], subprocess.Popen[str]]
) -> None:
    workspace = make(tmp_path)
    reader = other_process(
        f"from facesort.store import Store; from pathlib import Path\n"
        f"store = Store.open(Path({str(workspace.database)!r}), read_only=True)"
    )
    waited = threading.Timer(0.3, reader.kill)
    waited.start()
    workspace.open_store().close()
    assert waited.finished.is_set()


def test_whoever_writes_does_not_wait_for_ever(
    tmp_path: Path,
    other_process: Callable[[str], subprocess.Popen[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workspace = make(tmp_path)
    other_process(
        f"from facesort.store import Store; from pathlib import Path\n"
        f"store = Store.open(Path({str(workspace.database)!r}), read_only=True)"
    )
    monkeypatch.setattr("facesort.workspace.workspace._READERS_S", 0.2)
    with pytest.raises(StoreLockedError, match="is in use by process"):
        workspace.open_store()


def test_a_job_waits_longer_for_a_reader_and_says_for_whom(
    tmp_path: Path,
    other_process: Callable[[str], subprocess.Popen[str]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    workspace = make(tmp_path)
    reader = other_process(
        f"from facesort.store import Store; from pathlib import Path\n"
        f"store = Store.open(Path({str(workspace.database)!r}), read_only=True)"
    )
    monkeypatch.setattr("facesort.workspace.workspace._READERS_S", 0.1)
    waited = threading.Timer(0.6, reader.kill)
    waited.start()
    workspace.open_store(patience_s=30).close()
    assert waited.finished.is_set()
    (said,) = caplog.messages
    assert f"is in use by process {reader.pid}" in said
    assert said.endswith("Waiting for it, 30 s at most.")


def test_nobody_waits_long_for_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = make(tmp_path)
    monkeypatch.setattr("facesort.workspace.workspace._READERS_S", 0.1)
    with workspace.open_store(read_only=True):
        began = time.monotonic()
        with pytest.raises(StoreLockedError, match="open in this process"):
            workspace.open_store(patience_s=60)
    assert time.monotonic() - began < 30


def test_runs_with_an_impossible_name_are_refused(tmp_path: Path) -> None:
    made = make(tmp_path)
    with pytest.raises(SettingsError, match=r"runs .*give another folder"):
        refuse_inside(tmp_path / "a\0b", made.settings)


@needs_mount
def test_a_copy_on_a_read_only_disk_is_read_without_its_empty_folders(tmp_path: Path) -> None:
    workspace = make(tmp_path)
    workspace.staging.rmdir()
    with bound(workspace.root, workspace.root):
        remount(workspace.root, "bind,ro")
        opened = open_workspace(workspace.root)
        with opened.open_store(read_only=True) as store:
            assert store.rows("FROM person") == []
        with pytest.raises(WorkspaceError, match="cannot be written"), opened.sorting_lock():
            pass
