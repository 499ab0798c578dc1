"""Others change the source, the output or the clock meanwhile: nothing of theirs is touched, none of ours is lost.

What one write makes of a name that is taken is in ``tests/engine/job/test_commit.py``; links and loops in the
source are in ``tests/engine/scan/test_scan.py``; source, output and workspace
inside each other in ``tests/test_workspace.py``.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from disks import pipe
from synthetic_event import content, sort_in_threads, tree, write_photo
from torture.campaign import Ledger
from torture.event import Calm, copy_of

from facesort.engine.delivery.verify import verify_output
from facesort.engine.setup import open_with_pack
from facesort.reasons import PhotoStatus
from facesort.store.queries import reports
from facesort.store.queries.delivery.commit_log import verified_writes
from facesort.workspace import Workspace

FAULTS = "faults injected: foreign hands"


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Calm:
    return Calm.of(tmp_path_factory.mktemp("event"), 70)  # two batches


def at_last(point: str, act: Callable[[], None]) -> Callable[[str], None]:
    """Do something once, when a point is passed for the first time."""
    waiting = [act]

    def at(passed: str) -> None:
        if passed == point and waiting:
            waiting.pop()()

    return at


def verdict(workspace: Workspace) -> tuple[set[str], set[str]]:
    with workspace.open_store(read_only=True) as store:
        found = verify_output(workspace.settings.output, verified_writes(store))
    return set(found.missing), set(found.changed)


# --- the output -------------------------------------------------------------------------------


def test_a_folder_is_deleted_meanwhile(calm: Calm, ledger: Ledger, tmp_path: Path) -> None:
    workspace, pack = open_with_pack(copy_of(calm.prepared, tmp_path))
    output = workspace.settings.output
    gone: set[str] = set()

    def delete() -> None:
        gone.update(f"Person 1/{path.name}" for path in (output / "Person 1").iterdir())
        shutil.rmtree(output / "Person 1")

    sort_in_threads(workspace, pack, at=at_last("committed", delete))

    ledger.count(FAULTS)
    assert gone
    assert tree(output) == {name: d for name, d in calm.output.items() if name not in gone}
    assert verdict(workspace) == (gone, set()), "and verify names every file that is missing"


def test_a_file_is_changed_and_others_are_added_meanwhile(
    calm: Calm, ledger: Ledger, tmp_path: Path
) -> None:
    workspace, pack = open_with_pack(copy_of(calm.prepared, tmp_path))
    output = workspace.settings.output
    changed: set[str] = set()

    def meddle() -> None:
        path = min((output / "Person 1").iterdir())
        path.write_bytes(b"retouched")
        changed.add(f"Person 1/{path.name}")
        (output / "Person 1" / "notes.txt").write_text("mine")
        (output / "Mine").mkdir()

    sort_in_threads(workspace, pack, at=at_last("committed", meddle))
    sort_in_threads(workspace, pack)

    ledger.count(FAULTS)
    assert verdict(workspace) == (set(), changed)
    assert (output / min(changed)).read_bytes() == b"retouched"
    assert (output / "Person 1" / "notes.txt").read_text() == "mine"


def test_every_name_is_taken_already(calm: Calm, ledger: Ledger, tmp_path: Path) -> None:
    workspace, pack = open_with_pack(copy_of(calm.prepared, tmp_path))
    output = workspace.settings.output
    for name in calm.output:
        (output / name).parent.mkdir(parents=True, exist_ok=True)
        (output / name).write_bytes(b"mine")

    sort_in_threads(workspace, pack)

    ledger.count(FAULTS, len(calm.output))
    assert {path.read_bytes() for path in output.rglob("*.jpg")} == {b"mine"}
    with workspace.open_store(read_only=True) as store:
        assert {reason for _, reason in reports.failed_writes(store)} == {"name_taken"}
        assert reports.counts(store).photos[PhotoStatus.MATCHED] == 0


def test_two_workspaces_share_an_output(calm: Calm, ledger: Ledger, tmp_path: Path) -> None:
    """At the same time, and with the same photos: whoever is second finds its file there, and it is the right one."""
    shared = tmp_path / "shared"
    jobs = [open_with_pack(copy_of(calm.prepared, tmp_path / name, output=shared)) for name in "ab"]
    threads = [threading.Thread(target=sort_in_threads, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    ledger.count(FAULTS)
    assert tree(shared) == calm.output
    for workspace, _ in jobs:
        with workspace.open_store() as store:
            assert content(store) == calm.rows
        assert verdict(workspace) == (set(), set())


# --- the source -------------------------------------------------------------------------------


def test_the_source_changes_between_scan_and_analysis(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "event").mkdir()
    calm = Calm.of(tmp_path / "event", 70)
    source = calm.prepared / "source"
    workspace, pack = open_with_pack(copy_of(calm.prepared, tmp_path))
    photos = sorted(source.rglob("*.JPG"))

    def meddle() -> None:
        photos[0].unlink()
        photos[1].write_bytes(photos[1].read_bytes()[:1000])
        write_photo(photos[2], [3], variation=33)
        photos[3].rename(photos[3].with_name("renamed.JPG"))
        photos[4].unlink()
        photos[4].mkdir()
        photos[5].unlink()
        photos[5].symlink_to(os.devnull)
        there.enter_context(pipe(photos[6]))

    with ExitStack() as there:
        sort_in_threads(workspace, pack, at=at_last("scanned", meddle))
    with workspace.open_store(read_only=True) as store:
        failed = {path: reason for path, reason, _ in reports.failed_photos(store, limit=100)}
    ended = [failed.get(path.relative_to(source).as_posix()) for path in photos[:7]]
    sort_in_threads(workspace, pack)  # what was renamed or replaced is new to it

    ledger.count(FAULTS, 7)
    assert ended[:2] == ["missing", "truncated"]
    assert ended[2:4] == [None, "missing"]
    assert ended[4:] == ["unreadable"] * 3
    assert verdict(workspace) == (set(), set())
    with workspace.open_store(read_only=True) as store:
        counts = reports.counts(store)
        assert counts.photos[PhotoStatus.PENDING] == 0
        assert "card-0/renamed.JPG" in reports.photo_folders(store)
        names = [write.plan.target for write in verified_writes(store)]
    assert len(set(names)) == len(names)


def test_the_clock_was_in_the_future(calm: Calm, ledger: Ledger, tmp_path: Path) -> None:
    """Everything that an earlier run left says 2099, and now it is today."""
    root = copy_of(calm.prepared, tmp_path)
    workspace, pack = open_with_pack(root)

    def stop(point: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sort_in_threads(workspace, pack, at=at_last("committed", lambda: stop("")))
    with workspace.open_store() as store:
        store.execute("UPDATE run SET started_at = '2099-01-01', finished_at = '2099-01-01'")
        store.execute("UPDATE run_batch SET finished_at = '2099-01-01'")
    for path in [root, *root.rglob("*")]:
        os.utime(path, (4_070_908_800, 4_070_908_800))

    ledger.count(FAULTS)
    calm.check(root, ledger)
