"""Opening, creating and deleting facesort's own files: never through a link, never what it did not make."""

from __future__ import annotations

import os
import re
import socket
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from facesort.files import (
    Kind,
    NotOursError,
    at_fault,
    create_own,
    kind_of,
    make_own_folder,
    open_own,
    open_regular,
    read_own,
    remove_own,
    remove_own_folder,
    replace_file,
    write_synced,
)

NAMES = re.compile(r"[0-9]{3}\.jpg")
posix = pytest.mark.skipif(os.name == "nt", reason="pipes and modes as on POSIX")


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder with a file that nobody may change."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "001.jpg").write_bytes(b"a photo")
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


def snapshot(folder: Path) -> list[tuple[str, int, int, bytes]]:
    def described(path: Path) -> tuple[str, int, int, bytes]:
        found = path.lstat()
        data = path.read_bytes() if stat.S_ISREG(found.st_mode) else b""
        return path.name, found.st_mode, found.st_mtime_ns, data

    return [described(path) for path in (folder, *sorted(folder.rglob("*")))]


def make_socket(path: Path, _: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the names of sockets are short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


FOREIGN: dict[str, Callable[[Path, Path], object]] = {
    "a link to a file": lambda path, outside: path.symlink_to(outside / "001.jpg"),
    "a link to nothing": lambda path, outside: path.symlink_to(outside / "new"),
    "a link to a folder": lambda path, outside: path.symlink_to(outside),
    "a link to itself": lambda path, _: path.symlink_to(path),
    "a pipe": lambda path, _: os.mkfifo(path),
    "a socket": make_socket,
    "a folder": lambda path, _: path.mkdir(),
}


@posix
@pytest.mark.parametrize("foreign", FOREIGN)
@pytest.mark.parametrize(
    "touch",
    [
        lambda path, root: open_own(path, below=root),
        lambda path, root: open_own(path, below=root, write=True),
        lambda path, root: read_own(path, below=root),
        lambda path, root: remove_own(path, below=root),
        lambda path, _: replace_file(path, b"mine"),
        lambda path, _: replace_file(path.with_name(path.name[1:-4]), b"mine"),
    ],
    ids=["open", "open to write", "read", "remove", "replace", "replace through its temporary"],
)
def test_what_is_not_a_file_of_ours_is_refused_and_untouched(
    root: Path, outside: Path, foreign: str, touch: Callable[[Path, Path], object]
) -> None:
    path = root / ".own.new"
    FOREIGN[foreign](path, outside)
    before, kind = snapshot(outside), kind_of(path)
    with pytest.raises(NotOursError) as caught:
        touch(path, root)
    assert at_fault(root / "another", caught.value) == path
    assert at_fault(path, OSError(28, "full", "another")) == path
    assert f"is a {kind}" in str(caught.value)
    assert (snapshot(outside), kind_of(path)) == (before, kind)
    assert [p.name for p in root.iterdir()] == [".own.new"]


@posix
@pytest.mark.parametrize("foreign", FOREIGN)
def test_nothing_is_created_where_something_is(root: Path, outside: Path, foreign: str) -> None:
    path = root / "own"
    FOREIGN[foreign](path, outside)
    before, kind = snapshot(outside), kind_of(path)
    with pytest.raises(FileExistsError):
        write_synced(path, b"mine")
    assert (snapshot(outside), kind_of(path)) == (before, kind)


@posix
@pytest.mark.parametrize("foreign", [name for name in FOREIGN if name != "a folder"])
def test_no_folder_is_made_or_emptied_where_something_else_is(
    root: Path, outside: Path, foreign: str
) -> None:
    FOREIGN[foreign](root / "staging", outside)
    before = snapshot(outside)
    for act in (
        lambda: make_own_folder(root / "staging", below=root),
        lambda: remove_own_folder(root / "staging", NAMES, below=root),
    ):
        with pytest.raises(NotOursError):
            act()
    assert snapshot(outside) == before


@posix
def test_no_link_is_followed_on_the_way_either(root: Path, outside: Path) -> None:
    (root / "staging").symlink_to(outside.parent)
    inner = root / "staging" / "outside"
    before = snapshot(outside)
    for act in (
        lambda: read_own(inner / "001.jpg", below=root),
        lambda: remove_own(inner / "001.jpg", below=root),
        lambda: remove_own_folder(inner, NAMES, below=root),
        lambda: make_own_folder(inner / "new", below=root),
    ):
        with pytest.raises(NotOursError, match="staging"):
            act()
    assert snapshot(outside) == before


@posix
def test_the_root_itself_may_be_reached_by_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    below = tmp_path / "link"
    make_own_folder(below / "staging", below=below)
    write_synced(below / "staging" / "001.jpg", b"mine")
    assert read_own(below / "staging" / "001.jpg", below=below) == b"mine"
    assert remove_own_folder(below / "staging", NAMES, below=below) == []
    assert not (root / "staging").exists()


@pytest.mark.parametrize("path", ["../outside/001.jpg", "a/../../outside/001.jpg"])
def test_a_way_up_is_a_mistake_of_the_caller(root: Path, outside: Path, path: str) -> None:
    with pytest.raises(ValueError, match=re.escape("..")):
        remove_own(root / path, below=root)
    with pytest.raises(ValueError, match="subpath"):
        remove_own(outside / "001.jpg", below=root)
    assert (outside / "001.jpg").read_bytes() == b"a photo"


def test_a_file_is_read_up_to_its_limit(root: Path) -> None:
    (root / "small").write_bytes(b"x" * 10)
    assert read_own(root / "small", below=root, limit=10) == b"x" * 10
    with pytest.raises(NotOursError, match="has more than 9 bytes"):
        read_own(root / "small", below=root, limit=9)
    with pytest.raises(FileNotFoundError):
        read_own(root / "gone", below=root)


def test_a_file_is_changed_in_place(root: Path) -> None:
    (root / "file").write_bytes(b"old content")
    with open_own(root / "file", below=root, write=True) as stream:
        stream.write(b"new")
    assert (root / "file").read_bytes() == b"new content"


@posix
def test_a_file_that_the_user_named_may_be_a_link_but_not_a_pipe(root: Path, outside: Path) -> None:
    (root / "link").symlink_to(outside / "001.jpg")
    with open_regular(root / "link") as stream:
        assert stream.read() == b"a photo"
    os.mkfifo(root / "pipe")
    (root / "link to a pipe").symlink_to(root / "pipe")
    for name in ("pipe", "link to a pipe", "."):
        with pytest.raises(NotOursError, match="is not a regular file"):
            open_regular(root / name)
    with pytest.raises(NotOursError, match="is not a regular file"):
        open_regular(Path("/dev/zero"))


@posix
def test_private_files_are_private_whatever_the_umask(root: Path) -> None:
    former = os.umask(0)
    try:
        write_synced(root / "private", b"", private=True)
        write_synced(root / "public", b"")
        replace_file(root / "replaced", b"")
        make_own_folder(root / "folder", below=root)
    finally:
        os.umask(former)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in root.iterdir()}
    assert modes == {"private": 0o600, "public": 0o666, "replaced": 0o600, "folder": 0o700}


def test_removing_what_is_not_there(root: Path) -> None:
    remove_own(root / "gone", below=root)
    remove_own(root / "nowhere" / "gone", below=root)
    assert remove_own_folder(root / "gone", NAMES, below=root) == []


def test_a_folder_that_is_there_is_kept(root: Path) -> None:
    make_own_folder(root / "staging", below=root)
    (root / "staging" / "001.jpg").touch()
    make_own_folder(root / "staging", below=root)
    assert (root / "staging" / "001.jpg").exists()


@posix
def test_a_hard_link_loses_only_its_name(root: Path, outside: Path) -> None:
    os.link(outside / "001.jpg", root / "001.jpg")
    remove_own(root / "001.jpg", below=root)
    assert (outside / "001.jpg").read_bytes() == b"a photo"


ENTRIES = st.dictionaries(
    st.one_of(
        st.from_regex(NAMES, fullmatch=True),
        st.sampled_from(["@eaDir", "001.JPG", "001.jpg ", "1001.jpg", "001.jpg\n", ".DS_Store"]),
    ),
    st.sampled_from(["a file", *FOREIGN]),
    max_size=6,
)


@posix
@settings(deadline=None)
@given(entries=ENTRIES)
def test_of_a_folder_goes_what_is_ours_and_nothing_else(entries: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        root, outside = Path(scratch, "root"), Path(scratch, "outside")
        (root / "staging").mkdir(parents=True)
        outside.mkdir()
        (outside / "001.jpg").write_bytes(b"a photo")
        for name, what in entries.items():
            if what == "a file":
                (root / "staging" / name).write_bytes(b"x")
            else:
                FOREIGN[what](root / "staging" / name, outside)
        before = snapshot(outside)
        foreign = {
            name for name, what in entries.items() if what != "a file" or not NAMES.fullmatch(name)
        }
        left = remove_own_folder(root / "staging", NAMES, below=root)
        assert {path.name for path in left} == foreign
        assert kind_of(root / "staging") == (Kind.FOLDER if foreign else None)
        assert {p.name for p in (root / "staging").glob("*")} == foreign
        assert snapshot(outside) == before


def test_create_gives_a_stream(root: Path) -> None:
    with create_own(root / "new", private=False) as stream:
        stream.write(b"mine")
    assert (root / "new").read_bytes() == b"mine"
