"""Values that facesort never writes, where it goes by them: ids, numbers, times, and text that becomes a path.

A database that somebody sent may hold any.  They are looked at when it is opened; embeddings when they are read, and
planned files when they are written.
"""

from __future__ import annotations

import re

import duckdb

from facesort.core.delivery.routing import is_target
from facesort.errors import StoreError

# What has to hold, by type and by name; NULL is looked at by the schema.
_OF_TYPE = {
    "FLOAT": "isfinite({})",
    "DOUBLE": "isfinite({})",
    "TIMESTAMP": "{} BETWEEN TIMESTAMP '0001-01-02' AND TIMESTAMP '9999-12-30'",  # what Python can tell
    "INTEGER": "abs({}::BIGINT) < 2000000000",  # there is a next one
    "BIGINT": "abs({}::HUGEINT) < 4000000000000000000",
    "JSON": "json_type({}) = 'OBJECT'",
}
_OF_NAME = {
    "name": "len({}) <= 10000",  # any text: it is made harmless where it goes to
    "mtime_ns": "abs({}::HUGEINT) < 9223372036854775807",  # disks have files of any year; the last one is infinity
    "remarks": "regexp_full_match(array_to_string({}, ' '), '[a-z_ ]{{0,500}}')",  # codes
    "turn": "{} IN (0, 90, 180, 270)",
    "jpeg_sha256": "regexp_full_match({}, '[0-9a-f]{{64}}')",
    "sha256": "len({}) <= 64 AND regexp_full_match({}, '[0-9A-Za-z]*')",  # file names have its first digits
}
_INSIDE = (
    r"NOT regexp_matches({}, '(^|/)\.{{0,2}}(/|$)') AND NOT contains({}, chr(0)) AND len({}) < 5000"
)
_FOLDERS = "SELECT folder FROM {} WHERE folder IS NOT NULL"
_DEVICE = re.compile(  # names that Windows keeps for devices
    r"(con|prn|aux|nul|(com|lpt)[0-9\u00b9\u00b2\u00b3]) *(\..*)?", re.IGNORECASE | re.DOTALL
)
_SHOWN = 60


def refuse_other_values(connection: duckdb.DuckDBPyConnection) -> None:
    """Refuse a database of the newest schema that holds such values.

    Raises
    ------
    StoreError
        Naming the table and the column.
    """
    for table, checks in _checks(connection).items():
        counted = ", ".join(f"count_if(NOT ({holds}))" for _, holds in checks)
        (numbers,) = connection.execute(f'SELECT {counted} FROM "{table}"').fetchall()  # noqa: S608
        for (column, _), wrong in zip(checks, numbers, strict=True):
            if wrong:
                raise _refused(f"{table}.{column} has {wrong} values")
    tables = ("person", "former_person", "person_edit", "former_person_edit")
    for (folder,) in connection.execute(" UNION ".join(map(_FOLDERS.format, tables))).fetchall():
        if not _is_folder(folder):
            raise _refused(f"{folder[:_SHOWN]!a} is the folder of a person, which is")


def _is_folder(text: str) -> bool:
    return (
        is_target(f"{text}/photo.jpg")
        and not text.startswith(("_", "."))
        and not _DEVICE.fullmatch(text)
    )


def _refused(what: str) -> StoreError:
    return StoreError(
        f"the workspace's database is not as facesort writes it: {what} not of the kind that is written there. If "
        "somebody sent it to you, do not use it; if it is yours, put your last backup into a new folder with "
        "`facesort restore BACKUP -w NEW`"
    )


_cached: dict[str, list[tuple[str, str]]] = {}


def _checks(connection: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[str, str]]]:
    """Column and condition of all that is looked at, by table; the same for every database of this schema."""
    if not _cached:
        columns = connection.execute(
            "SELECT table_name, column_name, data_type FROM duckdb_columns() c JOIN duckdb_tables() t "
            "USING (database_name, table_name) WHERE NOT c.internal AND database_name = current_database()"
        ).fetchall()
        for table, column, kind in columns:
            rule = _OF_NAME.get(column) or _OF_TYPE.get(kind)
            if (table, column) == ("file", "path"):
                rule = _INSIDE
            if rule:
                quoted = f'"{column}"'
                _cached.setdefault(table, []).append((column, rule.format(*[quoted] * 3)))
    return _cached
