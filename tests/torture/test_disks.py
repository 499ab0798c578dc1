"""Disks that fill up, fail, slow down, turn read-only or go away under a whole job.

It stops with a sentence that says what to do, and when the cause is gone it ends as if nothing had happened.  What one
batch makes of such a disk is in ``tests/engine/job/test_commit.py``, the checks of the roots in ``test_roots.py``.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from disks import bound, mounted, needs_mount, remount
from synthetic_event import sort_in_threads
from torture.campaign import Ledger, chance, share
from torture.event import Calm, copy_of
from torture.trace import Call, calls, needs_strace, traced

from facesort.engine.setup import open_with_pack
from facesort.errors import FacesortError, OutputError, SourceGoneError

FAULTS = "faults injected: disks"
KILLS = "kills survived: coordinator in a system call of the database"


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Calm:
    return Calm.of(tmp_path_factory.mktemp("event"), 70)  # two batches


def words_of(root: Path, **options: object) -> str:
    """What a sort says that cannot go on."""
    workspace, pack = open_with_pack(root)
    with pytest.raises(FacesortError) as caught:
        sort_in_threads(workspace, pack, **options)
    return str(caught.value)


# --- full, read-only, gone --------------------------------------------------------------------


@needs_mount
@pytest.mark.parametrize("kilobytes", [0, 20, 100, 300, 500, 600][:: share(2, 1)])
def test_a_full_disk_of_the_workspace(
    kilobytes: int, calm: Calm, ledger: Ledger, tmp_path: Path
) -> None:
    """It is full but for a few kilobytes."""
    hot = tmp_path / "hot"
    hot.mkdir()
    with mounted(hot, "size=64m"):
        root = copy_of(calm.prepared, tmp_path)
        filler = hot / "packs" / "filler"
        filler.parent.mkdir()
        filler.write_bytes(bytes(shutil.disk_usage(hot).free - kilobytes * 1024))
        assert re.search(r"(?i)space", words_of(root))
        ledger.count(FAULTS)
        assert re.search(r"(?i)space", words_of(root)), "and again, and nothing is worse"
        filler.unlink()
        filler.parent.rmdir()
        calm.check(root, ledger)


@needs_mount
@pytest.mark.parametrize("kilobytes", [0, 4, 100, 200, 300][:: share(2, 1)])
def test_a_full_disk_of_the_output(
    kilobytes: int, calm: Calm, ledger: Ledger, tmp_path: Path
) -> None:
    root = copy_of(calm.prepared, tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    with mounted(out, f"size={kilobytes or 4}k"):
        if not kilobytes:
            (out / "filler").write_bytes(bytes(4096))
        for _ in range(2):
            assert re.search("No space left.*free some space", words_of(root))
        ledger.count(FAULTS)
        (out / "filler").unlink(missing_ok=True)
        remount(out, "size=64m")
        calm.check(root, ledger)


@needs_mount
def test_an_output_that_turns_read_only(calm: Calm, ledger: Ledger, tmp_path: Path) -> None:
    root = copy_of(calm.prepared, tmp_path)
    out = tmp_path / "out"
    out.mkdir()

    def turn(point: str) -> None:
        if point == "after_copy":
            remount(out, "ro")

    with mounted(out, "size=64m"):
        assert "Read-only file system" in words_of(root, at=turn)
        assert "is read-only" in words_of(root), "and when it is read-only from the start"
        ledger.count(FAULTS, 2)
        remount(out, "rw")
        calm.check(root, ledger)


@contextmanager
def plugged_in(disk: Path, folder: Path) -> Iterator[ExitStack]:
    """A disk that shows in a folder until it is unplugged, which is: until the stack is closed."""
    folder.mkdir(exist_ok=True)
    with ExitStack() as plug:
        plug.enter_context(bound(disk, folder))
        yield plug


@needs_mount
@pytest.mark.parametrize("point", ["scanned", "recorded", "before_copy", "after_copy", "written"])
def test_an_output_that_is_unplugged(
    point: str, calm: Calm, ledger: Ledger, tmp_path: Path
) -> None:
    out, disk = tmp_path / "out", tmp_path / "disk"
    disk.mkdir()
    root = copy_of(calm.prepared, tmp_path)
    with plugged_in(disk, out) as plug:

        def unplug(passed: str) -> None:
            if passed == point:
                plug.close()

        # Once all of a batch is on the disk and synced, its fate is known; the next one finds the disk gone.
        assert "plug in" in words_of(root, at=unplug)
    assert list(out.iterdir()) == [], "nothing goes to the disk below the mount point"
    ledger.count(FAULTS)
    with plugged_in(disk, out):
        calm.check(root, ledger)


@needs_mount
@pytest.mark.parametrize("photo", [1, 30, 60])
def test_a_source_that_is_unplugged(photo: int, calm: Calm, ledger: Ledger, tmp_path: Path) -> None:
    source = tmp_path / "card"
    root = copy_of(calm.prepared, tmp_path, sources={"card-1": source})
    with plugged_in(calm.prepared / "source", source) as plug:

        def unplug(done: int, total: int) -> None:
            if done == photo:
                plug.close()

        try:
            words = words_of(root, on_photo=unplug)
        except pytest.fail.Exception:
            assert photo == 60, "the workers run ahead: nothing was left to read"
        else:
            assert "plug in the disk" in words
    ledger.count(FAULTS)
    with plugged_in(calm.prepared / "source", source):
        calm.check(root, ledger)


@needs_mount
def test_a_source_that_is_gone_or_an_empty_mount_point_at_the_start(
    calm: Calm, ledger: Ledger, tmp_path: Path
) -> None:
    source = tmp_path / "card"  # by its own name, so that the calm job's is not found in its place
    root = copy_of(calm.prepared, tmp_path, sources={"card-1": source})
    workspace, pack = open_with_pack(root)

    def stop(point: str) -> None:
        raise OutputError("the test stops here, after the scan")

    with plugged_in(calm.prepared / "source", source), pytest.raises(OutputError):
        sort_in_threads(workspace, pack, at=stop)
    with pytest.raises(SourceGoneError, match="empty mount point"):
        sort_in_threads(workspace, pack)
    source.rmdir()
    with pytest.raises(SourceGoneError, match="plug in the disk"):
        sort_in_threads(workspace, pack)
    ledger.count(FAULTS, 2)
    with plugged_in(calm.prepared / "source", source):
        calm.check(root, ledger)


# --- calls that fail, and calls that last -----------------------------------------------------

# What a disk says that fails, to which calls: the n-th one fails.
FAILING = {
    "fsync": "EIO",
    "fdatasync": "EIO",
    "pwrite64": "ENOSPC",
    "renameat2": "EIO",
    "rename": "ENOSPC",
    "mkdir": "ENOSPC",
    "unlink": "EIO",
}


@needs_strace
@pytest.mark.parametrize("round_", range(share(3, 60)))
def test_a_call_that_fails(round_: int, calm: Calm, ledger: Ledger, tmp_path: Path) -> None:
    random = chance("failing call", round_)
    call = random.choice(list(FAILING))
    which = random.randint(1, {"fsync": 150, "renameat2": 90}.get(call, 12))
    root = copy_of(calm.prepared, tmp_path)
    fault = f"inject={call}:error={FAILING[call]}:when={which}"

    ended = traced(root, ["-o", "/dev/null", "-e", f"trace={call}", "-e", fault])

    assert ended.kind not in {"crashed", "killed"}, f"{fault}: {ended.words}"
    ledger.count(FAULTS, ended.kind != "finished")
    calm.check(root, ledger)


@needs_strace
@pytest.mark.parametrize("round_", range(share(3, 60)))
def test_killed_in_a_call_of_the_database(
    round_: int, calm: Calm, ledger: Ledger, tmp_path: Path
) -> None:
    """Where no line of Python runs: while DuckDB writes its log, and while it moves that into its file."""
    random = chance("database call", round_)
    root = copy_of(calm.prepared, tmp_path)
    database = [f"{root}/facesort.duckdb", f"{root}/facesort.duckdb.wal"]
    call, most = random.choice([("write", 16), ("pwrite64", 20), ("fdatasync", 18)])
    kill = f"inject={call}:signal=KILL:when={random.randint(1, most)}"
    paths = [option for path in database for option in ("-P", path)]

    ended = traced(root, ["-o", "/dev/null", *paths, "-e", f"trace={call}", "-e", kill])

    assert ended.kind in {"killed", "finished"}, f"{kill}: {ended}"
    ledger.count(KILLS, ended.kind == "killed")
    calm.check(root, ledger)


@needs_strace
def test_a_slow_disk(calm: Calm, ledger: Ledger, tmp_path: Path) -> None:
    root = copy_of(calm.prepared, tmp_path)
    slow = "inject=fsync,fdatasync,pwrite64,renameat2,mkdir:delay_enter=30000"

    ended = traced(
        root,
        ["-o", "/dev/null", "-e", "trace=fsync,fdatasync,pwrite64,renameat2,mkdir", "-e", slow],
    )

    assert ended.kind == "finished"
    ledger.count(FAULTS)
    calm.check(root, ledger)


# --- the order in which things reach the disk -------------------------------------------------


class PowerCut:
    """What of the output, the staging and the database would be left if the power failed now.

    The strictest reading of POSIX: a file's content is there after its fsync, a name after the fsync of its folder.
    """

    def __init__(self, root: Path, output: Path) -> None:
        self.database = {f"{root}/facesort.duckdb", f"{root}/facesort.duckdb.wal"}
        self.staging, self.output = f"{root}/staging/", str(output)
        self.unsynced: set[str] = set()  # content
        self.unnamed: dict[str, str] = {}  # name to its folder
        self.planned = self.carried_out = 0

    def saw(self, call: Call) -> None:
        """Take note of a call, and check that nothing it relies on could still be lost."""
        file = call.files[-1] if call.files else ""
        if call.name in {"write", "pwrite64"}:
            if file in self.database:
                self.planned += 1
                assert not self.of(self.staging), "a plan is stored before what it needs is staged"
                assert not self.of(self.output), "a batch is called done before its files are safe"
            self.unsynced.add(file)
        elif call.name in {"fsync", "fdatasync"}:
            self.unsynced.discard(file)
            self.unnamed = {n: folder for n, folder in self.unnamed.items() if folder != file}
        elif call.name == "renameat2":
            self.carried_out += 1
            assert not self.unsynced & self.database, "a plan is carried out before it is stored"
            assert call.files[0] not in self.unsynced, (
                "a file gets its name before its content is safe"
            )
            self.unnamed[file] = file.rpartition("/")[0]
        elif call.name == "mkdir" and not file.startswith(self.staging):
            # A staging folder that is lost is rendered again; a person's folder is not.
            self.unnamed[file] = file.rpartition("/")[0]

    def of(self, folder: str) -> set[str]:
        """What in a folder could be lost."""
        names = self.unsynced | self.unnamed.keys()
        return {name for name in names if name.startswith(folder)}


@needs_strace
def test_a_power_cut_at_any_time_loses_nothing(calm: Calm, ledger: Ledger, tmp_path: Path) -> None:
    root = copy_of(calm.prepared, tmp_path)
    power = PowerCut(root, tmp_path / "out")
    asked = ["write", "pwrite64", "fsync", "fdatasync", "renameat2", "mkdir"]

    for call in calls(root, asked):
        power.saw(call)

    assert power.carried_out == len(calm.output)
    assert power.planned > 4
    calm.check(root, ledger)
