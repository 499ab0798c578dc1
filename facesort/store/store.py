"""The door to the database: open late, close early, one flat transaction.

A read-write DuckDB connection in one process locks out every other process, readers included; so a `Store` is
opened for one action and closed after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import duckdb
import numpy as np
from numpy.typing import NDArray

from facesort.core.foreign_text import csv_text
from facesort.errors import StoreError, StoreLockedError
from facesort.store.migrate import migrate, refuse_what_is_not_ours

# What DuckDB says on POSIX and on Windows; the word "lock" alone is also in every path and in "block".
_HELD_BY_ANOTHER = "Could not set lock|Conflicting lock|already open in|used by another process"
_HELD_BY_OURSELVES = "different configuration than existing connections"

# What it says of a file that lacks a part, holds something else, or cannot be read.
_DAMAGED = "Could not read|Corrupt database|[Cc]hecksum|not a valid DuckDB|[Ss]erializ|Extension .* not found"
_RESTORE = (
    "It is damaged, or its disk is failing. Put your last backup into a new folder with "
    "`facesort restore BACKUP -w NEW`; the photos and the output are not affected"
)

_CACHE_MB = 120
_PHOTOS_PER_MB = (
    1000  # 500,000 photos with three faces each need between 150 and 300 MB for `photo_state`
)

_NOT_WRITTEN = "Could not (write|fsync|truncate)|[Ff]ailed to (write|sync|truncate)|IO Error"


_CONFIG: dict[str, Any] = {
    # By default SQL reads Python variables as tables.
    "python_enable_replacements": False,
    # By default the cache may grow to 80 % of the memory, which belongs to the workers.
    "memory_limit": f"{_CACHE_MB}MB",
    # By default it looks at a thousand values of a column to tell its type, and some are mostly null.
    "pandas_analyze_sample": 1_000_000_000,
    # By default it downloads an extension for a file that looks like another kind of database.
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    # Embeddings and JPEGs do not get smaller; and so it can be searched for what was erased.
    "force_compression": "uncompressed",
}
# Whatever a database holds, it changes no other setting; access to other files can only be turned off.
_LOCKED = _CONFIG | {
    "allowed_configs": [
        "memory_limit",
        "timezone",
        "arrow_lossless_conversion",
        "enable_external_access",
    ],
    "lock_configuration": True,
}


def blob(array: NDArray[np.float32]) -> bytes:
    """Bytes of a float32 array, as stored."""
    return np.ascontiguousarray(array, dtype="<f4").tobytes()


def vector(data: bytes | bytearray | memoryview) -> NDArray[np.float32]:
    """float32 array of stored bytes; shape (n,)."""
    return np.frombuffer(bytes(data), dtype="<f4").astype(np.float32)


class Store:
    """One open database.

    Use as ``with Store.open(path) as store:``; functions of this room take it as their first argument.  Whatever a
    database holds, it reaches no other file: its connection may open none.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._in_transaction = False
        self._outside: duckdb.DuckDBPyConnection | None = None
        self._kept: list[str] = []

    @classmethod
    def open(
        cls, path: Path | None, *, read_only: bool = False, beside: Path | None = None
    ) -> Store:
        """Open a database and bring its schema up to date.

        Parameters
        ----------
        path : Path or None
            None: in memory.
        read_only : bool
            Never migrates; several readers may share a database, none can beside a writer.
        beside : Path, optional
            A second database, to be read as ``old``; `path` must be new then.

        Raises
        ------
        StoreLockedError
            If another process holds it.
        SchemaVersionError
            If a newer facesort wrote it.
        StoreError
            If it cannot be opened, is damaged, or holds anything that facesort does not put there.
        """
        # Before anything of it is read: opening a database replays its log.
        config = _LOCKED | {"enable_external_access": beside is not None}
        try:
            connection = duckdb.connect(
                ":memory:" if path is None else str(path), read_only=read_only, config=config
            )
        except duckdb.Error as error:
            raise _explained(error, path) from error
        try:
            migrate(connection, read_only=read_only)
            if beside is not None:
                _attach(connection, beside)
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET arrow_lossless_conversion = true")  # `relation` keeps its types
            store = cls(connection)
            store.make_room()
        except duckdb.Error as error:
            connection.close()
            if isinstance(error, duckdb.ProgrammingError) and not re.search(_DAMAGED, str(error)):
                raise  # our own SQL is wrong, not the file
            raise _explained(error, path) from error
        except BaseException:
            connection.close()
            raise
        return store

    def close(self) -> None:
        """Close the connection; the file is free for others afterwards."""
        if self._outside is not None:
            self._outside.close()
        with suppress(duckdb.Error):
            for table in self._kept:
                self._connection.execute(f"DROP TABLE {table}")
        self._connection.close()

    def __enter__(self) -> Self:
        """Return the store itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close, whatever happened."""
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing.  Not nestable: DuckDB has no savepoints.

        Raises
        ------
        RuntimeError
            If one is open already.
        """
        if self._in_transaction:
            raise RuntimeError("a transaction is open already; DuckDB cannot nest them")
        self._connection.execute("BEGIN TRANSACTION")
        self._in_transaction = True
        try:
            yield
            # An error aborts the transaction, and DuckDB 2 answers the COMMIT of an aborted one with a silent
            # rollback. If somebody caught the error on its way, this raises.
            self._connection.execute("SELECT 1").fetchall()
            with _disk_trouble_explained():
                self._connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        finally:
            self._in_transaction = False

    def _roll_back(self) -> None:
        # A COMMIT that failed has ended the transaction already.
        with suppress(duckdb.TransactionException):
            self._connection.execute("ROLLBACK")

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run one statement whose result nobody needs."""
        self.rows(sql, parameters)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query.

        Raises
        ------
        StoreError
            If the disk fails or is full; the transaction is lost, what was committed before is not.
        """
        with _disk_trouble_explained():
            return self._connection.execute(sql, list(parameters)).fetchall()

    def committed(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """As `rows`, of what was there before the open transaction changed it."""
        with _disk_trouble_explained(), closing(self._connection.cursor()) as outside:
            return outside.execute(sql, list(parameters)).fetchall()

    def value(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """First column of the first row; None if there is no row."""
        rows = self.rows(sql, parameters)
        return rows[0][0] if rows else None

    def relation(
        self, sql: str, parameters: Sequence[Any] = (), *, kept: bool = True
    ) -> duckdb.DuckDBPyRelation:
        """Rows of a query, as a relation that can be written to files; until the store is closed.

        It belongs to a connection of its own, which may open files and only gets these rows: what runs in it is the
        caller's, and what runs beside the database may open none.

        Parameters
        ----------
        kept : bool
            Carry the query out once, now, and keep its rows; else whenever the relation is read.
        """
        if self._outside is None:
            # What does not fit into the memory must not be written into the current folder.
            self._outside = duckdb.connect(":memory:", config=_CONFIG | {"temp_directory": ""})
            self._outside.execute("SET TimeZone = 'UTC'; RESET memory_limit")
            self.execute("ATTACH IF NOT EXISTS ':memory:' AS kept (READ_WRITE)")
        if kept:
            # Several stores of one process share what is attached.
            self._kept.append(f"kept.t{uuid4().hex}")
            self.execute(f"CREATE TABLE {self._kept[-1]} AS {sql}", parameters)
            sql = f"FROM {self._kept[-1]}"  # in their order
        with _disk_trouble_explained():
            return self._outside.from_arrow(_Rows(self._connection, sql))

    def write_table(self, path: Path, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Write the rows of a query to a file that ends in ``.parquet`` or ``.csv``."""
        table = self.relation(sql, parameters)
        with _disk_trouble_explained():
            if path.suffix == ".parquet":
                table.write_parquet(str(path))
            else:
                rows = table.project("COLUMNS(*)::VARCHAR").fetchall()
                path.write_text(csv_text([table.columns, *rows]), encoding="utf-8", newline="\n")

    def insert(self, table: str, columns: Mapping[str, Sequence[Any]]) -> None:
        """Insert many rows at once.

        Parameters
        ----------
        table : str
            Name of a table of the schema.
        columns : mapping of column name to equally long sequences
            Column-wise: DuckDB reads NumPy's arrays five times as fast as lists (whose bytes it escapes), and lists
            ten times as fast as a row at a time.
        """
        lengths = {len(values) for values in columns.values()}
        if len(lengths) != 1:
            raise ValueError(f"columns of {table} have different lengths: {sorted(lengths)}")
        if lengths == {0}:
            return
        names = ", ".join(columns)
        # The names are our own schema's.
        sql = f"INSERT INTO {table} ({names}) SELECT {names} FROM incoming"  # noqa: S608
        # As objects: NumPy's own strings are padded, and its bytes lose the zeros at their end.
        arrays = {
            name: np.fromiter(values, dtype=object, count=len(values))
            for name, values in columns.items()
        }
        self._connection.register("incoming", arrays)
        try:
            self.rows(sql)
        finally:
            # A transaction that failed takes it along, and the error of what failed is the one to tell.
            with suppress(duckdb.Error):
                self._connection.unregister("incoming")

    def make_room(self) -> None:
        """Let the cache grow with the job: what joins all faces of a very large one would not fit else."""
        photos = self.value("SELECT count(*) FROM photo")
        self.execute(f"SET memory_limit = '{_CACHE_MB + photos // _PHOTOS_PER_MB}MB'")

    def next_id(self, table: str, column: str) -> int:
        """Smallest unused id; call it inside the transaction that uses it."""
        sql = f"SELECT coalesce(max({column}), 0) + 1 FROM {table}"  # noqa: S608
        return int(self.value(sql))


class _Rows:
    """Rows of a query for another connection; the query runs whenever they are asked for."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, sql: str) -> None:
        self._connection, self._sql = connection, sql

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        # A cursor of its own, as two relations may be read at once.
        return self._connection.cursor().sql(self._sql).__arrow_c_stream__(requested_schema)


def _attach(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    quoted = str(path).replace("'", "''")
    connection.execute(f"ATTACH '{quoted}' AS old (READ_ONLY)")
    connection.execute("SET enable_external_access = false")
    refuse_what_is_not_ours(connection, "old")


@contextmanager
def _disk_trouble_explained() -> Iterator[None]:
    """Turn a full or failing disk into a sentence; errors in our own SQL stay what they are."""
    try:
        yield
    except (duckdb.IOException, duckdb.FatalException, duckdb.OutOfMemoryException) as error:
        raise _disk_trouble(error) from error
    except duckdb.TransactionException as error:
        # A COMMIT that could not write its log says so in this way; so does what is our own fault.
        if not re.search(_NOT_WRITTEN, str(error)):
            raise
        raise _disk_trouble(error) from error
    except duckdb.Error as error:  # a wrong checksum has no class of its own
        if not re.search(_DAMAGED, str(error)):
            raise
        raise _disk_trouble(error) from error


def _disk_trouble(error: duckdb.Error) -> StoreError:
    if re.search(_DAMAGED, str(error)):
        return StoreError(
            f"the workspace's database cannot be read: {_first_line(error)} {_RESTORE}"
        )
    return StoreError(
        f"the workspace's database cannot be written: {_first_line(error)} "
        "Free some space on the workspace's disk and run the command again; what was committed is not affected"
    )


def _explained(error: duckdb.Error, path: Path | None) -> StoreError:
    """Turn DuckDB's words into what the user can do."""
    text = str(error)
    if re.search(_HELD_BY_ANOTHER, text):
        pid = re.search(r"PID (\d+)", text)
        who = f"process {pid.group(1)}" if pid else "another process"
        return StoreLockedError(
            f"{path} is in use by {who}. A notebook that has the workspace open, or a running sort, holds it; "
            "close it and try again (`facesort status` works meanwhile)."
        )
    if re.search(_HELD_BY_OURSELVES, text):
        return StoreLockedError(
            f"{path} is open in this process: leave the `with facesort.open(...)` block, or close what was opened, "
            "and try again"
        )
    if re.search(_DAMAGED, text):
        return StoreError(f"{path} cannot be opened as a database: {_first_line(error)} {_RESTORE}")
    return StoreError(
        f"{path} cannot be opened: {_first_line(error)} Check the workspace's disk and its permissions. If the file is "
        "gone, put your last backup into a new folder with `facesort restore BACKUP -w NEW`"
    )


def _first_line(error: duckdb.Error) -> str:
    """What DuckDB says, as a sentence, without its stack."""
    return str(error).splitlines()[0].rstrip(" .:!") + "."
