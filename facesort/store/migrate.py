"""Numbered migrations: each step and its record in one transaction.

Views and macros hold no data: ``what_counts.sql`` makes them anew together with the last step.
"""

from __future__ import annotations

import re
from importlib.resources import files

import duckdb

from facesort.errors import OldSchemaError, SchemaVersionError


def _steps() -> list[tuple[int, str, str]]:
    """Version, name and SQL of every migration, in order."""
    found = []
    for entry in files("facesort.store").joinpath("migrations").iterdir():
        match = re.fullmatch(r"(\d{4})_(\w+)\.sql", entry.name)
        if match:
            found.append((int(match[1]), match[2], entry.read_text(encoding="utf-8")))
    return sorted(found)


def newest_version() -> int:
    """Schema version of this facesort."""
    return _steps()[-1][0]


def _current_version(connection: duckdb.DuckDBPyConnection) -> int:
    tables = connection.execute(
        "SELECT count(*) FROM information_schema.tables WHERE table_name = 'schema_migration'"
    ).fetchall()  # all, here and below: what is not fetched to its end keeps the connection busy
    if tables == [(0,)]:
        return 0
    newest = "SELECT coalesce(max(version), 0) FROM schema_migration"
    return int(connection.execute(newest).fetchall()[0][0])


def migrate(connection: duckdb.DuckDBPyConnection, *, read_only: bool) -> None:
    """Bring a database to the newest schema.

    Parameters
    ----------
    read_only : bool
        Only check.

    Raises
    ------
    SchemaVersionError
        If the database is newer than this facesort.
    OldSchemaError
        If it is older and may not be changed.
    """
    current, newest = _current_version(connection), newest_version()
    if current > newest:
        raise SchemaVersionError(
            f"the workspace was written by a newer facesort (schema {current}, this one knows {newest}): "
            "upgrade facesort, or use another workspace"
        )
    if read_only and current < newest:
        raise OldSchemaError(
            f"an older facesort wrote the workspace (schema {current}, this one needs {newest}), "
            "and it cannot be written: make the database writable, or copy the workspace to where it is, "
            "and run the command again"
        )
    for version, name, sql in _steps():
        if version == newest:
            sql += files("facesort.store").joinpath("what_counts.sql").read_text(encoding="utf-8")
        if version > current:
            _apply(connection, version, name, sql)


def _apply(connection: duckdb.DuckDBPyConnection, version: int, name: str, sql: str) -> None:
    connection.execute("BEGIN TRANSACTION")
    try:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migration (version INTEGER PRIMARY KEY, name VARCHAR NOT NULL)"
        )
        connection.execute(sql)
        connection.execute("INSERT INTO schema_migration VALUES (?, ?)", [version, name])
        connection.execute("COMMIT")
    except duckdb.Error:
        connection.execute("ROLLBACK")
        raise
