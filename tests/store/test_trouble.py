"""What is said when the machine is short of something that is not space on the disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from facesort.errors import StoreError
from facesort.store import Store
from facesort.store.trouble import is_damage

# With only some file handles left, open the database and change it.
WITHOUT_HANDLES = """
import os, resource, sys
from pathlib import Path
from facesort.errors import StoreError
from facesort.store import Store

path, left, read_only = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "True"
with Store.open(path) as store:
    store.rows("SELECT 1")  # whatever is imported late is there
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
held = []
try:
    while True:
        held.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    for handle in held[:left]:
        os.close(handle)
try:
    with Store.open(path, read_only=read_only) as store:
        if not read_only:
            store.execute("INSERT INTO skipped VALUES (1, 'a', 'b', 1, 1, NULL, NULL)")
except StoreError as error:
    print(error)
else:
    print("done")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit of open files")
@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize(("left", "enough"), [(0, False), (1, False), (7, False), (8, True)])
def test_a_lack_of_file_handles_is_told_as_one(
    tmp_path: Path, left: int, enough: bool, read_only: bool
) -> None:
    """With none left, DuckDB would end the process without a word."""
    path = tmp_path / "w.duckdb"
    Store.open(path).close()
    command = [sys.executable, "-c", WITHOUT_HANDLES, str(path), str(left), str(read_only)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    if enough:
        assert done.stdout == "done\n"
    else:
        assert "Too many open files" in done.stdout
        assert "ulimit -n" in done.stdout
        assert "restore" not in done.stdout
        assert "disk" not in done.stdout
    Store.open(path).close()


def test_a_lack_of_memory_is_told_as_one(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    with Store.open(path) as store, pytest.raises(StoreError, match=r"Out of Memory") as caught:
        store.rows("SELECT list(x) FROM (SELECT repeat('x', 1000) AS x FROM range(300000))")
    assert "`run.workers` in facesort.toml" in str(caught.value)
    assert "Free some space" not in str(caught.value)
    Store.open(path).close()


@pytest.mark.parametrize(
    ("words", "damaged"),
    [
        ("Corrupted uncompressed string segment: offset table overlaps the dictionary", True),
        ("IO Error: Corrupt WAL file: found an empty entry", True),
        ('IO Error: Failure while replaying WAL file "x.wal": This WAL was created for this database file, but', True),
        ("IO Error: Corrupt temporary file: decompressed block is 1 bytes", False),
        ('IO Error: Cannot open file "/corrupted photos/w.duckdb": Permission denied', False),
    ],
)  # fmt: skip
def test_what_is_said_of_a_torn_copy_is_damage(words: str, damaged: bool) -> None:
    """A backup program copies a database while it is written, or its log at another moment."""
    assert is_damage(duckdb.Error(words)) is damaged


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """SIGINT counts, also in a process that was started in the background, where it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT to oneself")
@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_within_a_query_is_an_interruption(tmp_path: Path) -> None:
    """DuckDB raises a RuntimeError: a sort that was stopped by a user ended as failed."""
    with Store.open(tmp_path / "facesort.duckdb") as store:
        timer = threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT])
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            store.rows("SELECT count(*) FROM range(1_000_000_000) a, range(1000) b")
        timer.join()
        assert store.value("SELECT 1") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT to oneself")
@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_while_rows_are_inserted_is_an_interruption(tmp_path: Path) -> None:
    """DuckDB wraps what Python raises while it reads the values."""
    number = 100_000
    columns = {
        "file_id": list(range(number)),
        "source_id": [1] * number,
        "path": [f"{i}.jpg" for i in range(number)],
        "size": [1] * number,
        "mtime_ns": [1] * number,
        "state": ["present"] * number,
    }
    with Store.open(tmp_path / "facesort.duckdb") as store:
        for after_s in (0.02, 0.1, 0.2, 0.4):
            timer = threading.Timer(after_s, os.kill, [os.getpid(), signal.SIGINT])
            timer.start()
            with pytest.raises(KeyboardInterrupt):
                while True:
                    with store.transaction():
                        store.insert("file", columns)
                        store.execute("DELETE FROM file")
            timer.join()
        assert store.value("SELECT count(*) FROM file") == 0
