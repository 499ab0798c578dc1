"""What a database is made of besides its rows: tables, views, macros and whatever else SQL can create.

A database that somebody sent may hold other things in place of ours, and a macro may be called ``count`` or ``=``: it
would run with the first query.  So the queries here use no function and no operator, name the catalogue in full, and
bind no view.  Nothing else is asked before what they list was compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import duckdb

from facesort.errors import StoreError

# Kind, and what the catalogue says of each: database, schema, name, definition ...
_LISTINGS = (
    ("schema", "SELECT database_name, schema_name, schema_name FROM {}_schemas() WHERE NOT internal"),
    ("table", "SELECT database_name, schema_name, table_name, sql FROM {}_tables() WHERE NOT internal"),
    ("index", "SELECT database_name, schema_name, index_name, sql FROM {}_indexes()"),
    ("trigger", "SELECT database_name, schema_name, trigger_name, sql FROM {}_triggers()"),
    ("sequence", "SELECT database_name, schema_name, sequence_name, sql FROM {}_sequences()"),
    ("type", "SELECT database_name, schema_name, type_name, logical_type FROM {}_types() WHERE NOT internal"),
    ("view", "SELECT database_name, schema_name, view_name, sql FROM {}_views() WHERE NOT internal"),
    (
        "macro",
        "SELECT database_name, schema_name, function_name, macro_definition, parameters, function_type "
        "FROM {}_functions() WHERE NOT internal",
    ),
)  # fmt: skip
_HOLDS_NO_DATA = frozenset({"view", "macro"})
_SHOWN = 5


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One thing in a database.

    Parameters
    ----------
    kind : str
        ``table``, ``view`` ...
    definition : str
        How DuckDB prints it.
    """

    kind: str
    schema: str
    name: str
    definition: str

    @property
    def holds_data(self) -> bool:
        """Whether it is lost if it is dropped: of views and macros, nothing is."""
        return self.kind not in _HOLDS_NO_DATA

    @property
    def drop(self) -> str:
        """SQL that drops this view or macro."""
        table_macro = self.kind == "macro" and self.definition.startswith("table_macro")
        quoted = ".".join(
            f'"{part.replace(chr(34), 2 * chr(34))}"' for part in (self.schema, self.name)
        )
        return f"DROP {self.kind} {'TABLE ' * table_macro}IF EXISTS {quoted};"

    def __str__(self) -> str:
        name = self.name if self.schema == "main" else f"{self.schema}.{self.name}"
        return f"{self.kind} {name[:60]!a}"


def catalogue(
    connection: duckdb.DuckDBPyConnection, database: str | None = None
) -> frozenset[Entry]:
    """Everything in a database that is not DuckDB's own.

    Parameters
    ----------
    database : str, optional
        Name of an attached one; by default the one that was opened.
    """
    if database is None:
        ((database,),) = connection.execute("SELECT system.main.current_database()").fetchall()
    entries = (
        (kind, row)
        for kind, sql in _LISTINGS
        for row in connection.execute(sql.format("system.main.duckdb")).fetchall()
    )
    return frozenset(
        Entry(kind, schema, name, _definition(kind, rest))
        for kind, (found_in, schema, name, *rest) in entries
        if found_in == database
    )


def _definition(kind: str, parts: list[object]) -> str:
    text = " ".join(map(str, reversed(parts)))
    if kind not in _HOLDS_NO_DATA:
        return text
    # DuckDB prints the columns after EXCLUDE and REPLACE in any order. Without an order it still says that no function,
    # table or value is in it that is not in ours.
    first, *others = re.findall(r"'(?:[^']|'')*'|\w+|\S", text) or [""]
    return " ".join([first, *sorted(others)])


def refuse_other(found: frozenset[Entry], ours: frozenset[Entry]) -> None:
    """Refuse a database that holds anything but what our migrations make.

    Raises
    ------
    StoreError
        Naming what differs.
    """
    differs = list(_differences(found, ours))
    if differs:
        more = f" and {len(differs) - _SHOWN} more" if len(differs) > _SHOWN else ""
        raise StoreError(
            f"the workspace's database is not as facesort makes it: {'; '.join(differs[:_SHOWN])}{more}. Nothing in it "
            "was used. If somebody sent it to you, do not use it; if it is yours, put your last backup into a new "
            "folder with `facesort restore BACKUP -w NEW`"
        )


def _differences(found: frozenset[Entry], ours: frozenset[Entry]) -> Iterator[str]:
    known = {(e.kind, e.schema, e.name) for e in ours}
    there = {(e.kind, e.schema, e.name) for e in found}
    for entry in sorted(chain(found - ours, ours - found)):
        key = (entry.kind, entry.schema, entry.name)
        if key not in known:
            yield f"{entry} does not belong there"
        elif key not in there:
            yield f"{entry} is missing"
        elif entry in ours:
            yield f"{entry} is another one"
