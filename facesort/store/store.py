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

import duckdb
import numpy as np
from numpy.typing import NDArray

from facesort.core.foreign_text import csv_text
from facesort.errors import StoreError, StoreLockedError
from facesort.store.migrate import migrate

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


def blob(array: NDArray[np.float32]) -> bytes:
    """Bytes of a float32 array, as stored."""
    return np.ascontiguousarray(array, dtype="<f4").tobytes()


def vector(data: bytes | bytearray | memoryview) -> NDArray[np.float32]:
    """float32 array of stored bytes; shape (n,)."""
    return np.frombuffer(bytes(data), dtype="<f4").astype(np.float32)


class Store:
    """One open database.

    Use as ``with Store.open(path) as store:``; functions of this room take it as their first argument.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._in_transaction = False

    @classmethod
    def open(cls, path: Path | None, *, read_only: bool = False) -> Store:
        """Open a database and bring its schema up to date.

        Parameters
        ----------
        path : Path or None
            None: in memory.
        read_only : bool
            Never migrates; several readers may share a database, none can beside a writer.

        Raises
        ------
        StoreLockedError
            If another process holds it.
        SchemaVersionError
            If a newer facesort wrote it.
        StoreError
            If it cannot be opened or is damaged.
        """
        try:
            connection = duckdb.connect(
                ":memory:" if path is None else str(path),
                read_only=read_only,
                config={
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
                },
            )
        except duckdb.Error as error:
            raise _explained(error, path) from error
        try:
            connection.execute("SET TimeZone = 'UTC'")
            migrate(connection, read_only=read_only)
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

    def relation(self, sql: str, parameters: Sequence[Any] = ()) -> duckdb.DuckDBPyRelation:
        """Lazy relation over a query: it runs whenever it is read, until the store is closed."""
        return self._connection.sql(sql, params=list(parameters))

    def write_table(self, path: Path, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Write the rows of a query to a file that ends in ``.parquet`` or ``.csv``."""
        with _disk_trouble_explained():
            table = self.relation(sql, parameters)
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
