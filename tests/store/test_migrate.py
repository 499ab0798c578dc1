from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from facesort.errors import SchemaVersionError, StoreError
from facesort.store import Store
from facesort.store.migrate import _apply, migrate, newest_version


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
    connection.execute("INSERT INTO skipped VALUES (1, 'a', 'other', 1, 1, NULL)").fetchall()
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
