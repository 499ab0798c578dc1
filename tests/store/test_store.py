"""The door to the database: transactions, locks, damage, and values that must survive it."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st

from facesort.core.records import File
from facesort.errors import StoreError, StoreLockedError
from facesort.store import Store, migrate
from facesort.store.gallery.people import add_person
from facesort.store.job import files, sources
from facesort.store.store import blob, vector

pytestmark = pytest.mark.usefixtures("databases_made_anew")

Start = Callable[[str], "subprocess.Popen[str]"]


def skip_names(store: Store) -> list[str]:
    return [row[0] for row in store.rows("SELECT path FROM skipped ORDER BY path")]


def skipped(paths: Sequence[str], reasons: Sequence[str]) -> dict[str, Sequence[object]]:
    """Columns of files that the scan left out."""
    same = [1] * len(paths)
    return {"source_id": same, "path": paths, "reason": reasons, "size": same, "mtime_ns": same}


def add_skipped(store: Store, *names: str) -> None:
    store.insert("skipped", skipped(names, ["other"] * len(names)))


# --- transactions -----------------------------------------------------------------------------


def test_an_empty_transaction_is_nothing(store: Store) -> None:
    with store.transaction():
        pass
    assert skip_names(store) == []


def test_a_transaction_is_kept(store: Store) -> None:
    with store.transaction():
        add_skipped(store, "a")
        add_skipped(store, "b")
    assert skip_names(store) == ["a", "b"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_whatever_goes_wrong_inside_leaves_nothing(
    store: Store, error: type[BaseException]
) -> None:
    with pytest.raises(error), store.transaction():
        add_skipped(store, "a")
        store.execute("UPDATE batch SET state = 'PENDING'")
        raise error
    assert skip_names(store) == []
    with store.transaction():
        add_skipped(store, "b")
    assert skip_names(store) == ["b"]


def test_an_error_of_the_database_leaves_nothing(store: Store) -> None:
    with (
        pytest.raises(StoreError, match=r"do not fit together.*uplicate key.*restore"),
        store.transaction(),
    ):
        add_skipped(store, "a")
        add_skipped(store, "a")
    assert skip_names(store) == []


def test_a_swallowed_error_of_the_database_does_not_pass_as_success(store: Store) -> None:
    """DuckDB 2 answers the COMMIT of an aborted transaction with a rollback, and no error."""

    def swallow() -> None:
        with pytest.raises(duckdb.Error):
            store.execute("SELECT nothing")

    with pytest.raises(duckdb.TransactionException), store.transaction():
        add_skipped(store, "a")
        swallow()
    assert skip_names(store) == []
    with store.transaction():
        add_skipped(store, "b")
    assert skip_names(store) == ["b"]


def test_transactions_do_not_nest(store: Store) -> None:
    def nest() -> None:
        with pytest.raises(RuntimeError, match="open already"), store.transaction():
            pytest.fail("the inner transaction was opened")

    with store.transaction():
        add_skipped(store, "a")
        nest()
        add_skipped(store, "b")
    assert skip_names(store) == ["a", "b"]


def test_a_commit_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """Two connections of one process add the same row: the second one learns it at its COMMIT."""
    path = tmp_path / "w.duckdb"
    reached = False
    with Store.open(path) as one, Store.open(path) as two:
        with pytest.raises(duckdb.TransactionException, match="commit"), one.transaction():
            add_skipped(one, "lost")
            add_skipped(one, "x")
            add_skipped(two, "x")
            reached = True
        assert reached, "the error came before the COMMIT"
        assert skip_names(one) == ["x"]
        with one.transaction():
            add_skipped(one, "y")
        assert skip_names(two) == ["x", "y"]


# --- several processes ------------------------------------------------------------------------

OPEN = """
from pathlib import Path
from facesort.store import Store
store = Store.open(Path({path!r}), read_only={read_only})
"""


@pytest.mark.parametrize("read_only", [False, True])
def test_a_database_that_another_process_writes_is_locked_and_says_who(
    tmp_path: Path, other_process: Start, read_only: bool
) -> None:
    path = tmp_path / "w.duckdb"
    holder = other_process(OPEN.format(path=str(path), read_only=False))
    with pytest.raises(StoreLockedError, match=rf"process {holder.pid}\b.*close it"):
        Store.open(path, read_only=read_only)
    holder.kill()
    holder.wait()
    Store.open(path, read_only=read_only).close()


def test_readers_share_and_keep_a_writer_out(tmp_path: Path, other_process: Start) -> None:
    path = tmp_path / "w.duckdb"
    Store.open(path).close()
    reader = other_process(OPEN.format(path=str(path), read_only=True))
    Store.open(path, read_only=True).close()
    with pytest.raises(StoreLockedError, match=rf"process {reader.pid}\b"):
        Store.open(path)


def test_a_closed_store_is_free_for_others(tmp_path: Path, other_process: Start) -> None:
    path = tmp_path / "w.duckdb"
    with Store.open(path) as store:
        add_skipped(store, "a")
    holder = other_process(OPEN.format(path=str(path), read_only=False))
    assert holder.poll() is None


def test_a_store_is_closed_by_an_error_too(tmp_path: Path, other_process: Start) -> None:
    path = tmp_path / "w.duckdb"
    with pytest.raises(ZeroDivisionError), Store.open(path):
        raise ZeroDivisionError
    assert other_process(OPEN.format(path=str(path), read_only=False)).poll() is None


@pytest.mark.parametrize("read_only", [False, True])
def test_a_killed_process_leaves_what_it_committed_and_nothing_else(
    tmp_path: Path, other_process: Start, read_only: bool
) -> None:
    """`facesort status` opens such a database read-only, with its log still beside it."""
    path = tmp_path / "w.duckdb"
    victim = other_process(
        OPEN.format(path=str(path), read_only=False)
        + "with store.transaction():\n"
        + "    store.execute('INSERT INTO skipped SELECT 1, $$kept$$, $$other$$, 1, 1, NULL, NULL')\n"
        + "transaction = store.transaction()\n"
        + "transaction.__enter__()\n"
        + "store.execute('INSERT INTO skipped SELECT 1, $$lost$$, $$other$$, 1, 1, NULL, NULL')\n"
        + "store.execute(\"UPDATE skipped SET reason = 'lost'\")\n"
    )
    os.kill(victim.pid, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    victim.wait()
    with Store.open(path, read_only=read_only) as store:
        assert store.rows("SELECT path, reason FROM skipped") == [("kept", "other")]


def test_a_read_only_store_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    Store.open(path).close()
    before = path.read_bytes()
    with Store.open(path, read_only=True) as store, pytest.raises(duckdb.Error, match="read-only"):
        add_skipped(store, "a")
    assert path.read_bytes() == before


# --- damage -----------------------------------------------------------------------------------


@contextmanager
def refused(path: Path) -> Iterator[None]:
    with pytest.raises(StoreError, match="`facesort restore BACKUP -w NEW`") as caught:
        yield
    assert type(caught.value) is StoreError, "a damaged database is not a locked one"
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\0" * 12288, b"SQLite format 3\0" * 800])
def test_a_file_that_is_no_database_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "w.duckdb"
    path.write_bytes(content)
    with refused(path):
        Store.open(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("position", [0, 8, 4096, 3 * 4096])
@pytest.mark.parametrize("folder", ["disk", "Sherlock's clock"])
def test_a_damaged_database_says_what_to_do(tmp_path: Path, position: int, folder: str) -> None:
    """DuckDB speaks of a damaged *block* then, and the user may be called Sherlock."""
    (tmp_path / folder).mkdir()
    path = tmp_path / folder / "w.duckdb"
    with Store.open(path) as store, store.transaction():
        sources.add_sources(store, ["card-1"])
        files.add_files(store, [File(i, "card-1", f"{i}.jpg", 1, 1) for i in range(1, 200)])
    data = bytearray(path.read_bytes())
    for offset in range(position, position + 64):
        data[offset] ^= 0xFF
    path.write_bytes(data)
    with refused(path):
        Store.open(path)


def test_a_mistake_in_our_own_sql_is_not_called_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "_what_counts", lambda: "SELECT nothing")

    with pytest.raises(duckdb.BinderException):
        Store.open(tmp_path / "w.duckdb")


def test_a_database_in_a_missing_folder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "w.duckdb"
    with refused(path):
        Store.open(path)
    with refused(tmp_path / "w.duckdb"):
        Store.open(tmp_path / "w.duckdb", read_only=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be replaced there")
def test_a_database_that_is_replaced_while_it_is_read_is_not_called_damaged(tmp_path: Path) -> None:
    path, new = tmp_path / "job.duckdb", tmp_path / "new.duckdb"
    with Store.open(path) as store, store.transaction():
        sources.add_sources(store, ["photos"])
        add_skipped(store, *(f"{number:06} {os.urandom(200).hex()}" for number in range(5_000)))
    new.write_bytes(path.read_bytes())

    def read_beside_a_forget() -> None:
        with Store.open(path, read_only=True) as store, path.open("rb+") as former:
            new.replace(path)  # what forget does
            former.write(bytes(path.stat().st_size))
            former.flush()
            skip_names(store)

    with pytest.raises(
        StoreLockedError, match="was replaced while it was read, as `facesort forget`"
    ):
        read_beside_a_forget()
    with Store.open(path, read_only=True) as store:
        assert len(skip_names(store)) == 5_000


# --- values -----------------------------------------------------------------------------------


def test_sql_does_not_read_python_variables(store: Store) -> None:
    """DuckDB looks in the frame that calls it, so this must not go through `Store.rows`."""
    secrets = np.arange(3)
    assert len(secrets) == 3
    assert duckdb.connect().execute("SELECT count(*) FROM secrets").fetchone() == (3,)
    with pytest.raises(duckdb.CatalogException, match="secrets"):
        store._connection.execute("SELECT count(*) FROM secrets")


def test_nothing_is_inserted_from_empty_columns(store: Store) -> None:
    store.insert("skipped", {"path": [], "reason": []})
    assert skip_names(store) == []


@pytest.mark.parametrize(
    "columns", [{}, {"path": ["a"], "reason": []}, {"path": [], "reason": ["x"]}]
)
def test_columns_of_different_lengths_are_refused(
    store: Store, columns: dict[str, list[str]]
) -> None:
    with pytest.raises(ValueError, match="different lengths"):
        store.insert("skipped", columns)
    assert skip_names(store) == []


def test_columns_of_none_only(store: Store) -> None:
    count = 3
    store.insert("photo", photos(count) | {"format": [None] * count, "captured_at": [None] * count})
    rows = store.rows("SELECT format, captured_at, camera, width, phash FROM photo")
    assert rows == [(None,) * 5] * count


def test_none_among_values_stays_where_it_is(store: Store) -> None:
    when = datetime(2026, 2, 28, 23, 59, 59, 123456)
    store.insert(
        "photo",
        photos(3)
        | {
            "photo_id": [3, 1, 2],
            "camera": [None, "X", None],
            "captured_at": [when, None, None],
            "width": [None, None, 7],
            "latitude": [None, -0.5, None],
        },
    )
    rows = store.rows(
        "SELECT photo_id, camera, captured_at, width, latitude FROM photo ORDER BY photo_id"
    )
    assert rows == [
        (1, "X", None, None, -0.5),
        (2, None, None, 7, None),
        (3, None, when, None, None),
    ]


def photos(count: int) -> dict[str, list[object]]:
    """Columns of photos of which nothing else is known."""
    ids: list[object] = list(range(count))
    return {"photo_id": ids, "sha256": [f"sha{i}" for i in ids], "shot_id": ids, "decided_as": ids}


@pytest.fixture(scope="module")
def shared() -> Iterator[Store]:
    """One database for all examples of a property: opening one costs 0.1 s."""
    with Store.open(None) as opened:
        yield opened


NASTY = ["", "NULL", "null", "[1, 2]", "{'a': 1}", "'; DROP TABLE photo; --", "a\nb", "a\\b", '"', "?",
         "$1", "Zoë", "Zoe\u0308", "李", "😀", "\u202e", "\uef80", "a\x00b", " ", "%", "_"]  # fmt: skip


def test_text_comes_back_as_it_was(store: Store) -> None:
    store.insert("skipped", skipped(NASTY, NASTY))
    assert store.rows("SELECT path, reason FROM skipped ORDER BY rowid") == [(n, n) for n in NASTY]


@settings(max_examples=30)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), unique=True, max_size=8))
def test_any_text_comes_back_as_it_was(shared: Store, names: list[str]) -> None:
    with shared.transaction():
        shared.execute("DELETE FROM skipped")
        shared.insert("skipped", skipped(names, names[::-1]))
        rows = shared.rows("SELECT path, reason FROM skipped ORDER BY rowid")
    assert rows == list(zip(names, names[::-1], strict=True))


floats32 = st.floats(width=32, allow_nan=False)


@settings(max_examples=30)
@given(st.lists(floats32, min_size=1, max_size=8))
@example([float(np.float32(0.8)), float(np.nextafter(np.float32(0.8), np.float32(1)))])
def test_a_stored_distance_is_the_distance_that_was_compared(
    shared: Store, distances: list[float]
) -> None:
    count = len(distances)
    with shared.transaction():
        shared.execute("DELETE FROM decision")
        shared.insert(
            "decision",
            {
                "face_id": list(range(count)),
                "round": [0] * count,
                "outcome": ["loose"] * count,
                "reason": ["above_strict"] * count,
                "distance": distances,
            },
        )
        rows = shared.rows("SELECT distance FROM decision ORDER BY face_id")
    assert [row[0] for row in rows] == distances


@settings(max_examples=30)
@given(st.lists(st.floats(width=32), max_size=16))
@example([0.0, -0.0, float("nan"), float("inf")])
def test_an_embedding_comes_back_to_the_last_bit(values: list[float]) -> None:
    array = np.array(values, dtype=np.float32)
    back = vector(blob(array))
    assert back.dtype == np.float32
    assert back.tobytes() == array.tobytes()
    assert vector(memoryview(blob(array))).tobytes() == array.tobytes()


@given(st.lists(st.binary(max_size=64), min_size=1, max_size=4))
@settings(max_examples=20)
def test_bytes_come_back_as_they_were(shared: Store, crops: list[bytes]) -> None:
    count = len(crops)
    with shared.transaction():
        shared.execute("DELETE FROM reference")
        shared.insert(
            "reference",
            {
                "reference_id": list(range(count)),
                "person_id": [1] * count,
                "file_name": ["x"] * count,
                "sha256": ["x"] * count,
                "sharpness": [1.0] * count,
                "yaw": [0.0] * count,
                "quality": [1.0] * count,
                "pack_id": ["p"] * count,
                "embedding": crops,
                "crop": crops[::-1],
            },
        )
        rows = shared.rows("SELECT embedding, crop FROM reference ORDER BY reference_id")
    assert [(bytes(a), bytes(b)) for a, b in rows] == list(zip(crops, crops[::-1], strict=True))


def test_a_blob_is_little_endian_and_contiguous() -> None:
    array = np.arange(6, dtype=">f4").reshape(2, 3)[:, 1]
    assert blob(array) == b"\x00\x00\x80\x3f\x00\x00\x80\x40"


def test_a_materialized_view_answers_as_the_view_does_and_is_gone_afterwards(store: Store) -> None:
    kind = "SELECT table_type FROM information_schema.tables WHERE table_name = 'face_shown'"
    columns = "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'face_shown'"
    before = store.rows(kind), store.rows(columns), store.rows("FROM face_shown")
    with pytest.raises(StoreError, match="asked inside"), store.materialized("face_shown"):
        assert ("LOCAL TEMPORARY",) in store.rows(kind)
        assert store.rows("FROM face_shown") == before[2]
        raise StoreError("asked inside")
    assert (store.rows(kind), store.rows(columns), store.rows("FROM face_shown")) == before


def test_an_error_beside_a_materialized_view_in_a_transaction_is_the_one_that_is_told(
    store: Store,
) -> None:
    with (
        pytest.raises(duckdb.CatalogException, match="no_such_table"),
        store.transaction(),
        store.materialized("face_shown"),
    ):
        store.rows("FROM no_such_table")
    kind = "SELECT table_type FROM information_schema.tables WHERE table_name = 'face_shown'"
    assert store.rows(kind) == [("VIEW",)]


def test_views_of_a_materialized_view_go_by_it(store: Store) -> None:
    with store.materialized("file_state", "* EXCLUDE (sha256)"):
        store.execute(
            "INSERT INTO temp.file_state (file_id, status, reason) VALUES (7, 'failed', 'damaged')"
        )
        assert store.rows("SELECT file_id, reason FROM decided_file") == [(7, "damaged")]


def test_only_the_rows_that_are_asked_for_are_materialized(store: Store) -> None:
    for name in ("Ada", "Bo"):
        add_person(store, name, name)
    with store.materialized("everyone", where="s.name = ?", parameters=["Ada"]):
        assert store.rows("SELECT name FROM everyone") == [("Ada",)]


def test_rows_that_are_streamed_are_all_of_them(store: Store) -> None:
    assert list(store.stream("FROM range(?)", [5000])) == store.rows("FROM range(5000)")


def test_a_disk_without_room_for_an_array_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("facesort.store.store.array_on_disk", full)
    with (
        Store.open(tmp_path / "a.duckdb") as store,
        pytest.raises(StoreError, match=r"need 0\.2 GB .*No space left.*free some space"),
    ):
        store.room(100_000, 512)


def test_ids_start_at_one_and_go_on(store: Store) -> None:
    assert store.next_id("person", "person_id") == 1
    store.execute(
        "INSERT INTO person (person_id, name, folder, folder_key) VALUES (7, 'Anna', 'Anna', 'anna')"
    )
    assert store.next_id("person", "person_id") == 8


def test_value_of_nothing_is_none(store: Store) -> None:
    assert store.value("SELECT path FROM skipped") is None


def test_the_library_shows_no_progress_of_its_own() -> None:
    """It does where somebody types, as in Jupyter; Python without a script is such a place."""
    code = """\
import duckdb
from facesort.store import Store
asked = "SELECT current_setting('enable_progress_bar')"
assert duckdb.connect().execute(asked).fetchone() == (True,), 'this test can see nothing'
with Store.open(None) as store:
    print(store.value(asked), store.relation(asked).fetchall()[0], store._outside.execute(asked).fetchone())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.stderr) == (["False", "(False,)", "(False,)"], "")
