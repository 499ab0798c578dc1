from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from facesort.errors import SchemaVersionError, StoreError
from facesort.reasons import PhotoStatus
from facesort.store import Store
from facesort.store.migrate import _apply, _build, migrate, newest_version

pytestmark = pytest.mark.usefixtures("databases_made_anew")


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    opened = duckdb.connect(":memory:")
    yield opened
    opened.close()


def tables(connection: duckdb.DuckDBPyConnection) -> set[str]:
    return {
        row[0]
        for row in connection.execute("SELECT table_name FROM information_schema.tables").fetchall()
    }


def versions(connection: duckdb.DuckDBPyConnection) -> list[int]:
    rows = connection.execute("SELECT version FROM schema_migration ORDER BY version").fetchall()
    return [row[0] for row in rows]


def test_a_fresh_database_gets_every_step_once(connection: duckdb.DuckDBPyConnection) -> None:
    migrate(connection, read_only=False)
    assert versions(connection) == list(range(1, newest_version() + 1))
    assert {
        "source", "file", "batch", "reading", "photo", "result", "face", "write", "photo_state", "file_state",
    } <= tables(connection)  # fmt: skip


def test_again_is_nothing(connection: duckdb.DuckDBPyConnection) -> None:
    migrate(connection, read_only=False)
    connection.execute("INSERT INTO skipped VALUES (1, 'a', 'other', 1, 1, NULL, NULL)").fetchall()
    before = tables(connection)
    migrate(connection, read_only=False)
    migrate(connection, read_only=True)
    assert tables(connection) == before
    assert versions(connection) == list(range(1, newest_version() + 1))
    assert connection.execute("SELECT count(*) FROM skipped").fetchone() == (1,)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE half (i INTEGER); CREATE TABLE half (i INTEGER);",
        "CREATE TABLE half (i INTEGER); SELECT nothing;",
        "CREATE TABLE half (i INTEGER); THIS IS NOT SQL;",
        "CREATE TABLE half (i INTEGER); INSERT INTO half VALUES ('x');",
        "ALTER TABLE photo ADD COLUMN half INTEGER; DROP TABLE batch; DROP TABLE nothing;",
    ],
)
def test_a_step_that_fails_leaves_nothing(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    migrate(connection, read_only=False)
    before = tables(connection)
    with pytest.raises(duckdb.Error):
        _apply(connection, 999, "broken", sql)
    assert tables(connection) == before
    assert versions(connection) == list(range(1, newest_version() + 1))
    columns = connection.execute("SELECT * FROM photo").description
    assert "half" not in [column[0] for column in columns or []]
    _apply(connection, 999, "mended", "CREATE TABLE half (i INTEGER)")  # it can be tried again
    assert versions(connection)[-1] == 999


def test_the_first_step_can_fail_too(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(duckdb.Error):
        _apply(connection, 1, "broken", "CREATE TABLE half (i INTEGER); SELECT nothing;")
    assert tables(connection) == set()
    migrate(connection, read_only=False)
    assert versions(connection)[0] == 1


@pytest.mark.parametrize("read_only", [False, True])
def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path, read_only: bool) -> None:
    path = tmp_path / "w.duckdb"
    Store.open(path).close()
    with duckdb.connect(str(path)) as connection:
        connection.execute("INSERT INTO schema_migration VALUES (999, 'from_the_future')")
    with pytest.raises(SchemaVersionError, match=r"schema 999.*upgrade facesort"):
        Store.open(path, read_only=read_only)
    connection = duckdb.connect(str(path))
    assert versions(connection)[-1] == 999
    connection.close()


def test_an_older_schema_is_not_changed_by_a_reader(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    duckdb.connect(str(path)).close()
    with pytest.raises(
        StoreError, match=r"schema 0, this one needs \d+.*make the database writable"
    ):
        Store.open(path, read_only=True)
    connection = duckdb.connect(str(path))
    assert tables(connection) == set()
    connection.close()
    Store.open(path).close()
    Store.open(path, read_only=True).close()


# Of schema 5: the newest version of a path counts, by the result of its newest batch.
AS_IT_COUNTED = """
WITH newest AS (SELECT photo_id, max(batch_id) AS batch_id FROM batch_photo GROUP BY photo_id)
SELECT p.path, coalesce(r.status, 'pending'), r.reason, coalesce(r.detail, '') FROM photo p
LEFT JOIN newest n USING (photo_id) LEFT JOIN result r ON r.photo_id = p.photo_id AND r.batch_id = n.batch_id
QUALIFY p.photo_id = max(p.photo_id) OVER (PARTITION BY p.path) ORDER BY p.path
"""
PATHS_OF_SCHEMA_5 = (
    "matched", "unknown", "no_face", "read", "unread", "same", "replaced", "again", "rematched", "unwritten",
    "rewritten", "late", "replaced", "new", "copy", "twin", "twin-2", "late-same", "replaced-late", "replaced-late",
)  # fmt: skip
RESULTS_OF_SCHEMA_5 = (  # photo, batch, status, reason, SHA-256
    (1, 1, "matched", None, "a"),
    (2, 1, "unknown", "only_unknown_faces", "b"),
    (3, 1, "no_face", "no_face", "c"),
    (4, 1, "failed", "corrupt", "d"),
    (5, 1, "failed", "unreadable", ""),
    (6, 1, "duplicate", "duplicate", "a"),
    (7, 1, "matched", None, "g"),
    (8, 1, "failed", "timeout", "h"),  # waits for batch 5
    (9, 1, "unknown", "only_unknown_faces", "i"),
    (9, 3, "matched", None, "i"),
    (10, 1, "failed", "name_taken", "j"),
    (11, 1, "failed", "name_taken", "k"),
    (11, 4, "matched", None, "k"),
    (12, 1, "failed", "unreadable", ""),
    (12, 4, "no_face", "no_face", "l"),
    (13, 2, "matched", None, "m"),
    (15, 2, "duplicate", "duplicate", "j"),
    (16, 1, "failed", "corrupt", "p"),
    (17, 1, "failed", "corrupt", "p"),
    (18, 1, "failed", "unreadable", ""),
    (18, 4, "duplicate", "duplicate", "a"),
    (19, 1, "unknown", "only_unknown_faces", "s"),
)
BATCHES_OF_SCHEMA_5 = {
    1: "sort", 2: "sort", 3: "rematch", 4: "retry", 5: "retry", 6: "sort",
}  # fmt: skip
WAITING_OF_SCHEMA_5 = ((8, 5), (14, 6), (20, 6))  # photo, batch


@pytest.fixture
def of_schema_5(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Something of every kind."""
    _build(connection, 0, 5)
    for photo_id, path in enumerate(PATHS_OF_SCHEMA_5, 1):
        connection.execute("INSERT INTO photo VALUES ($1, $2, 100 + $1, $1)", [photo_id, path])
    for batch_id, kind in BATCHES_OF_SCHEMA_5.items():
        state = (
            "PENDING" if batch_id in {waits for _, waits in WAITING_OF_SCHEMA_5} else "COMMITTED"
        )
        connection.execute("INSERT INTO batch VALUES (?, ?, ?)", [batch_id, kind, state])
    for photo_id, batch_id, *rest in RESULTS_OF_SCHEMA_5:
        connection.execute("INSERT INTO batch_photo VALUES (?, ?)", [batch_id, photo_id])
        connection.execute(
            "INSERT INTO result (photo_id, batch_id, status, reason, sha256, detail) "
            "VALUES ($1, $2, $3, $4, $5, if($3 = 'failed', 'told ' || $1, ''))",
            [photo_id, batch_id, *rest],
        )
    for photo_id, batch_id in WAITING_OF_SCHEMA_5:
        connection.execute("INSERT INTO batch_photo VALUES (?, ?)", [batch_id, photo_id])
    connection.execute("INSERT INTO skipped VALUES ('a.txt', 'other')")
    connection.execute(
        "INSERT INTO write VALUES (1, 1, 10, 1, 'x/j.jpg', 'f', 1, 'failed', 'name_taken')"
    )
    return connection


def test_what_counted_before_counts_after(of_schema_5: duckdb.DuckDBPyConnection) -> None:
    before = of_schema_5.execute(AS_IT_COUNTED).fetchall()
    assert {status for _, status, *_ in before} == set(PhotoStatus)

    migrate(of_schema_5, read_only=False)

    after = of_schema_5.execute(
        "SELECT path, status, reason, detail FROM file_state ORDER BY path"
    ).fetchall()
    # Of two files with one content, both failed: only the first is counted so now.
    both = [row for row in before if row[0] == "twin-2"]
    assert both == [("twin-2", "failed", "corrupt", "told 17")]
    assert set(after) - set(before) == {("twin-2", "duplicate", "duplicate", "")}
    assert [row for row in before if row not in both] == [row for row in after if row in before]
    assert of_schema_5.execute("SELECT path, reason, size FROM skipped").fetchall() == [
        ("a.txt", "other", -1)
    ]


def test_no_two_photos_have_one_content(of_schema_5: duckdb.DuckDBPyConnection) -> None:
    """Also if the first of two copies failed, and the second did not."""
    for photo_id, status, sha256 in (
        (21, "failed", "q"),
        (22, "matched", "q"),
        (23, "failed", "q"),
    ):
        of_schema_5.execute("INSERT INTO photo VALUES ($1, 'q' || $1, 300, $1)", [photo_id])
        of_schema_5.execute("INSERT INTO batch_photo VALUES (2, ?)", [photo_id])
        of_schema_5.execute(
            "INSERT INTO result (photo_id, batch_id, status, sha256, detail) VALUES (?, 2, ?, ?, '')",
            [photo_id, status, sha256],
        )

    migrate(of_schema_5, read_only=False)

    ask = of_schema_5.execute
    twice = "SELECT sha256 FROM photo GROUP BY sha256 HAVING count(*) > 1"
    assert ask(twice).fetchall() == []
    found = "SELECT file_id, photo_id, status FROM file_state WHERE path LIKE 'q%' ORDER BY 1"
    assert ask(found).fetchall() == [
        (21, 22, "matched"), (22, 22, "duplicate"), (23, 22, "duplicate"),
    ]  # fmt: skip


def test_versions_of_a_path_and_duplicates_stay_apart(
    of_schema_5: duckdb.DuckDBPyConnection,
) -> None:
    migrate(of_schema_5, read_only=False)

    ask = of_schema_5.execute
    assert ask("SELECT file_id FROM file WHERE state <> 'present' ORDER BY 1").fetchall() == [
        (7,), (19,),
    ]  # fmt: skip
    assert ask("SELECT photo_id, by_id FROM superseded").fetchall() == [(7, 13)]
    duplicates = (
        "SELECT file_id, duplicate_of FROM file_state WHERE status = 'duplicate' ORDER BY 1"
    )
    assert ask(duplicates).fetchall() == [(6, 1), (15, 10), (17, 16), (18, 1)]


def test_a_duplicate_of_a_replaced_version_stands_for_it_now(
    of_schema_5: duckdb.DuckDBPyConnection,
) -> None:
    """Its content was decided, and this is the one file that still holds it."""
    of_schema_5.execute("INSERT INTO photo VALUES (21, 'kept', 107, 21)")
    of_schema_5.execute("INSERT INTO batch_photo VALUES (2, 21)")
    of_schema_5.execute(
        "INSERT INTO result (photo_id, batch_id, status, reason, sha256, detail) "
        "VALUES (21, 2, 'duplicate', 'duplicate', 'g', '')"
    )

    migrate(of_schema_5, read_only=False)

    found = of_schema_5.execute("SELECT status, decided_as FROM file_state WHERE path = 'kept'")
    assert found.fetchall() == [("matched", 7)]
    assert of_schema_5.execute("FROM superseded").fetchall() == []


def test_the_fingerprint_in_the_package_is_that_of_the_newest_schema(
    connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With it nothing is made to compare with; if this fails after a change of the SQL, write the new one down."""
    migrate(connection, read_only=False)
    monkeypatch.setattr("facesort.store.migrate._ours", pytest.fail)

    assert migrate(connection, read_only=True)


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE more (x INTEGER)",
        "CREATE MACRO more(x) AS x",
        "ALTER TABLE person ADD COLUMN more INTEGER",
        "DELETE FROM schema_migration WHERE version = 3",
        "INSERT INTO schema_migration VALUES (0, 'more')",
    ],
)
def test_a_changed_database_has_another_fingerprint_or_record(
    connection: duckdb.DuckDBPyConnection, change: str
) -> None:
    migrate(connection, read_only=False)
    connection.execute(change)

    with pytest.raises(StoreError):
        migrate(connection, read_only=True)
