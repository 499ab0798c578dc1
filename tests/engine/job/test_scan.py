"""Which photos are there: every file once, in the same order, and none taken for another."""

from __future__ import annotations

import os
import sys
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from disks import unprivileged

from facesort.core.paths import from_text
from facesort.core.records import Photo
from facesort.engine.job.scan import ScanResult, scan_source
from facesort.engine.sources.root_folder import RootFolder
from facesort.errors import SettingsError

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


def known(result: ScanResult) -> dict[str, Photo]:
    return {photo.path: photo for photo in result.new}


def test_an_empty_source_has_no_photos(tmp_path: Path) -> None:
    assert scan_source(tmp_path, {}) == ScanResult((), {}, ())
    (tmp_path / "empty" / "folder").mkdir(parents=True)
    assert scan_source(tmp_path, {}) == ScanResult((), {}, ())


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
    result = scan_source(tmp_path, {})
    assert paths(result) == sorted(names)
    assert [photo.photo_id for photo in result.new] == list(range(1, len(names) + 1))
    assert result.new[0] == Photo(1, "10.jpg", 10, NOON)


def test_the_order_does_not_depend_on_the_order_of_creation(tmp_path: Path) -> None:
    names = [f"{folder}/{i}.jpg" for folder in "abc" for i in range(40)]
    put(tmp_path / "one", *names)
    put(tmp_path / "two", *reversed(names))
    assert scan_source(tmp_path / "one", {}) == scan_source(tmp_path / "two", {})


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
    result = scan_source(tmp_path, {})
    assert paths(result) == ["a.jpg"]
    assert result.skipped == {name: reason}


def test_every_file_is_either_new_or_skipped(tmp_path: Path) -> None:
    names = ["a.jpg", "b/.c.jpg", "b/d.xmp", "b/e/f.NEF", "Thumbs.db"]
    put(tmp_path, *names)
    result = scan_source(tmp_path, {})
    assert sorted([*paths(result), *result.skipped]) == sorted(names)


# --- a second scan ----------------------------------------------------------------------------


def test_known_photos_are_not_new(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b/c.jpg", "d.txt")
    again = scan_source(tmp_path, known(scan_source(tmp_path, {})))
    assert again == ScanResult((), {"d.txt": "other"}, ())


def test_new_photos_get_the_ids_that_follow(tmp_path: Path) -> None:
    put(tmp_path, "m.jpg", "n.jpg")
    first = known(scan_source(tmp_path, {}))
    put(tmp_path, "a.jpg", "z.jpg")
    assert [(p.photo_id, p.path) for p in scan_source(tmp_path, first).new] == [
        (3, "a.jpg"),
        (4, "z.jpg"),
    ]


def test_ids_of_photos_that_are_gone_are_not_given_again(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.jpg")
    first = known(scan_source(tmp_path, {}))
    (tmp_path / "b.jpg").unlink()
    put(tmp_path, "c.jpg")
    assert [p.photo_id for p in scan_source(tmp_path, first).new] == [3]


@pytest.mark.parametrize(
    ("moved", "same"),
    [
        (0, True),
        (1, True),
        (2 * SECOND, True),  # FAT keeps even seconds
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
        # No time zone moves a file by days. Uncompressed RAW files are all of one size, so that one in 225 of
        # those that were replaced by another photo would pass for the old one, and be lost without a word.
        (27 * HOUR, False),
        (-48 * HOUR, False),
        (365 * 24 * HOUR, False),
    ],
)
def test_a_file_is_the_same_if_only_its_clock_moved(tmp_path: Path, moved: int, same: bool) -> None:
    put(tmp_path, "a.ARW")
    first = known(scan_source(tmp_path, {}))
    put(tmp_path, "a.ARW", mtime_ns=NOON + moved)
    again = scan_source(tmp_path, first).new
    assert again == (() if same else (Photo(2, "a.ARW", 10, NOON + moved),))


@pytest.mark.parametrize("moved", [0, HOUR])
@pytest.mark.parametrize("size", [9, 11])
def test_a_file_of_another_size_is_a_new_photo(tmp_path: Path, moved: int, size: int) -> None:
    put(tmp_path, "a.jpg")
    first = known(scan_source(tmp_path, {}))
    put(tmp_path, "a.jpg", size=size, mtime_ns=NOON + moved)
    assert scan_source(tmp_path, first).new == (Photo(2, "a.jpg", size, NOON + moved),)


def test_a_renamed_file_is_a_new_photo(tmp_path: Path) -> None:
    """Its content will tell that it is a duplicate; the scan opens nothing."""
    put(tmp_path, "a.jpg")
    first = known(scan_source(tmp_path, {}))
    (tmp_path / "a.jpg").rename(tmp_path / "b.jpg")
    assert paths(scan_source(tmp_path, first)) == ["b.jpg"]


# --- hostile trees ----------------------------------------------------------------------------


@posix
def test_links_are_not_followed(tmp_path: Path) -> None:
    source, outside = tmp_path / "source", tmp_path / "outside"
    put(source, "a.jpg", "day/b.jpg")
    put(outside, "secret.jpg")
    (source / "loop").symlink_to(source, target_is_directory=True)
    (source / "day" / "up").symlink_to("..", target_is_directory=True)
    (source / "out").symlink_to(outside, target_is_directory=True)
    (source / "linked.jpg").symlink_to(outside / "secret.jpg")
    (source / "broken.jpg").symlink_to("nowhere.jpg")
    (source / "self.jpg").symlink_to("self.jpg")
    result = scan_source(source, {})
    assert paths(result) == ["a.jpg", "day/b.jpg"]
    assert result.skipped == {
        "loop": "other",
        "day/up": "other",
        "out": "other",
        "linked.jpg": "symbolic_link",
        "broken.jpg": "symbolic_link",
        "self.jpg": "symbolic_link",
    }


@posix
def test_a_source_that_is_a_link_is_the_users_wish(tmp_path: Path) -> None:
    put(tmp_path / "disk", "a.jpg")
    (tmp_path / "source").symlink_to("disk", target_is_directory=True)
    assert paths(scan_source(tmp_path / "source", {})) == ["a.jpg"]


@posix
def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    put(tmp_path, "folder.jpg/a.jpg")
    assert paths(scan_source(tmp_path, {})) == ["folder.jpg/a.jpg"]


@posix
def test_a_folder_that_must_not_be_read_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with unprivileged() as root:
        put(root, "a.jpg", "closed/b.jpg", "z.jpg")
        (root / "closed").chmod(0)
        result = scan_source(root, {})
        (root / "closed").chmod(0o755)
        assert paths(result) == ["a.jpg", "z.jpg"]
        assert result.unreadable == (str(root / "closed"),)
        assert "closed cannot be listed (Permission denied): give this user access" in caplog.text


@posix
def test_a_folder_that_can_be_listed_but_not_entered_is_told() -> None:
    """Its files cannot be asked for their size."""
    with unprivileged() as root:
        put(root, "a.jpg", "closed/b.jpg")
        (root / "closed").chmod(0o444)
        result = scan_source(root, {})
        (root / "closed").chmod(0o755)
        assert paths(result) == ["a.jpg"]
        assert result.unreadable == (str(root / "closed" / "b.jpg"),)


class Deleting(dict[str, Photo]):
    """Known photos; somebody empties the folder while the first one is being looked up."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __contains__(self, name: object) -> bool:
        for path in self.folder.iterdir():
            path.unlink()
        return False


def test_files_that_go_while_they_are_scanned_were_never_there(tmp_path: Path) -> None:
    """As the temporary files of an editor that is open meanwhile."""
    put(tmp_path, "a.jpg", "b.jpg", "c.jpg")
    result = scan_source(tmp_path, Deleting(tmp_path))
    assert len(result.new) == 1, "the one that was asked for its size before"
    assert (result.skipped, result.unreadable) == ({}, ())


def test_a_missing_source_is_told(tmp_path: Path) -> None:
    assert scan_source(tmp_path / "gone", {}).unreadable == (str(tmp_path / "gone"),)


# --- names ------------------------------------------------------------------------------------


@bytes_names
def test_a_name_that_is_not_utf8_is_kept(tmp_path: Path) -> None:
    names = [os.fsdecode(b) for b in (b"\xff\xfe.jpg", "Fête/é.jpg".encode("latin-1"))]
    put(tmp_path, *names)
    result = scan_source(tmp_path, {})
    assert sorted(from_text(path) for path in paths(result)) == sorted(names)
    for photo in result.new:
        assert (tmp_path / from_text(photo.path)).is_file()
    assert scan_source(tmp_path, known(result)).new == ()


@posix
@pytest.mark.parametrize("name", ["a\nb.jpg", "a\\b.jpg", "a'b\".jpg", " a .jpg", "-rf.jpg", "a:b*c?.jpg", "😀.jpg",
                                  "x" * 251 + ".jpg", "\u202egpj.exe.jpg"])  # fmt: skip
def test_a_strange_name_is_kept(tmp_path: Path, name: str) -> None:
    put(tmp_path, f"day/{name}")
    result = scan_source(tmp_path, {})
    assert paths(result) == [f"day/{name}"]
    assert scan_source(tmp_path, known(result)).new == ()


@pytest.mark.skipif(sys.platform != "linux", reason="macOS and Windows fold such names together")
def test_names_that_look_alike_are_two_photos(tmp_path: Path) -> None:
    composed = "Zo\u00eb.jpg"
    decomposed = unicodedata.normalize("NFD", composed)
    put(tmp_path, composed, decomposed, "ZOË.jpg")
    result = scan_source(tmp_path, {})
    assert sorted(paths(result)) == sorted([composed, decomposed, "ZOË.jpg"])
    assert scan_source(tmp_path, known(result)).new == ()


@posix
def test_folders_deep_down_are_reached(tmp_path: Path) -> None:
    deep = "/".join(["d" * 50] * 40)
    put(tmp_path, f"{deep}/a.jpg")
    assert paths(scan_source(tmp_path, {})) == [f"{deep}/a.jpg"]


@posix
def test_a_folder_that_must_not_be_in_the_source_is_refused_under_any_name(tmp_path: Path) -> None:
    """As a container has it whose output is a folder of the source, mounted a second time."""
    put(tmp_path, "source/a.jpg", "source/sorted/Ada/a.jpg", "apart/b.jpg")
    there, apart = RootFolder.of(tmp_path / "source" / "sorted"), RootFolder.of(tmp_path / "apart")
    mounted_again = replace(there, path=Path("/output"))
    with pytest.raises(SettingsError, match=r"source/sorted in the source is .*/output: .*apart"):
        scan_source(tmp_path / "source", {}, [apart, mounted_again])
    assert len(scan_source(tmp_path / "source", {}, [apart]).new) == 2
