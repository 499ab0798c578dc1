"""Which photos are there: every file once, in the same order, and none taken for another."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from disks import unprivileged

from facesort.core.records import File
from facesort.core.sources.files import FileState, FoundFile, KnownFile, KnownFiles, ScanResult
from facesort.core.text.paths import from_text
from facesort.engine.scan.scan import scan
from facesort.engine.sources.root_folder import RootFolder

posix = pytest.mark.skipif(os.name == "nt", reason="links, permissions and names of POSIX")
bytes_names = pytest.mark.skipif(
    sys.platform in {"win32", "darwin"}, reason="names are always UTF-8 here"
)

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
NOON = 1_780_000_000 * SECOND


def put(root: Path, *names: str, size: int = 10, mtime_ns: int = NOON) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
        os.utime(path, ns=(mtime_ns, mtime_ns))


def paths(result: ScanResult) -> list[str]:
    return [photo.path for photo in result.new]


def known(root: Path) -> list[KnownFile]:
    """Everything that is there, read."""
    return [
        KnownFile(
            File(number, *found),
            FileState.PRESENT,
            hashlib.sha256((root / from_text(found.path)).read_bytes()).hexdigest(),
        )
        for number, found in enumerate(scan_source(root).new, start=1)
    ]


def scan_source(
    root: Path, before: Sequence[KnownFile] = (), apart: Sequence[RootFolder] = ()
) -> ScanResult:
    return scan({"card": root}, KnownFiles.of(before), apart=apart)


# --- a second scan ----------------------------------------------------------------------------


def test_known_photos_are_not_new(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b/c.jpg", "d.txt")
    again = scan_source(tmp_path, known(tmp_path))
    assert replace(again, skipped={}) == ScanResult()
    assert {path: one.reason for (_, path), one in again.skipped.items()} == {"d.txt": "other"}


@pytest.mark.parametrize(
    ("moved", "same"),
    [
        (0, True),
        (1, False),  # it is read again, and its content tells
        (2 * SECOND, False),
        (3 * SECOND, False),
        (HOUR, True),  # summer time
        (-HOUR, True),
        (HOUR + 2 * SECOND, True),
        (HOUR - 2 * SECOND, True),
        (HOUR + 3 * SECOND, False),
        (5 * HOUR + HOUR // 2, True),  # India
        (5 * HOUR + 3 * HOUR // 4, True),  # Nepal
        (5 * HOUR + HOUR // 3, False),
        (26 * HOUR, True),  # from one end of the world to the other
        (-26 * HOUR, True),
        (26 * HOUR + 2 * SECOND, True),
        # No time zone moves a file by days.
        (27 * HOUR, False),
        (-48 * HOUR, False),
        (365 * 24 * HOUR, False),
    ],
)
def test_a_file_is_the_same_if_only_its_clock_moved(tmp_path: Path, moved: int, same: bool) -> None:
    put(tmp_path, "a.ARW")
    first = known(tmp_path)
    put(tmp_path, "a.ARW", mtime_ns=NOON + moved)
    again = scan_source(tmp_path, first)
    new = (FoundFile("card", "a.ARW", 10, NOON + moved),)
    assert (again.new, again.replaced) == (((), ()) if same else (new, (1,)))
    assert again.shifted == ({1: NOON + moved} if same and moved else {})


def test_another_photo_with_the_same_name_size_and_quarter_of_an_hour_is_new(
    tmp_path: Path,
) -> None:
    """Uncompressed photos are all of one size: 45 minutes and a second later another card has this one."""
    put(tmp_path, "a.ARW")
    first = known(tmp_path)
    (tmp_path / "a.ARW").write_bytes(b"another..!")
    os.utime(tmp_path / "a.ARW", ns=(NOON, NOON + 2701 * SECOND))
    again = scan_source(tmp_path, first)
    assert (paths(again), again.replaced, again.shifted) == (["a.ARW"], (1,), {})


@pytest.mark.parametrize("moved", [0, HOUR])
@pytest.mark.parametrize("size", [9, 11])
def test_a_file_of_another_size_is_a_new_photo(tmp_path: Path, moved: int, size: int) -> None:
    put(tmp_path, "a.jpg")
    first = known(tmp_path)
    put(tmp_path, "a.jpg", size=size, mtime_ns=NOON + moved)
    assert scan_source(tmp_path, first).new == (FoundFile("card", "a.jpg", size, NOON + moved),)


def test_a_renamed_file_is_a_new_photo(tmp_path: Path) -> None:
    """Its content will tell that it is a duplicate; the scan opens nothing."""
    put(tmp_path, "a.jpg")
    first = known(tmp_path)
    (tmp_path / "a.jpg").rename(tmp_path / "b.jpg")
    assert paths(scan_source(tmp_path, first)) == ["b.jpg"]


# --- hostile trees ----------------------------------------------------------------------------


@posix
def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    put(tmp_path, "folder.jpg/a.jpg")
    assert paths(scan_source(tmp_path)) == ["folder.jpg/a.jpg"]


@posix
def test_a_folder_that_must_not_be_read_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with unprivileged() as root:
        put(root, "a.jpg", "closed/b.jpg", "z.jpg")
        (root / "closed").chmod(0)
        result = scan_source(root)
        (root / "closed").chmod(0o755)
        assert paths(result) == ["a.jpg", "z.jpg"]
        assert result.unreadable == (("card", "closed"),)
        assert "closed cannot be read (Permission denied): give this user access" in caplog.text


@posix
def test_a_folder_that_can_be_listed_but_not_entered_is_told() -> None:
    """Its files cannot be asked for their size."""
    with unprivileged() as root:
        put(root, "a.jpg", "closed/b.jpg")
        (root / "closed").chmod(0o444)
        result = scan_source(root)
        (root / "closed").chmod(0o755)
        assert paths(result) == ["a.jpg"]
        assert result.unreadable == (("card", "closed/b.jpg"),)
