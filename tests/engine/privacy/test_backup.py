"""A backup is whole or is refused, and a restored workspace is the one that was backed up."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import stat
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from private_event import sorted_event
from synthetic_event import content, sort_in_threads, tree

from facesort.engine.privacy import known_backups
from facesort.engine.privacy.backup import backup
from facesort.engine.privacy.restore import restore
from facesort.engine.setup import open_with_pack
from facesort.errors import (
    FacesortError,
    SchemaVersionError,
    StoreError,
    WorkspaceBusyError,
    WorkspaceError,
)
from facesort.store import Store
from facesort.workspace import Workspace, open_workspace


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return sorted_event(tmp_path_factory.mktemp("kept"))[0]


@pytest.fixture
def saved(workspace: Workspace, tmp_path: Path) -> Path:
    backup(workspace, tmp_path / "saved.facesort")
    return tmp_path / "saved.facesort"


@pytest.fixture(scope="module")
def whole(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "saved"
    backup(workspace, path)
    return path.read_bytes()


def all_rows(workspace: Workspace) -> dict[str, list[tuple[object, ...]]]:
    with workspace.open_store() as store:
        return content(store)


def test_what_comes_back_is_what_was_there_and_sorts_on(
    workspace: Workspace, saved: Path, tmp_path: Path
) -> None:
    found = restore(saved, tmp_path / "new" / "hot")

    again, pack = open_with_pack(tmp_path / "new" / "hot")
    assert again.settings == workspace.settings
    assert all_rows(again) == all_rows(workspace)
    assert [(b.path, b.is_whole) for b in known_backups.remaining(again.root)] == [(saved, True)]
    assert found.sizes["facesort.duckdb"] == workspace.database.stat().st_size
    output = tree(again.settings.output)
    sort_in_threads(again, pack)
    assert tree(again.settings.output) == output
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["hot"]


@pytest.mark.skipif(sys.platform == "win32", reason="no modes there")
def test_only_the_owner_can_read_a_backup_and_what_is_restored(saved: Path, tmp_path: Path) -> None:
    restore(saved, tmp_path / "hot")

    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "hot").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "hot" / "facesort.duckdb").stat().st_mode) == 0o600


@pytest.mark.parametrize("place", ["source", "output", "workspace"])
def test_a_backup_is_not_put_where_it_would_be_sorted_or_delivered(
    workspace: Workspace, place: str
) -> None:
    settings = workspace.settings
    places = {
        "source": settings.sources["card-1"],
        "output": settings.output,
        "workspace": workspace.root,
    }
    folder = places[place]

    with pytest.raises(WorkspaceError, match=f"inside the {place} .* biometric data"):
        backup(workspace, folder / "saved.zip")

    assert not (folder / "saved.zip").exists()


def test_a_backup_never_replaces_a_file(
    workspace: Workspace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "mine").write_bytes(b"mine")
    (tmp_path / ".mine.new").write_bytes(b"mine, too")
    before = tree(tmp_path)

    with pytest.raises(WorkspaceError, match="exists already"):
        backup(workspace, tmp_path / "mine")

    assert tree(tmp_path) == before
    assert ".mine.new may have been left by an interrupted command of an older" in caplog.text


def test_what_an_older_version_s_restore_left_is_named(
    saved: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / ".hot.restoring").mkdir()
    restore(saved, tmp_path / "hot")
    assert ".hot.restoring may have been left by an interrupted command" in caplog.text


def test_there_is_no_backup_while_a_sort_is_running(workspace: Workspace, tmp_path: Path) -> None:
    with workspace.sorting_lock(), pytest.raises(WorkspaceBusyError):
        backup(workspace, tmp_path / "saved")

    assert list(tmp_path.iterdir()) == []


def test_the_root_of_a_disk_is_taken_with_what_the_system_put_there(
    saved: Path, tmp_path: Path
) -> None:
    (tmp_path / "disk" / "lost+found").mkdir(parents=True)
    (tmp_path / "disk" / ".DS_Store").touch()
    restore(saved, tmp_path / "disk")
    assert open_workspace(tmp_path / "disk")
    assert (tmp_path / "disk" / "lost+found").is_dir()


def test_a_place_that_is_not_empty_is_left_alone(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "hot").mkdir()
    restore(saved, tmp_path / "hot")
    before = tree(tmp_path)

    for place in (tmp_path / "hot", saved):
        with pytest.raises(WorkspaceError, match="is not empty"):
            restore(saved, place)

    assert tree(tmp_path) == before


def rewritten(change: Callable[[dict[str, bytes]], None]) -> Callable[[Path], None]:
    """Change the members of a backup, and put it together again."""

    def apply(path: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        change(members)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in members.items():
                archive.writestr(name, data)

    return apply


def compressed(method: int) -> Callable[[Path], None]:
    """Put a backup together again, its database compressed in another way."""

    def apply(path: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in members.items():
                archive.writestr(name, data, method if name == "facesort.duckdb" else None)

    return apply


def many_members(path: Path) -> None:
    """Of which only the list is long."""
    with zipfile.ZipFile(path, "a") as archive:
        (first, *_) = archive.infolist()
        for number in range(60_000):
            info = copy.copy(first)
            info.filename = str(number)
            archive.filelist.append(info)
        archive.NameToInfo["x"] = first
        archive._didModify = True  # type: ignore[attr-defined]


def another_manifest(members: dict[str, bytes], **values: object) -> None:
    members["manifest.json"] = json.dumps(json.loads(members["manifest.json"]) | values).encode()


def huge_settings(members: dict[str, bytes]) -> None:
    """That are listed truly."""
    members["facesort.toml"] = b"#" * 50_000_000
    manifest = json.loads(members["manifest.json"])
    digest = hashlib.sha256(members["facesort.toml"]).hexdigest()
    manifest["files"]["facesort.toml"] = {"size": 50_000_000, "sha256": digest}
    members["manifest.json"] = json.dumps(manifest).encode()


DAMAGES: dict[str, Callable[[Path], None]] = {
    "empty": lambda path: path.write_bytes(b"") and None,
    "text": lambda path: path.write_text("no archive") and None,
    "half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "a flipped byte": lambda path: (
        path.write_bytes(
            (data := path.read_bytes())[:5000] + bytes([data[5000] ^ 255]) + data[5001:]
        )
        and None
    ),
    "no manifest": rewritten(lambda members: members.pop("manifest.json") and None),
    "no database": rewritten(lambda members: members.pop("facesort.duckdb") and None),
    "another format": rewritten(lambda members: another_manifest(members, format=2)),
    "no hashes": rewritten(lambda members: another_manifest(members, files={})),
    "another database": rewritten(
        lambda members: members.update({"facesort.duckdb": members["facesort.duckdb"] + b"x"})
    ),
    "a list as manifest": rewritten(lambda members: members.update({"manifest.json": b"[]"})),
    "a nested manifest": rewritten(
        lambda members: members.update({"manifest.json": b"[" * 60_000})
    ),
    "a huge manifest": rewritten(
        lambda members: members.update({"manifest.json": b" " * 50_000_000})
    ),
    "an infinite size": rewritten(
        lambda members: members.update(
            {"manifest.json": members["manifest.json"].replace(b'"size": ', b'"size": 9e999')}
        )
    ),
    "a negative size": rewritten(
        lambda members: members.update(
            {"manifest.json": members["manifest.json"].replace(b'"size": ', b'"size": -')}
        )
    ),
    "huge settings": rewritten(huge_settings),
    "many members": many_members,
    "bzip2": compressed(zipfile.ZIP_BZIP2),
    "lzma": compressed(zipfile.ZIP_LZMA),
    "a bomb": rewritten(lambda members: members.update({"facesort.toml": bytes(50_000_000)})),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_no_whole_backup_is_refused_and_leaves_nothing(
    saved: Path, tmp_path: Path, damage: str
) -> None:
    DAMAGES[damage](saved)

    with pytest.raises(WorkspaceError, match="is not a complete facesort backup"):
        restore(saved, tmp_path / "hot")

    assert list(tmp_path.iterdir()) == [saved]


NO_FILES: dict[str, Callable[[Path], object]] = {
    "a folder": Path.mkdir,
    "a loop of links": lambda path: path.symlink_to(path),
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "nothing": lambda path: None,
}
if hasattr(os, "mkfifo"):
    NO_FILES |= {"a pipe": os.mkfifo}


@pytest.mark.parametrize("kind", NO_FILES)
def test_only_a_file_is_restored(tmp_path: Path, kind: str) -> None:
    NO_FILES[kind](tmp_path / "saved")
    before = sorted(tmp_path.iterdir())

    with pytest.raises(WorkspaceError, match=r"is not a regular file|cannot be restored to"):
        restore(tmp_path / "saved", tmp_path / "hot")

    assert sorted(tmp_path.iterdir()) == before


def test_what_does_not_fit_on_the_disk_is_not_unpacked(saved: Path, tmp_path: Path) -> None:
    def a_petabyte(members: dict[str, bytes]) -> None:
        manifest = json.loads(members["manifest.json"])
        manifest["files"]["facesort.duckdb"]["size"] = 10**15
        members["manifest.json"] = json.dumps(manifest).encode()

    rewritten(a_petabyte)(saved)

    with pytest.raises(WorkspaceError, match=r"unpacks to 1,000,000,\d+,\d+,\d+ bytes"):
        restore(saved, tmp_path / "hot")

    assert list(tmp_path.iterdir()) == [saved]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damage_anywhere_is_one_sentence(data: st.DataObject, whole: bytes) -> None:
    """Half of it in the list of members and the manifest, where few bytes decide much."""
    near = data.draw(st.booleans())
    start = len(whole) - 900 if near else 0
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(start, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        path, root = Path(folder) / "saved", Path(folder) / "hot"
        path.write_bytes(damaged)
        try:
            restore(path, root)
        except FacesortError as error:
            assert "\n" not in str(error)
            assert os.listdir(folder) == ["saved"]


def test_names_inside_an_archive_are_never_used_as_paths(saved: Path, tmp_path: Path) -> None:
    rewritten(lambda members: members.update({"../../outside": b"x", "/outside": b"x"}))(saved)

    restore(saved, tmp_path / "a" / "b" / "hot")

    assert {path.name for path in (tmp_path / "a" / "b" / "hot").iterdir()} == {
        "backups.json", "facesort.duckdb", "facesort.toml", "sort.lock",
    }  # fmt: skip
    assert not list(tmp_path.rglob("outside"))


def test_a_backup_of_a_newer_facesort_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    with duckdb.connect(str(workspace.database)) as connection:
        connection.execute("INSERT INTO schema_migration VALUES (99, 'of tomorrow')")
    try:
        with pytest.raises(SchemaVersionError):
            backup(workspace, tmp_path / "saved")
    finally:
        with duckdb.connect(str(workspace.database)) as connection:
            connection.execute("DELETE FROM schema_migration WHERE version = 99")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_a_truncated_database_says_how_to_get_it_back(
    saved: Path, tmp_path: Path, share: float
) -> None:
    restore(saved, tmp_path / "hot")
    database = tmp_path / "hot" / "facesort.duckdb"
    os.truncate(database, int(database.stat().st_size * share))

    with pytest.raises(StoreError, match="facesort restore"), Store.open(database) as store:
        for (table,) in store.rows(
            "SELECT table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE'"
        ):
            store.rows(f"SELECT * FROM {table}")


def test_another_kind_of_database_is_not_downloaded_for(tmp_path: Path) -> None:
    (tmp_path / "facesort.duckdb").write_bytes(b"SQLite format 3\0" + bytes(5000))

    with pytest.raises(StoreError, match="facesort restore"):
        Store.open(tmp_path / "facesort.duckdb")
