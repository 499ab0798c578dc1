"""Numbered migrations: each step and its record in one transaction.

Views and macros hold no data: ``what_counts.sql`` makes them anew together with the last step, and whenever those in a
database are not its own.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from dataclasses import astuple
from functools import cache
from importlib.resources import files

import duckdb

from facesort.errors import OldSchemaError, SchemaVersionError, StoreError
from facesort.store.catalogue import Entry, catalogue, refuse_other

log = logging.getLogger(__name__)

_RECORD = "CREATE TABLE IF NOT EXISTS schema_migration (version INTEGER PRIMARY KEY, name VARCHAR NOT NULL)"


def _steps(folder: str = "migrations") -> list[tuple[int, str, str]]:
    """Version, name and SQL of every migration, in order."""
    found = []
    for entry in files("facesort.store").joinpath(folder).iterdir():
        match = re.fullmatch(r"(\d{4})_(\w+)\.sql", entry.name)
        if match:
            found.append((int(match[1]), match[2], entry.read_text(encoding="utf-8")))
    return sorted(found)


def _what_counts() -> str:
    """SQL that makes the views and macros."""
    return files("facesort.store").joinpath("what_counts.sql").read_text(encoding="utf-8")


def newest_version() -> int:
    """Schema version of this facesort."""
    return _steps()[-1][0]


@cache
def _ours(version: int) -> frozenset[Entry]:
    """What the migrations make up to a version; without views and macros, except of the newest."""
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        _build(connection, 0, version)
        return catalogue(connection)


def fingerprint(found: frozenset[Entry]) -> str:
    """SHA-256, in hex, of what a database holds besides rows, and of the SQL that makes ours."""
    ours = [*_steps(), _what_counts()]
    text = json.dumps([ours, sorted(map(astuple, found))], ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def newest_fingerprint() -> str:
    """That of a database of this facesort."""
    return files("facesort.store").joinpath("fingerprint.txt").read_text(encoding="utf-8").strip()


def _is_newest(connection: duckdb.DuckDBPyConnection, found: frozenset[Entry]) -> bool:
    """Whether it is known to be as the migrations make it, without making one to compare with, which takes 0.2 s.

    After a change of the SQL, or with a DuckDB that prints definitions in another way, it is not known.
    """
    return fingerprint(found) == newest_fingerprint() and _recorded(connection) == _records()


def migrate(connection: duckdb.DuckDBPyConnection, *, read_only: bool) -> bool:
    """Bring a database to the newest schema, if it is one of ours.

    Parameters
    ----------
    read_only : bool
        Only check.

    Returns
    -------
    bool
        Whether there was anything in it before.

    Raises
    ------
    SchemaVersionError
        If the database is newer than this facesort.
    OldSchemaError
        If it is older and may not be changed.
    StoreError
        If it holds anything that no migration makes.
    """
    found, newest = catalogue(connection), newest_version()
    if _is_newest(connection, found):
        return True
    current = _checked_version(connection, found)
    if read_only and current < newest:
        raise _old(current)
    ours = _ours(current) if found else frozenset()
    derived = frozenset(e for e in found if not e.holds_data)
    names = {(e.kind, e.name) for e in ours}
    # What views there were in older versions is not known any more; they are dropped, whatever they are.
    known = derived if current < newest else {e for e in derived if (e.kind, e.name) in names}
    refuse_other(found - known, frozenset(e for e in ours if e.holds_data))
    if current == newest and found == ours:
        return True
    if read_only:
        raise _old(current)
    if current == newest:
        log.warning(
            "the views in the workspace's database were not those of this facesort: they were made anew"
        )
    _build(connection, current, newest, before=" ".join(e.drop for e in sorted(derived)))
    return bool(found)


def migrate_to_newest(connection: duckdb.DuckDBPyConnection, folder: str) -> None:
    """Bring a database that is no workspace's to the newest schema of a folder of migrations in this room.

    Raises
    ------
    SchemaVersionError
        If a newer facesort wrote it.
    """
    _carry_out(connection, _RECORD)
    rows = connection.execute("SELECT version FROM schema_migration").fetchall()
    current, steps = max((version for (version,) in rows), default=0), _steps(folder)
    if current > steps[-1][0]:
        raise SchemaVersionError(
            f"a newer facesort wrote it (schema {current}, this one knows {steps[-1][0]}): upgrade facesort"
        )
    for version, name, sql in steps:
        if version > current:
            _apply(connection, version, name, sql)


def _old(current: int) -> OldSchemaError:
    return OldSchemaError(
        f"an older facesort wrote the workspace (schema {current}, this one needs {newest_version()}), "
        "and it cannot be written: make the database writable, or copy the workspace to where it is, "
        "and run the command again"
    )


def refuse_what_is_not_ours(connection: duckdb.DuckDBPyConnection, database: str) -> None:
    """Refuse an attached database whose tables or views are not those of the newest schema.

    Raises
    ------
    StoreError
        Naming what differs.
    """
    refuse_other(catalogue(connection, database), _ours(newest_version()))


def _checked_version(connection: duckdb.DuckDBPyConnection, found: frozenset[Entry]) -> int:
    """Version of a database, by its own record of the migrations; 0 if it is empty."""
    if not found:
        return 0
    record = [e for e in found if (e.schema, e.name) == ("main", "schema_migration")]
    ours = _ours(newest_version())  # made anyway, and the record is the same in every version
    refuse_other(frozenset(record), frozenset(e for e in ours if e.name == "schema_migration"))
    rows = _recorded(connection)
    current, newest = max((version for version, _ in rows), default=0), newest_version()
    if current > newest:
        raise SchemaVersionError(
            f"the workspace was written by a newer facesort (schema {current}, this one knows {newest}): "
            "upgrade facesort, or use another workspace"
        )
    if rows != [record for record in _records() if record[0] <= current]:
        raise StoreError(
            "the workspace's database does not say which facesort wrote it: its list of migrations is not one of ours. "
            "Put your last backup into a new folder with `facesort restore BACKUP -w NEW`"
        )
    return current


def _recorded(connection: duckdb.DuckDBPyConnection) -> list[tuple[int, str]]:
    """What a database says of the migrations that made it, once its record is known to be ours."""
    # All rows, here and elsewhere: what is not fetched to its end keeps the connection busy.
    rows = connection.execute(
        "SELECT version, name FROM main.schema_migration LIMIT 1000"
    ).fetchall()
    return sorted(rows)


def _records() -> list[tuple[int, str]]:
    """What a database of the newest schema says."""
    return [(version, name) for version, name, _ in _steps()]


def _build(
    connection: duckdb.DuckDBPyConnection, current: int, target: int, *, before: str = ""
) -> None:
    """Carry out the steps between two versions, after some SQL that belongs to the first of them."""
    newest = newest_version()
    for version, name, sql in _steps():
        if current < version <= target:
            _apply(
                connection,
                version,
                name,
                before + sql + (_what_counts() if version == newest else ""),
            )
            before = ""
    if current == newest:
        _carry_out(connection, before + _what_counts())


def _apply(connection: duckdb.DuckDBPyConnection, version: int, name: str, sql: str) -> None:
    _carry_out(connection, f"{_RECORD}; {sql}", version, name)


def _carry_out(connection: duckdb.DuckDBPyConnection, sql: str, *record: object) -> None:
    connection.execute("BEGIN TRANSACTION")
    try:
        connection.execute(sql)
        if record:
            connection.execute("INSERT INTO schema_migration VALUES (?, ?)", list(record))
        connection.execute("COMMIT")
    except duckdb.Error:
        connection.execute("ROLLBACK")
        raise
