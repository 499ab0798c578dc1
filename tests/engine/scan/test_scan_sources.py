"""Which photos are there: every file once, in the same order, and none taken for another."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from disks import bound, file_handles, mounted, needs_mount, pipe, unprivileged

from facesort.core.records import File
from facesort.core.sources.files import (
    FileState,
    FoundFile,
    KnownFile,
    KnownFiles,
    ScanResult,
    SkippedFile,
)
from facesort.core.text.paths import from_text
from facesort.engine.job.roots import RootFolder
from facesort.engine.scan import folders, walk
from facesort.engine.scan.folders import OpenFolder, Reach
from facesort.engine.scan.scan import scan
from facesort.errors import ResourceError, SettingsError, SourceGoneError

posix = pytest.mark.skipif(os.name == "nt", reason="links, permissions and names of POSIX")
bytes_names = pytest.mark.skipif(
    sys.platform in {"win32", "darwin"}, reason="names are always UTF-8 here"
)

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
NOON = 1_780_000_000 * SECOND
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\0"


def put(root: Path, *names: str, content: bytes = bytes(10), mtime_ns: int = NOON) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, ns=(mtime_ns, mtime_ns))


def scan_one(root: Path, before: ScanResult | None = None, **options: object) -> ScanResult:
    """Scan one source that was scanned and read before, or not yet."""
    known = known_from(before, {"card-1": root}) if before else []
    skipped = before.skipped if before else {}
    return scan({"card-1": root}, KnownFiles.of(known), skipped, **options)  # type: ignore[arg-type]


def known_from(result: ScanResult, places: dict[str, Path]) -> list[KnownFile]:
    """What the store knows after a first scan, and after all files were read."""
    return [
        KnownFile(File(i, *new), FileState.PRESENT, sha256(places[new.source], new.path))
        for i, new in enumerate(result.new, start=1)
    ]


def sha256(root: Path, path: str) -> str:
    try:
        return hashlib.sha256((root / from_text(path)).read_bytes()).hexdigest()
    except OSError:
        return ""


def paths(result: ScanResult) -> list[str]:
    return [new.path for new in result.new]


def reasons(result: ScanResult) -> dict[str, str]:
    return {path: skipped.reason for (_, path), skipped in result.skipped.items()}


def places_of(*names: str) -> tuple[tuple[str, str], ...]:
    return tuple(("card-1", name) for name in names)


def test_an_empty_source_has_no_photos(tmp_path: Path) -> None:
    assert scan_one(tmp_path) == ScanResult()
    (tmp_path / "empty" / "folder").mkdir(parents=True)
    assert scan_one(tmp_path) == ScanResult()
    assert scan({}, KnownFiles()) == ScanResult()


def test_photos_are_found_in_the_order_of_their_paths(tmp_path: Path) -> None:
    names = "b.jpg a/z.ARW a/b/c.heic B.JPG a.jpg 10.jpg 9.jpg ä.jpg".split()
    put(tmp_path, *names, "a b.jpg")
    result = scan_one(tmp_path)
    assert paths(result) == sorted([*names, "a b.jpg"])
    assert result.new[0] == FoundFile("card-1", "10.jpg", 10, NOON)


def test_sources_are_in_the_order_in_which_they_are_given(tmp_path: Path) -> None:
    put(tmp_path, "z/a.jpg", "y/b.jpg", "x/0.jpg")
    places = {name: tmp_path / name for name in "zyx"}
    assert [new.source for new in scan(places, KnownFiles()).new] == ["z", "y", "x"]


def test_another_order_is_kept_within_each_source(tmp_path: Path) -> None:
    """As the sort asks for it, so that the JPEG of a pair is decided first."""
    put(
        tmp_path,
        *(f"{card}/DSC{i}.{kind}" for card in "ab" for i in (1, 2) for kind in ("ARW", "JPG")),
    )

    def jpeg_first(new: FoundFile) -> tuple[str, bool]:
        stem, _, suffix = new.path.rpartition(".")
        return stem, suffix == "ARW"

    places = {card: tmp_path / card for card in "ab"}
    assert [new[:2] for new in scan(places, KnownFiles(), order=jpeg_first).new] == [
        (card, f"DSC{i}.{kind}") for card in "ab" for i in (1, 2) for kind in ("JPG", "ARW")
    ]


def test_the_order_does_not_depend_on_the_order_of_creation(tmp_path: Path) -> None:
    names = [f"{folder}/{i}.jpg" for folder in "abc" for i in range(40)]
    put(tmp_path / "one", *names)
    put(tmp_path / "two", *reversed(names))
    assert scan_one(tmp_path / "one") == scan_one(tmp_path / "two")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (".hidden.jpg", "hidden"),
        ("._DSC1.ARW", "hidden"),
        (".thumbnails/a.jpg", "hidden"),
        (".thumbnails/b/a.jpg", "hidden"),
        ("@eaDir/a.jpg", "system"),
        (".a/@eaDir/a.jpg", "system"),
        ("@eaDir/.a/b", "system"),
        ("$RECYCLE.BIN/a.jpg", "system"),
        ("Thumbs.db", "system"),
        ("DSC1.ARW.xmp", "sidecar"),
        ("clip.MP4", "video"),
        ("notes.txt", "other"),
        ("no_suffix", "other"),
    ],
)
def test_what_is_no_photo_is_skipped_with_a_reason(tmp_path: Path, name: str, reason: str) -> None:
    put(tmp_path, name, "a.jpg")
    result = scan_one(tmp_path)
    assert paths(result) == ["a.jpg"]
    assert result.skipped == {("card-1", name): SkippedFile(reason, 10, NOON)}


def test_every_file_is_either_new_or_skipped(tmp_path: Path) -> None:
    names = ["a.jpg", "b/.c.jpg", "b/d.xmp", "b/e/f.NEF", "Thumbs.db"]
    put(tmp_path, *names)
    result = scan_one(tmp_path)
    assert sorted([*paths(result), *reasons(result)]) == sorted(names)


# --- names that say nothing -------------------------------------------------------------------


def test_a_name_that_says_nothing_is_told_by_content(tmp_path: Path) -> None:
    put(tmp_path, "IMG_1", "IMG_2.jpeg_large", "d/IMG_3.insp_", content=JPEG)
    put(tmp_path, "clip", content=b"\0\0\0\x20ftypisom\0\0\0\0isommp42" + bytes(8))
    put(tmp_path, "notes", content=b"hello")
    put(tmp_path, "empty", content=b"")
    result = scan_one(tmp_path)
    assert paths(result) == ["IMG_1", "IMG_2.jpeg_large", "d/IMG_3.insp_"]
    assert reasons(result) == {"clip": "video", "notes": "other", "empty": "other"}


def test_real_photos_with_odd_names_are_found(assets: Path) -> None:
    field = assets / "field" / "photo-suffix-left-out"
    if not field.is_dir():
        pytest.skip("these test assets are older")
    result = scan_one(field)
    assert paths(result) == ["IMG_0001.insp", "IMG_0003_no_suffix", "jxl_named.jpg", "photo.jxl"]
    assert reasons(result) == {"README.md": "other"}


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files of which the first bytes are read."""
    names: list[str] = []
    head = walk.read_head

    def noting(reach: Reach, expected: os.stat_result) -> bytes:
        names.append(os.path.basename(reach[0]))
        return head(reach, expected)

    monkeypatch.setattr(walk, "read_head", noting)
    return names


def test_a_file_is_opened_only_once_and_only_if_its_name_may_not_say_what_it_is(
    tmp_path: Path, opened: list[str]
) -> None:
    put(tmp_path, "photo", content=JPEG)
    put(tmp_path, "notes", "a.jpg", "b.xmp", ".c", "d.mov")
    first = scan_one(tmp_path)
    assert sorted(opened) == ["d.mov", "notes", "photo"]
    opened.clear()
    assert scan_one(tmp_path, first) == ScanResult(skipped=first.skipped)
    assert opened == []


@pytest.mark.parametrize("name", ["a.mov", "a.MP4", "a.insv", "a.txt", "a.pdf", "a"])
def test_a_photo_is_found_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    put(tmp_path, name, content=JPEG)
    assert paths(scan_one(tmp_path)) == [name]


@pytest.mark.skipif(os.name == "nt", reason="NTFS knows such times, utime does not")
@pytest.mark.parametrize("year", [1900, 1969, 2300, 2440])
def test_a_file_of_any_year_is_known_again(tmp_path: Path, year: int) -> None:
    time_ns = (year - 1970) * 31_556_952 * SECOND
    put(tmp_path, "a.jpg", "film.mov", mtime_ns=time_ns)
    if abs((tmp_path / "a.jpg").stat().st_mtime_ns - time_ns) > SECOND:
        pytest.skip("this disk knows no such times")
    first = scan_one(tmp_path)
    assert all(abs(f.mtime_ns) < 2**63 - 1 for f in (*first.new, *first.skipped.values()))
    assert scan_one(tmp_path, first) == ScanResult(skipped=first.skipped)
    put(tmp_path, "a.jpg", mtime_ns=time_ns + 1)
    assert paths(scan_one(tmp_path, first)) == ["a.jpg"]


@pytest.mark.parametrize("change", [{"content": JPEG}, {"content": JPEG, "mtime_ns": NOON + 1}])
def test_what_was_no_photo_is_opened_again_after_a_change(
    tmp_path: Path, change: dict[str, object]
) -> None:
    put(tmp_path, "download", content=bytes(len(JPEG) - (len(change) == 1)))
    first = scan_one(tmp_path)
    assert reasons(first) == {"download": "other"}
    put(tmp_path, "download", **change)  # type: ignore[arg-type]
    assert paths(scan_one(tmp_path, first)) == ["download"]


def test_a_photo_without_a_suffix_that_is_none_any_more_is_gone(tmp_path: Path) -> None:
    put(tmp_path, "photo", content=JPEG)
    first = scan_one(tmp_path)
    put(tmp_path, "photo", content=b"text", mtime_ns=NOON + 1)
    result = scan_one(tmp_path, first)
    assert (result.gone, reasons(result)) == ((1,), {"photo": "other"})


@posix
def test_a_file_that_cannot_be_opened_is_told_and_tried_again() -> None:
    with unprivileged() as root:
        put(root, "photo", "a.jpg", content=JPEG)
        (root / "photo").chmod(0)
        first = scan_one(root)
        assert (paths(first), first.unreadable) == (["a.jpg"], places_of("photo"))
        (root / "photo").chmod(0o600)
        assert paths(scan_one(root, first)) == ["photo"]


@posix
def test_a_known_file_that_cannot_be_opened_stays() -> None:
    with unprivileged() as root:
        put(root, "photo", content=JPEG)
        first = scan_one(root)
        put(root, "photo", content=JPEG + b"1")
        (root / "photo").chmod(0)
        assert scan_one(root, first) == ScanResult(unreadable=places_of("photo"))
        (root / "photo").chmod(0o600)
        assert scan_one(root, first).replaced == (1,)


@posix
def test_a_pipe_is_neither_waited_for_nor_opened(tmp_path: Path) -> None:
    with pipe(tmp_path / "pipe") as one, pipe(tmp_path / "pipe.jpg") as two:
        result = scan_one(tmp_path)
        assert (paths(result), reasons(result)) == ([], {"pipe": "other", "pipe.jpg": "other"})
        assert one == two == []


@posix
def test_a_file_that_is_exchanged_for_a_pipe_meanwhile_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = walk.read_head

    def exchanging(reach: Reach, expected: os.stat_result) -> bytes:
        (tmp_path / "photo").unlink()
        os.mkfifo(tmp_path / "photo")
        return head(reach, expected)

    monkeypatch.setattr(walk, "read_head", exchanging)
    put(tmp_path, "photo", content=JPEG)
    assert scan_one(tmp_path) == ScanResult(unreadable=places_of("photo"))


# --- a second scan ----------------------------------------------------------------------------


def test_nothing_is_new_in_a_second_scan(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b/c.jpg", "d.txt")
    first = scan_one(tmp_path)
    assert scan_one(tmp_path, first) == ScanResult(skipped=first.skipped)


def test_a_renamed_file_is_new_and_gone(tmp_path: Path) -> None:
    """Its content will tell that it is the same photo; the scan opens nothing."""
    put(tmp_path, "a.jpg")
    first = scan_one(tmp_path)
    (tmp_path / "a.jpg").rename(tmp_path / "b.jpg")
    result = scan_one(tmp_path, first)
    assert (paths(result), result.gone) == (["b.jpg"], (1,))


def test_sources_that_are_not_there_stay_as_they_are(tmp_path: Path) -> None:
    put(tmp_path, "one/a.jpg", "two/a.jpg", "two/b.txt")
    places = {"one": tmp_path / "one", "two": tmp_path / "two"}
    first = scan(places, KnownFiles())
    known = known_from(first, places)
    shutil.rmtree(tmp_path / "two")
    assert scan({"one": places["one"]}, KnownFiles.of(known), first.skipped) == ScanResult()


def test_another_card_with_the_same_names_and_sizes_is_told_by_content(
    assets: Path, tmp_path: Path
) -> None:
    """Its times are 45 min 1 s later: a multiple of 15 minutes within what FAT can tell."""
    field = assets / "field" / "second-card-same-name-and-size"
    if not field.is_dir():
        pytest.skip("these test assets are older")
    source, name = tmp_path / "source", "100MSDCF/DSC00001.BMP"
    one, other = ((field / card / name).read_bytes() for card in ("card1", "card2"))
    assert len(one) == len(other)
    put(source, name, content=one, mtime_ns=1_700_000_000 * SECOND)
    known = known_from(scan_one(source), {"card-1": source})
    later = 1_700_002_701 * SECOND
    put(source, name, content=one, mtime_ns=later)
    assert scan({"card-1": source}, KnownFiles.of(known)) == ScanResult(shifted={1: later})
    put(source, name, content=other, mtime_ns=later)
    new = FoundFile("card-1", name, len(other), later)
    assert scan({"card-1": source}, KnownFiles.of(known)) == ScanResult(new=(new,), replaced=(1,))


def test_a_silent_change_is_found_by_a_check_of_everything(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.jpg", content=b"before")
    first = scan_one(tmp_path)
    known = known_from(first, {"card-1": tmp_path})
    put(tmp_path, "b.jpg", content=b"after_")
    calls: list[tuple[int, int]] = []
    result = scan(
        {"card-1": tmp_path},
        KnownFiles.of(known),
        everything=True,
        on_checked=lambda done, total: calls.append((done, total)),
    )
    assert result == ScanResult(new=(first.new[1],), replaced=(2,), checked=2)
    assert calls == [(1, 2), (2, 2)]


# --- sources in each other --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"), [("a", "a"), ("a", "a/b"), ("a/b", "a"), ("a", "a/../a/b/c")]
)
def test_sources_that_contain_each_other_are_refused_by_name(
    tmp_path: Path, one: str, other: str
) -> None:
    put(tmp_path, "a/b/c/x.jpg")
    places = {"first": tmp_path / one, "second": tmp_path / other}
    with pytest.raises(SettingsError, match=r"(?s)first \(.*second \(.*source remove"):
        scan(places, KnownFiles())


def test_folders_whose_names_begin_alike_are_two_sources(tmp_path: Path) -> None:
    put(tmp_path, "card/a.jpg", "card-2/b.jpg")
    found = scan({"1": tmp_path / "card", "2": tmp_path / "card-2"}, KnownFiles()).new
    assert [new[:2] for new in found] == [("1", "a.jpg"), ("2", "b.jpg")]


@posix
def test_a_source_that_is_a_link_into_another_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "a/b/x.jpg")
    (tmp_path / "link").symlink_to("a/b", target_is_directory=True)
    with pytest.raises(SettingsError, match="in the other"):
        scan({"first": tmp_path / "a", "second": tmp_path / "link"}, KnownFiles())


@needs_mount
def test_a_source_that_is_mounted_in_another_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "a/x.jpg", "b/y.jpg", "a/deep/mnt/z.jpg")
    places = {"first": tmp_path / "a", "second": tmp_path / "b"}
    for folder in ("a/deep/mnt", "b"):
        other = "b" if folder != "b" else "a"
        with (
            bound(tmp_path / other, tmp_path / folder),
            pytest.raises(SettingsError, match=r"(first|second) \(.*(first|second) \("),
        ):
            scan(places, KnownFiles())


@needs_mount
def test_a_disk_that_is_mounted_in_a_source_is_listed(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg")
    (tmp_path / "disk").mkdir()
    with mounted(tmp_path / "disk", "size=1m"):
        put(tmp_path, "disk/b.jpg")
        assert paths(scan_one(tmp_path)) == ["a.jpg", "disk/b.jpg"]


@posix
def test_a_folder_that_must_not_be_in_the_source_is_refused_under_any_name(tmp_path: Path) -> None:
    """As a container has it whose output is a folder of the source, mounted a second time."""
    put(tmp_path, "source/a.jpg", "source/sorted/Ada/a.jpg", "apart/b.jpg")
    there, apart = RootFolder.of(tmp_path / "source" / "sorted"), RootFolder.of(tmp_path / "apart")
    mounted_again = replace(there, path=Path("/output"))
    with pytest.raises(SettingsError, match=r"source/sorted in the source is .*/output: .*apart"):
        scan_one(tmp_path / "source", apart=[apart, mounted_again])
    assert len(scan_one(tmp_path / "source", apart=[apart]).new) == 2


# --- folders that cannot be read --------------------------------------------------------------


def test_a_missing_source_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceGoneError, match=r"gone \(card-1\) cannot be read \(No such file"):
        scan_one(tmp_path / "gone")


@posix
def test_a_source_that_disappears_meanwhile_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not found says nothing then."""
    source = tmp_path / "source"
    put(source, "a.jpg", "d/b.jpg", "e/c.jpg")
    first = scan_one(source)
    follow = walk.Walk._look

    def unplug(self: walk.Walk, at: OpenFolder, entry: os.DirEntry[str]) -> Sequence[object]:
        if source.exists():
            source.rename(tmp_path / "unplugged")
        return follow(self, at, entry)

    monkeypatch.setattr(walk.Walk, "_look", unplug)
    known = known_from(first, {"card-1": source})
    with pytest.raises(SourceGoneError, match=r"source \(card-1\) is gone: plug in"):
        scan({"card-1": source}, KnownFiles.of(known))


@posix
def test_a_folder_that_must_not_be_read_is_told_and_its_files_stay(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with unprivileged() as root:
        put(root, "a.jpg", "closed/b.jpg", "closed/c/d.jpg", "z.jpg")
        first = scan_one(root)
        known = known_from(first, {"card-1": root})
        (root / "z.jpg").unlink()
        (root / "closed").chmod(0)
        result = scan({"card-1": root}, KnownFiles.of(known))
        (root / "closed").chmod(0o755)
        assert result == ScanResult(gone=(4,), unreadable=places_of("closed"))
        assert "closed cannot be read (Permission denied): give this user access" in caplog.text


@posix
def test_a_folder_that_can_be_listed_but_not_entered_is_told_and_its_files_stay() -> None:
    """Its files cannot be asked for their size."""
    with unprivileged() as root:
        put(root, "a.jpg", "closed/b.jpg", "closed/c.xmp")
        first = scan_one(root)
        known = known_from(first, {"card-1": root})
        (root / "closed").chmod(0o444)
        result = scan({"card-1": root}, KnownFiles.of(known))
        (root / "closed").chmod(0o755)
        assert (result.new, result.gone) == ((), ())
        assert result.unreadable == places_of("closed/b.jpg", "closed/c.xmp")


def test_files_that_go_while_they_are_scanned_were_never_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the temporary files of an editor that is open meanwhile."""
    put(tmp_path, *(f"d/{name}.jpg" for name in "abc"), "d/noext")
    look = walk.Walk._look

    def deleting(self: walk.Walk, at: OpenFolder, entry: os.DirEntry[str]) -> Sequence[object]:
        for path in (tmp_path / "d").iterdir():
            path.unlink()
        return look(self, at, entry)

    monkeypatch.setattr(walk.Walk, "_look", deleting)
    assert scan_one(tmp_path) == ScanResult()


@posix
def test_no_file_is_lost_where_handles_run_out(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "d/e/f/b.jpg")
    with file_handles(3), pytest.raises((OSError, ResourceError)):
        scan_one(tmp_path)


@posix
def test_a_deep_tree_needs_few_handles(tmp_path: Path) -> None:
    put(tmp_path, "/".join("d" * 150) + "/a.jpg", "/".join("e" * 150) + "/photo", content=JPEG)
    with file_handles(64):
        assert len(scan_one(tmp_path).new) == 2


# --- names ------------------------------------------------------------------------------------


@bytes_names
def test_a_name_that_is_not_utf8_is_kept(tmp_path: Path) -> None:
    names = [os.fsdecode(b) for b in (b"\xff\xfe.jpg", "Fête/é.jpg".encode("latin-1"))]
    put(tmp_path, *names)
    result = scan_one(tmp_path)
    assert sorted(from_text(path) for path in paths(result)) == sorted(names)
    for path in paths(result):
        assert (tmp_path / from_text(path)).is_file()
    assert scan_one(tmp_path, result) == ScanResult()


@bytes_names
def test_two_names_that_would_be_kept_as_one_are_not_one_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, os.fsdecode(b"\x80.jpg"), "\uef80.jpg")
    result = scan_one(tmp_path)
    assert paths(result) == ["\uef80.jpg"], "it stands for the first one"
    assert "facesort uses itself" in caplog.text
    again = scan_one(tmp_path, result)
    assert (again.new, again.replaced) == ((), ())


@posix
@pytest.mark.parametrize("name", ["a\nb.jpg", "a\\b.jpg", "a'b\".jpg", " a .jpg", "-rf.jpg", "a:b*c?.jpg", "😀.jpg",
                                  "x" * 251 + ".jpg", "\u202egpj.exe.jpg"])  # fmt: skip
def test_a_strange_name_is_kept(tmp_path: Path, name: str) -> None:
    put(tmp_path, f"day/{name}")
    result = scan_one(tmp_path)
    assert paths(result) == [f"day/{name}"]
    assert scan_one(tmp_path, result) == ScanResult()


@pytest.mark.skipif(sys.platform != "linux", reason="macOS and Windows fold such names together")
def test_names_that_look_alike_are_two_photos(tmp_path: Path) -> None:
    composed = "Zo\u00eb.jpg"
    decomposed = unicodedata.normalize("NFD", composed)
    put(tmp_path, composed, decomposed, "ZOË.jpg")
    result = scan_one(tmp_path)
    assert sorted(paths(result)) == sorted([composed, decomposed, "ZOË.jpg"])
    assert scan_one(tmp_path, result) == ScanResult()


@posix
def test_folders_deep_down_are_reached(tmp_path: Path) -> None:
    deep = "/".join(["d" * 50] * 40)
    put(tmp_path, f"{deep}/a.jpg")
    assert paths(scan_one(tmp_path)) == [f"{deep}/a.jpg"]


def test_a_scan_without_handles_finds_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows."""
    put(tmp_path, "a.jpg", "d/e/b.jpg", ".h/c.jpg", "f.txt")
    put(tmp_path, "d/photo", content=JPEG)
    with_handles = scan_one(tmp_path)
    monkeypatch.setattr(folders, "BY_HANDLE", False)
    assert scan_one(tmp_path) == with_handles
    assert len(with_handles.new) == 3
