"""Which photos are there: every file once, in the same order, and none taken for another."""

from __future__ import annotations

import hashlib
import os
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from disks import unprivileged

from facesort.core.comparison import FileState, FoundFile, KnownFile, ScanResult
from facesort.core.paths import from_text
from facesort.core.records import File
from facesort.engine.job.scan import scan
from facesort.engine.sources.root_folder import RootFolder
from facesort.errors import SettingsError, SourceGoneError

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
    return scan({"card": root}, before, apart=apart)


def test_an_empty_source_has_no_photos(tmp_path: Path) -> None:
    assert scan_source(tmp_path) == ScanResult()
    (tmp_path / "empty" / "folder").mkdir(parents=True)
    assert scan_source(tmp_path) == ScanResult()


def test_photos_are_found_in_the_order_of_their_paths(tmp_path: Path) -> None:
    names = [
        "b.jpg",
        "a/z.ARW",
        "a/b/c.heic",
        "B.JPG",
        "a.jpg",
        "10.jpg",
        "9.jpg",
        "ä.jpg",
        "a b.jpg",
    ]
    put(tmp_path, *names)
    result = scan_source(tmp_path)
    assert paths(result) == sorted(names)
    assert result.new[0] == FoundFile("card", "10.jpg", 10, NOON)


def test_the_order_does_not_depend_on_the_order_of_creation(tmp_path: Path) -> None:
    names = [f"{folder}/{i}.jpg" for folder in "abc" for i in range(40)]
    put(tmp_path / "one", *names)
    put(tmp_path / "two", *reversed(names))
    assert scan_source(tmp_path / "one") == scan_source(tmp_path / "two")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (".hidden.jpg", "hidden"),
        ("._DSC1.ARW", "hidden"),
        (".thumbnails/a.jpg", "hidden"),
        ("@eaDir/a.jpg", "system"),
        ("$RECYCLE.BIN/a.jpg", "system"),
        ("DSC1.ARW.xmp", "sidecar"),
        ("clip.MP4", "video"),
        ("notes.txt", "other"),
        ("no_suffix", "other"),
    ],
)
def test_what_is_no_photo_is_skipped_with_a_reason(tmp_path: Path, name: str, reason: str) -> None:
    put(tmp_path, name, "a.jpg")
    result = scan_source(tmp_path)
    assert paths(result) == ["a.jpg"]
    assert {path: one.reason for (_, path), one in result.skipped.items()} == {name: reason}


def test_every_file_is_either_new_or_skipped(tmp_path: Path) -> None:
    names = ["a.jpg", "b/.c.jpg", "b/d.xmp", "b/e/f.NEF", "Thumbs.db"]
    put(tmp_path, *names)
    result = scan_source(tmp_path)
    assert sorted([*paths(result), *(path for _, path in result.skipped)]) == sorted(names)


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
def test_a_source_that_is_a_link_is_the_users_wish(tmp_path: Path) -> None:
    put(tmp_path / "disk", "a.jpg")
    (tmp_path / "source").symlink_to("disk", target_is_directory=True)
    assert paths(scan_source(tmp_path / "source")) == ["a.jpg"]


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


def test_a_missing_source_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceGoneError, match="gone"):
        scan_source(tmp_path / "gone")


# --- names ------------------------------------------------------------------------------------


@bytes_names
def test_a_name_that_is_not_utf8_is_kept(tmp_path: Path) -> None:
    names = [os.fsdecode(b) for b in (b"\xff\xfe.jpg", "Fête/é.jpg".encode("latin-1"))]
    put(tmp_path, *names)
    result = scan_source(tmp_path)
    assert sorted(from_text(path) for path in paths(result)) == sorted(names)
    for photo in result.new:
        assert (tmp_path / from_text(photo.path)).is_file()
    assert scan_source(tmp_path, known(tmp_path)).new == ()


@posix
@pytest.mark.parametrize("name", ["a\nb.jpg", "a\\b.jpg", "a'b\".jpg", " a .jpg", "-rf.jpg", "a:b*c?.jpg", "😀.jpg",
                                  "x" * 251 + ".jpg", "\u202egpj.exe.jpg"])  # fmt: skip
def test_a_strange_name_is_kept(tmp_path: Path, name: str) -> None:
    put(tmp_path, f"day/{name}")
    result = scan_source(tmp_path)
    assert paths(result) == [f"day/{name}"]
    assert scan_source(tmp_path, known(tmp_path)).new == ()


@pytest.mark.skipif(sys.platform != "linux", reason="macOS and Windows fold such names together")
def test_names_that_look_alike_are_two_photos(tmp_path: Path) -> None:
    composed = "Zo\u00eb.jpg"
    decomposed = unicodedata.normalize("NFD", composed)
    put(tmp_path, composed, decomposed, "ZOË.jpg")
    result = scan_source(tmp_path)
    assert sorted(paths(result)) == sorted([composed, decomposed, "ZOË.jpg"])
    assert scan_source(tmp_path, known(tmp_path)).new == ()


@posix
def test_folders_deep_down_are_reached(tmp_path: Path) -> None:
    deep = "/".join(["d" * 50] * 40)
    put(tmp_path, f"{deep}/a.jpg")
    assert paths(scan_source(tmp_path)) == [f"{deep}/a.jpg"]


@posix
def test_a_folder_that_must_not_be_in_the_source_is_refused_under_any_name(tmp_path: Path) -> None:
    """As a container has it whose output is a folder of the source, mounted a second time."""
    put(tmp_path, "source/a.jpg", "source/sorted/Ada/a.jpg", "apart/b.jpg")
    there, apart = RootFolder.of(tmp_path / "source" / "sorted"), RootFolder.of(tmp_path / "apart")
    mounted_again = replace(there, path=Path("/output"))
    with pytest.raises(SettingsError, match=r"source/sorted in the source is .*/output: .*apart"):
        scan_source(tmp_path / "source", (), [apart, mounted_again])
    assert len(scan_source(tmp_path / "source", (), [apart]).new) == 2
