from __future__ import annotations

import os
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path

import pytest
from disks import pipe

from facesort.core.records import PhotoRef
from facesort.engine.sources.monitor import SourceMonitor, SourceMonitors, _spread
from facesort.engine.sources.root_folder import RootFolder
from facesort.errors import SourceGoneError
from facesort.reasons import Reason

posix = pytest.mark.skipif(os.name == "nt", reason="POSIX names and permissions")


@posix
@pytest.mark.parametrize("there", [False, True])
def test_photos_that_became_pipes_are_not_waited_for(tmp_path: Path, there: bool) -> None:
    """After three photos that cannot be read others are asked; none of these may hold up the job."""
    if there:
        (tmp_path / "b.jpg").write_bytes(b"")
    (tmp_path / "a.jpg").touch()
    watch = SourceMonitor("card-1", RootFolder.of(tmp_path), lambda: (["b.jpg", "a.jpg"], []))
    with pipe(tmp_path / "a.jpg") as opened:
        watch.check(Reason.UNREADABLE)
        watch.check(Reason.UNREADABLE)
        with nullcontext() if there else pytest.raises(SourceGoneError, match="is gone: plug in"):
            watch.check(Reason.UNREADABLE)
    assert opened == []


def monitor(folder: Path) -> SourceMonitor:
    return SourceMonitor("card-1", RootFolder.of(folder), lambda: (["pending.jpg"], ["done.jpg"]))


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
    watch = SourceMonitor("card-1", RootFolder.of(Path("/proc/self")), lambda: (["mem"], []))
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


def test_a_disk_that_is_gone_stops_the_job_even_if_the_others_can_be_read(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pending.jpg").write_bytes(b"x")
    monitors = SourceMonitors(
        {
            name: SourceMonitor(name, RootFolder.of(tmp_path / name), lambda: (["pending.jpg"], []))
            for name in ("one", "two")
        }
    )
    (tmp_path / "two" / "pending.jpg").unlink()
    for _ in range(2):
        monitors.check(PhotoRef(2, "a.jpg", source="two"), Reason.UNREADABLE)
        monitors.check(PhotoRef(1, "pending.jpg", source="one"), None)
    with pytest.raises(SourceGoneError, match=r"source two \(.*two\) is gone: plug in"):
        monitors.check(PhotoRef(3, "b.jpg", source="two"), Reason.UNREADABLE)


def test_a_photo_of_a_source_that_was_not_there_stops_nothing() -> None:
    for _ in range(5):
        SourceMonitors({}).check(PhotoRef(1, "a.jpg", source="away"), Reason.MISSING)
