from __future__ import annotations

import os
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path

import pytest
from disks import mounted, needs_mount, pipe, unprivileged

from facesort.core.paths import to_text
from facesort.engine.job.roots import (
    RootFolder,
    SourceMonitor,
    _spread,
    check_output,
    check_source,
)
from facesort.errors import OutputError, SourceGoneError
from facesort.reasons import Reason

posix = pytest.mark.skipif(os.name == "nt", reason="POSIX names and permissions")


# --- the source -------------------------------------------------------------------------------


def test_an_empty_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceGoneError, match=r"is empty.*plug in the disk"):
        check_source(tmp_path, [])


def test_an_empty_mount_point_is_not_a_thousand_deleted_photos(tmp_path: Path) -> None:
    with pytest.raises(SourceGoneError, match=r"none of the 1000 photos.*empty mount point"):
        check_source(tmp_path, [f"{i}.jpg" for i in range(1000)])


def test_another_disk_is_not_a_thousand_deleted_photos(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(
        SourceGoneError, match=r"another disk.*Mount the right one.*change `source`"
    ):
        check_source(tmp_path, [f"{i}.jpg" for i in range(1000)])


@pytest.mark.parametrize("kind", ["missing", "a file", "below a file"])
def test_a_source_that_is_no_folder_is_refused(tmp_path: Path, kind: str) -> None:
    root = tmp_path / "source"
    if kind != "missing":
        root.touch()
    if kind == "below a file":
        root /= "below"
    for known in ([], ["a.jpg"]):
        with pytest.raises(SourceGoneError, match=r"cannot be read.*resumes by itself"):
            check_source(root, known)


@posix
def test_a_source_that_must_not_be_read_is_refused() -> None:
    with unprivileged() as folder:
        folder.chmod(0)
        with pytest.raises(SourceGoneError, match="Permission denied"):
            check_source(folder, [])
        folder.chmod(0o755)


@pytest.mark.parametrize("known", [[], ["gone.jpg", "day/a.jpg"], ["day/a.jpg"]])
def test_one_photo_that_is_still_there_will_do(tmp_path: Path, known: list[str]) -> None:
    (tmp_path / "day").mkdir()
    (tmp_path / "day" / "a.jpg").touch()
    root = check_source(tmp_path, known)
    assert root == RootFolder.of(tmp_path)
    assert root.is_there()


@pytest.mark.skipif(os.name == "nt" or os.uname().sysname == "Darwin", reason="names are UTF-8")
def test_a_source_of_names_that_are_not_utf8_is_recognised(tmp_path: Path) -> None:
    name = os.fsdecode("Fête.jpg".encode("latin-1"))
    (tmp_path / name).touch()
    assert check_source(tmp_path, [to_text(name)]).is_there()


@posix
@pytest.mark.parametrize("there", [False, True])
def test_photos_that_became_pipes_are_not_waited_for(tmp_path: Path, there: bool) -> None:
    """After three photos that cannot be read others are asked; none of these may hold up the job."""
    if there:
        (tmp_path / "b.jpg").write_bytes(b"")
    (tmp_path / "a.jpg").touch()
    watch = SourceMonitor(RootFolder.of(tmp_path), ["b.jpg", "a.jpg"], [])
    with pipe(tmp_path / "a.jpg") as opened:
        watch.check(Reason.UNREADABLE)
        watch.check(Reason.UNREADABLE)
        with nullcontext() if there else pytest.raises(SourceGoneError, match="is gone: plug in"):
            watch.check(Reason.UNREADABLE)
    assert opened == []


def monitor(folder: Path) -> SourceMonitor:
    return SourceMonitor(RootFolder.of(folder), ["pending.jpg"], ["done.jpg"])


def test_photos_that_fail_in_a_row_are_no_lost_disk_while_another_can_be_read(
    tmp_path: Path,
) -> None:
    (tmp_path / "pending.jpg").write_bytes(b"x")
    watch = monitor(tmp_path)
    for _ in range(5):
        watch.check(Reason.UNREADABLE)
    (tmp_path / "pending.jpg").unlink()
    with pytest.raises(SourceGoneError):
        watch.check(Reason.UNREADABLE)


@pytest.mark.parametrize("between", [None, Reason.NOT_AN_IMAGE])
def test_only_the_third_failure_in_a_row_is_suspicious(
    tmp_path: Path, between: Reason | None
) -> None:
    watch = monitor(tmp_path)
    for _ in range(3):
        watch.check(Reason.MISSING)
        watch.check(Reason.UNREADABLE)
        watch.check(between)
    watch.check(Reason.MISSING)
    watch.check(Reason.UNREADABLE)
    with pytest.raises(SourceGoneError):
        watch.check(Reason.MISSING)


@pytest.mark.parametrize(("failure", "lost"), [(Reason.MISSING, False), (Reason.UNREADABLE, True)])
def test_photos_that_the_user_deleted_are_no_lost_disk(
    tmp_path: Path, failure: Reason, lost: bool
) -> None:
    """What was read before is still there; if files cannot be read, that does not help."""
    (tmp_path / "done.jpg").touch()
    watch = monitor(tmp_path)
    watch.check(failure)
    watch.check(failure)
    with pytest.raises(SourceGoneError) if lost else nullcontext():
        watch.check(failure)


def test_a_folder_that_is_gone_is_noticed_at_the_first_failure(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    watch = monitor(source)
    watch.check(Reason.MISSING)
    source.rename(tmp_path / "away")
    source.mkdir()  # its mount point
    watch.check(None)
    with pytest.raises(SourceGoneError):
        watch.check(Reason.MISSING)


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="a file that cannot be read")
def test_a_photo_that_opens_and_gives_an_input_output_error_cannot_be_read() -> None:
    watch = SourceMonitor(RootFolder.of(Path("/proc/self")), ["mem"], [])
    watch.check(Reason.UNREADABLE)
    watch.check(Reason.UNREADABLE)
    with pytest.raises(SourceGoneError):
        watch.check(Reason.UNREADABLE)


@pytest.mark.parametrize(("paths", "asked"), [(0, 0), (1, 1), (20, 20), (39, 39), (16_000, 20)])
def test_only_a_few_photos_are_tried_from_the_end_and_all_over(paths: int, asked: int) -> None:
    found = _spread([str(number) for number in range(paths)])
    assert len(found) == asked
    assert list(found[:1]) == [str(number) for number in range(paths)][-1:]
    assert [int(b) - int(a) for a, b in pairwise(found)] == [-max(paths // 20, 1)] * (
        len(found) - 1
    )


# --- the output -------------------------------------------------------------------------------


def test_the_first_time_the_output_is_made(tmp_path: Path) -> None:
    root = check_output(tmp_path / "a" / "b", [])
    assert root.path.is_dir()
    assert root.is_there()


@posix
def test_an_output_that_is_made_survives_a_power_cut(
    tmp_path: Path, synced: list[tuple[int, int, list[str]]]
) -> None:
    check_output(tmp_path / "a" / "b", [])
    assert (tmp_path.stat().st_ino, 0, ["a"]) in synced
    assert ((tmp_path / "a").stat().st_ino, 0, ["b"]) in synced


def test_an_output_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "foreign.txt").write_text("mine")
    check_output(tmp_path, [])
    assert [p.name for p in tmp_path.iterdir()] == ["foreign.txt"]


def test_an_unmounted_output_is_not_made_again(tmp_path: Path) -> None:
    root = tmp_path / "disk" / "sorted"
    for _ in range(2):
        with pytest.raises(OutputError, match=r"looks unmounted or emptied.*Mount the right disk"):
            check_output(root, ["Anna/a.jpg"])
        assert not root.exists(), "the internal disk must not take its place"
        root.parent.mkdir(exist_ok=True)


@pytest.mark.parametrize("name", ["a_123.jpg", "F\uefeate_123.jpg"])
def test_an_output_is_recognised_by_what_was_written(tmp_path: Path, name: str) -> None:
    """A byte of a source's name that is not UTF-8 is a private character in the output's."""
    (tmp_path / "Anna").mkdir()
    (tmp_path / "Anna" / name).touch()
    assert check_output(tmp_path, ["Ben/gone.jpg", f"Anna/{name}"]).is_there()


@pytest.mark.parametrize("below", [False, True])
def test_an_output_that_cannot_be_made_is_refused(tmp_path: Path, below: bool) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot be created.*facesort\.toml"):
        check_output(tmp_path / "file" / "below" if below else tmp_path / "file", [])


def test_an_output_with_a_name_that_the_disk_cannot_hold_says_so(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot be created.*change the folder"):
        check_output(tmp_path / ("x" * 300), [])


@posix
def test_an_output_that_must_not_be_written_is_refused() -> None:
    with unprivileged() as folder:
        folder.chmod(0o555)
        with pytest.raises(OutputError, match="is read-only"):
            check_output(folder, [])
        with pytest.raises(OutputError, match=r"cannot be created.*Permission denied"):
            check_output(folder / "below", [])
        folder.chmod(0o755)


@needs_mount
def test_an_output_on_a_read_only_disk_is_refused(tmp_path: Path) -> None:
    with mounted(tmp_path, "ro"), pytest.raises(OutputError, match="is read-only"):
        check_output(tmp_path, [])


# --- meanwhile --------------------------------------------------------------------------------


def test_a_root_that_disappears_is_not_there(tmp_path: Path) -> None:
    folder = tmp_path / "root"
    folder.mkdir()
    root = RootFolder.of(folder)
    assert root.is_there()
    folder.rmdir()
    assert not root.is_there()
    folder.touch()
    assert not root.is_there()


def test_another_device_is_not_the_same_root(tmp_path: Path) -> None:
    stat = tmp_path.stat()
    assert RootFolder(tmp_path, stat.st_dev, stat.st_ino).is_there()
    assert not RootFolder(tmp_path, stat.st_dev + 1, stat.st_ino).is_there()
    assert not RootFolder(tmp_path, stat.st_dev, stat.st_ino + 1).is_there()


@needs_mount
def test_an_unmounted_root_is_not_there_although_its_mount_point_is(tmp_path: Path) -> None:
    with mounted(tmp_path, "size=64k"):
        root = RootFolder.of(tmp_path)
        assert root.is_there()
    assert tmp_path.is_dir()
    assert not root.is_there()


@needs_mount
def test_a_disk_that_is_mounted_over_a_root_is_not_the_root(tmp_path: Path) -> None:
    root = RootFolder.of(tmp_path)
    with mounted(tmp_path, "size=64k"):
        assert not root.is_there()
    assert root.is_there()
