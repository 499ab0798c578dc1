"""Files that survive a power cut, and files that are never replaced."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest

from facesort.files import NotOursError
from facesort.files.durable import (
    _link_and_unlink,
    _rename_exclusively,
    file_sha256,
    publish,
    replace_file,
    replace_json,
    sync_folder,
    write_synced,
)

Publish = Callable[[Path, Path], None]
Synced = list[tuple[int, int, list[str]]]

posix = pytest.mark.skipif(os.name == "nt", reason="Windows' own rename refuses to replace")
ways = pytest.mark.parametrize(
    "way",
    [publish, pytest.param(_rename_exclusively, marks=posix), _link_and_unlink],
    ids=["publish", "rename", "link"],
)


def content(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


@ways
def test_a_file_gets_its_name(tmp_path: Path, way: Publish) -> None:
    (tmp_path / ".new").write_bytes(b"new")
    way(tmp_path / ".new", tmp_path / "target")
    assert content(tmp_path) == {"target": b"new"}


@ways
@pytest.mark.parametrize("old", [b"", b"old", b"new"])
def test_a_file_that_is_there_is_never_replaced(tmp_path: Path, way: Publish, old: bytes) -> None:
    (tmp_path / "target").write_bytes(old)
    (tmp_path / ".new").write_bytes(b"new")
    before = (tmp_path / "target").stat()
    with pytest.raises(FileExistsError):
        way(tmp_path / ".new", tmp_path / "target")
    assert content(tmp_path) == {"target": old, ".new": b"new"}
    after = (tmp_path / "target").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@posix
@ways
@pytest.mark.parametrize("kind", ["folder", "full folder", "link to nothing", "link to a file"])
def test_whatever_has_the_name_keeps_it(tmp_path: Path, way: Publish, kind: str) -> None:
    target, outside = tmp_path / "target", tmp_path / "outside"
    outside.write_bytes(b"outside")
    if kind.endswith("folder"):
        target.mkdir()
        if kind == "full folder":
            (target / "file").touch()
    else:
        target.symlink_to("nowhere" if kind == "link to nothing" else outside)
    (tmp_path / ".new").write_bytes(b"new")
    before = target.lstat()
    with pytest.raises(FileExistsError):
        way(tmp_path / ".new", target)
    assert target.lstat().st_ino == before.st_ino
    assert outside.read_bytes() == b"outside"
    assert (tmp_path / ".new").read_bytes() == b"new"


@ways
def test_nothing_to_publish_is_an_error_and_makes_nothing(tmp_path: Path, way: Publish) -> None:
    with pytest.raises(FileNotFoundError):
        way(tmp_path / ".new", tmp_path / "target")
    assert content(tmp_path) == {}


@posix
@ways
def test_any_name_will_do(tmp_path: Path, way: Publish) -> None:
    for name in [os.fsdecode(b"\xff\xfe\n'"), "Zoë 李 😀", "x" * 255]:
        (tmp_path / ".new").write_bytes(name.encode("utf-8", "surrogateescape"))
        way(tmp_path / ".new", tmp_path / name)
        assert (tmp_path / name).read_bytes() == name.encode("utf-8", "surrogateescape")


@ways
def test_of_many_who_want_a_name_exactly_one_gets_it(tmp_path: Path, way: Publish) -> None:
    contenders, rounds = 8, 25
    for round_ in range(rounds):
        folder = tmp_path / str(round_)
        folder.mkdir()
        start = threading.Barrier(contenders)

        def contend(
            number: int, folder: Path = folder, start: threading.Barrier = start
        ) -> int | None:
            own = folder / f".{number}"
            own.write_bytes(b"%d" % number)
            start.wait()
            try:
                way(own, folder / "target")
            except FileExistsError:
                return None
            return number

        with ThreadPoolExecutor(contenders) as pool:
            winners = [n for n in pool.map(contend, range(contenders)) if n is not None]
        assert len(winners) == 1
        losers = {f".{n}": b"%d" % n for n in range(contenders) if n not in winners}
        assert content(folder) == {"target": b"%d" % winners[0]} | losers


@posix
@ways
def test_an_error_that_is_no_missing_feature_is_not_hidden(tmp_path: Path, way: Publish) -> None:
    (tmp_path / ".new").touch()
    with pytest.raises(OSError, match="long") as caught:
        way(tmp_path / ".new", tmp_path / ("x" * 256))
    assert caught.value.errno == errno.ENAMETOOLONG
    assert content(tmp_path) == {".new": b""}


# --- file systems that support neither call ---------------------------------------------------


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system on which neither an exclusive rename nor a hard link works, as FAT on an old kernel."""

    def refuse(code: int) -> Callable[..., None]:
        def call(*_: object) -> None:
            raise OSError(code, os.strerror(code))

        return call

    monkeypatch.setattr("facesort.files.durable._rename_exclusively", refuse(errno.EINVAL))
    monkeypatch.setattr("facesort.files.durable.os.link", refuse(errno.EPERM))


@posix
@pytest.mark.usefixtures("bare")
def test_without_exclusive_rename_and_links_a_file_still_gets_its_name(tmp_path: Path) -> None:
    (tmp_path / ".new").write_bytes(b"new")
    publish(tmp_path / ".new", tmp_path / "target")
    assert content(tmp_path) == {"target": b"new"}


@posix
@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("kind", ["file", "empty file", "link to nothing"])
def test_without_exclusive_rename_and_links_nothing_is_replaced(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "target"
    if kind == "link to nothing":
        target.symlink_to("nowhere")
    else:
        target.write_bytes(b"old" if kind == "file" else b"")
    (tmp_path / ".new").write_bytes(b"new")
    before = target.lstat()
    with pytest.raises(FileExistsError) as caught:
        publish(tmp_path / ".new", target)
    assert (caught.value.errno, caught.value.filename) == (errno.EEXIST, str(target))
    assert (target.lstat().st_ino, target.lstat().st_size) == (before.st_ino, before.st_size)
    assert (tmp_path / ".new").read_bytes() == b"new"


# --- durability -------------------------------------------------------------------------------


@posix
def test_a_file_is_synced_with_all_of_its_content(tmp_path: Path, synced: Synced) -> None:
    write_synced(tmp_path / "file", b"x" * 100)
    assert synced == [((tmp_path / "file").stat().st_ino, 100, [])]


@posix
def test_a_replaced_file_is_synced_before_its_rename_and_its_folder_after(
    tmp_path: Path, synced: Synced
) -> None:
    (tmp_path / "file").write_bytes(b"old")
    replace_file(tmp_path / "file", b"x" * 100)
    assert synced == [
        ((tmp_path / "file").stat().st_ino, 100, []),
        (tmp_path.stat().st_ino, 0, ["file"]),
    ]


@posix
def test_a_replacement_that_fails_leaves_the_old_file_alone(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(NotOursError, match="is a folder"):
        replace_file(tmp_path / "folder", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@posix
@pytest.mark.parametrize(("code", "hidden"), [(errno.EINVAL, True), (errno.EIO, False)])
def test_only_a_folder_sync_that_is_not_supported_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, hidden: bool
) -> None:
    def fsync(handle: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("facesort.files.durable.os.fsync", fsync)
    with nullcontext() if hidden else pytest.raises(OSError, match=os.strerror(code)):
        sync_folder(tmp_path)


@posix
def test_a_rename_that_fails_for_good_is_not_tried_another_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("facesort.files.durable._rename_exclusively", fail)
    (tmp_path / ".new").write_bytes(b"new")
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        publish(tmp_path / ".new", tmp_path / "target")
    assert content(tmp_path) == {".new": b"new"}


# --- the small ones ---------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"x", os.urandom((1 << 20) + 1)], ids=len)
def test_written_bytes_and_their_hash(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file"
    write_synced(path, data)
    assert path.read_bytes() == data
    assert file_sha256(path) == hashlib.sha256(data).hexdigest()


def test_hashing_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        file_sha256(tmp_path / "gone")


def test_syncing_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    sync_folder(tmp_path)
    assert content(tmp_path) == {"file": b""}


@posix
def test_syncing_a_folder_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "gone")


@posix
def test_handles_are_given_back(tmp_path: Path) -> None:
    def handles() -> int:
        return len(os.listdir("/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"))

    before = handles()
    for i in range(20):
        write_synced(tmp_path / str(i), b"x")
        sync_folder(tmp_path)
    assert handles() == before


def test_json_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    for value in ({}, {"a": [1, None, "Zoë"]}, {"b": 2.5}):
        replace_json(path, value)
        assert json.loads(path.read_text(encoding="utf-8")) == value
    assert list(content(tmp_path)) == ["progress.json"]


def test_a_reader_never_sees_half_a_json_file(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    replace_json(path, [0] * 5000)
    done = threading.Event()

    def write() -> None:
        for number in range(60):
            replace_json(path, [number] * 5000)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not done.is_set():
        value = json.loads(path.read_text(encoding="utf-8"))
        assert len(value) == 5000
        seen |= set(value)
    writer.join()
    assert len(seen) > 1, "the reader never met the writer"
