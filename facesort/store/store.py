"""The door to the database: open late, close early, one flat transaction.

A read-write DuckDB connection in one process locks out every other process, readers included; so a `Store` is
opened for one action and closed after it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import duckdb

from facesort.core.text.foreign_text import csv_text
from facesort.errors import StoreError, StoreLockedError, because
from facesort.files import (
    Kind,
    Stamp,
    array_on_disk,
    keep_while,
    kept_while,
    kind_of,
    stamp_of,
)
from facesort.store.migrate import migrate, newest_fingerprint, refuse_what_is_not_ours
from facesort.store.trouble import (
    explained,
    is_damage,
    refuse_without_handles,
    trouble_explained,
)
from facesort.store.values import refuse_other_values

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CACHE_MB = 120
_PHOTOS_PER_MB = (
    1000  # 500,000 photos with three faces each need between 150 and 300 MB for `photo_state`
)

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
_STREAMED = 2000  # rows that are in memory at a time
_PHOTOS_PER_THREAD = 50_000  # below that, sharing a question out takes longer than answering it
LOCKED = _CONFIG | {
    "threads": 1,
    "allowed_configs": [
        "memory_limit",
        "threads",
        "timezone",
        "arrow_lossless_conversion",
        "enable_external_access",
        "enable_progress_bar",
    ],
    "lock_configuration": True,
}
"""Whatever a database holds, it changes no other setting; access to other files can only be turned off."""


_NO_EMBEDDINGS = (
    "the workspace's database holds embeddings that facesort does not write: of different lengths, or without a "
    "direction. If somebody sent it to you, do not use it; if it is yours, put your last backup into a new folder with "
    "`facesort restore BACKUP -w NEW`"
)

# Databases as this process left them: these need not be looked at again.
_looked_at: dict[Path, Stamp | None] = {}


def _is_known(path: Path, stamp: Stamp | None) -> bool:
    """Whether a database is as some process of this facesort left it, whose own have the same schema.

    To look at one, at what it holds and at its values, takes 0.2 s, and more for a large one.
    """
    kept = kept_while(stamp, _stamp_file(path), below=path.parent, limit=1000)
    return kept is not None and json.loads(kept).get("schema") == newest_fingerprint()


def _stamp_file(path: Path) -> Path:
    return path.parent / "state" / "looked_at.json"


def _file_at(path: Path) -> tuple[int, int] | None:
    try:
        at = path.stat()
    except OSError:
        return None
    return at.st_dev, at.st_ino


def blob(array: NDArray[np.float32]) -> bytes:
    """Bytes of a float32 array, as stored."""
    import numpy as np

    return np.ascontiguousarray(array, dtype="<f4").tobytes()


def vector(data: bytes | bytearray | memoryview) -> NDArray[np.float32]:
    """float32 array of stored bytes; shape (n,)."""
    import numpy as np

    return np.frombuffer(bytes(data), dtype="<f4").astype(np.float32)


def vectors(
    stored: Sequence[bytes | bytearray | memoryview], dim: int | None = None
) -> NDArray[np.float32]:
    """float32 array of the embeddings of one model pack; shape (n, dim).

    Parameters
    ----------
    dim : int, optional
        Of others of the pack.

    Raises
    ------
    StoreError
        If they are not equally long, or one has no direction.
    """
    import numpy as np

    sizes = {len(data) for data in stored} | (set() if dim is None else {4 * dim})
    if len(sizes) > 1 or any(size == 0 or size % 4 for size in sizes):
        raise StoreError(_NO_EMBEDDINGS)
    found = vector(b"".join(stored)).reshape(len(stored), max(sizes, default=0) // 4)
    if not (np.isfinite(found).all() and found.any(axis=1).all()):
        raise StoreError(_NO_EMBEDDINGS)
    return found


class Store:
    """One open database.

    Use as ``with Store.open(path) as store:``; functions of this room take it as their first argument.  Whatever a
    database holds, it reaches no other file: its connection may open none.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        path: Path | None = None,
        file: tuple[int, int] | None = None,
    ) -> None:
        self._connection = connection
        self._path = path
        self._file = file
        self._in_transaction = False
        self._entered = 0
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
        unchanged, file, stamp = False, None, None
        if path is not None:
            file = _file_at(path)
            _refuse_what_is_no_file(path)
            refuse_without_handles()
            stamp = stamp_of(path)
            unchanged = stamp is not None and (
                stamp == _looked_at.get(path) or _is_known(path, stamp)
            )
        # Before anything of it is read: opening a database replays its log.
        new = path is None or beside is not None  # and so holds nothing of anybody else's
        config = LOCKED | {"enable_external_access": new}
        try:
            connection = duckdb.connect(
                ":memory:" if path is None else str(path), read_only=read_only, config=config
            )
        except duckdb.Error as error:
            raise explained(error, path) from error
        try:
            # In Jupyter the library shows a widget of its own for each query that takes two seconds.
            connection.execute("SET enable_progress_bar = false")
            if not unchanged and migrate(connection, read_only=read_only):
                refuse_other_values(connection)
            if beside is not None:
                _attach(connection, beside)
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET arrow_lossless_conversion = true")  # `relation` keeps its types
            store = cls(connection, path, file)
            store.make_room()
        except duckdb.Error as error:
            connection.close()
            if isinstance(error, duckdb.ProgrammingError) and not is_damage(error):
                raise  # our own SQL is wrong, not the file
            raise explained(error, path) from error
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
        if self._path is not None:
            stamp = _looked_at[self._path] = stamp_of(self._path)
            if not _is_known(self._path, stamp):
                keep_while(stamp, _stamp_file(self._path), {"schema": newest_fingerprint()})

    def settled(self) -> Stamp | None:
        """Write what is in the log into the file; its stamp, which stays until something is changed.

        Raises
        ------
        StoreError
            If the disk fails or is full; nothing is lost.
        """
        if self._path is None:
            return None
        self.execute("CHECKPOINT")
        return stamp_of(self._path)

    def __enter__(self) -> Self:
        """Return the store itself, which stays open until the outermost block ends."""
        self._entered += 1
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close, whatever happened, unless it was open before this block.

        Raises
        ------
        StoreLockedError
            In place of the error of a file that was replaced, and overwritten, while it was read.
        """
        self._entered -= 1
        if not self._entered:
            self.close()
        if isinstance(error, StoreError) and self._is_replaced():
            raise StoreLockedError(
                f"{self._path} was replaced while it was read, as `facesort forget` does: ask again"
            ) from error

    def _is_replaced(self) -> bool:
        if self._path is None or self._file is None:
            return False
        return _file_at(self._path) not in (None, self._file)

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
            with trouble_explained():
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

    @contextmanager
    def materialized(
        self, view: str, columns: str = "*", where: str = "true", parameters: Sequence[Any] = ()
    ) -> Iterator[None]:
        """Evaluate a view once, for all questions inside and views that are made of it; nothing may be written there.

        Parameters
        ----------
        columns : str
            Those that are asked for, as after ``SELECT``.
        where : str
            Rows that are asked for, of the view as ``s``.
        """
        # What is temporary is found before what is stored.
        sql = f"CREATE TEMP TABLE {view} AS SELECT {columns} FROM {view} s WHERE {where}"  # noqa: S608
        with trouble_explained():
            self._connection.execute(sql, list(parameters))
        try:
            yield
        except BaseException:
            # An error that aborted a transaction is the one to be told; the rollback drops the table.
            with suppress(duckdb.Error):
                self._connection.execute(f"DROP TABLE temp.{view}")
            raise
        self._connection.execute(f"DROP TABLE temp.{view}")

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
        with trouble_explained():
            return self._connection.execute(sql, list(parameters)).fetchall()

    def stream(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """As `rows`, a few at a time; nothing else may be asked before the last one."""
        with trouble_explained():
            found = self._connection.execute(sql, list(parameters))
            while some := found.fetchmany(_STREAMED):
                yield from some

    def committed(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """As `rows`, of what was there before the open transaction changed it."""
        with trouble_explained(), closing(self._connection.cursor()) as outside:
            return outside.execute(sql, list(parameters)).fetchall()

    @contextmanager
    def as_it_was(self) -> Iterator[Store]:
        """The database as it is now, to be asked inside, whatever is written here meanwhile."""
        with closing(self._connection.cursor()) as outside:
            outside.execute("BEGIN TRANSACTION")
            outside.execute("SELECT count(*) FROM schema_migration").fetchall()  # it begins here
            yield Store(outside)

    def columns(self, sql: str, parameters: Sequence[Any] = ()) -> list[NDArray[Any]]:
        """All columns of a query whose values are numbers, none of them missing: a tenth of the memory of `rows`."""
        with trouble_explained():
            return list(self._connection.execute(sql, list(parameters)).fetchnumpy().values())

    def room(self, rows: int, columns: int) -> NDArray[np.float32]:
        """Make an array on the disk of the database, which may be larger than memory.

        Raises
        ------
        StoreError
            If the disk has no room for it.
        """
        if self._path is None:
            from facesort.core.records import in_memory

            return in_memory(rows, columns)
        try:
            return array_on_disk(self._path.parent, rows, columns)
        except OSError as error:
            size = rows * columns * 4 / 1e9
            raise StoreError(
                f"the faces need {size:.1f} GB beside the workspace's database for a while, which cannot be had "
                f"{because(error)}, and run the command again; nothing is lost"
            ) from error

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
        outside = self._open_outside()
        if kept:
            self.execute("ATTACH IF NOT EXISTS ':memory:' AS kept (READ_WRITE)")
            # Several stores of one process share what is attached.
            self._kept.append(f"kept.t{token_hex(16)}")
            self.execute(f"CREATE TABLE {self._kept[-1]} AS {sql}", parameters)
            sql = f"FROM {self._kept[-1]}"  # in their order
        with trouble_explained():
            return outside.from_arrow(_Rows(self._connection, sql))

    def _open_outside(self) -> duckdb.DuckDBPyConnection:
        """A connection that may open files, and has only what it is given."""
        if self._outside is None:
            # What does not fit into the memory must not be written into the current folder.
            self._outside = duckdb.connect(":memory:", config=_CONFIG | {"temp_directory": ""})
            self._outside.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
            self._outside.execute("RESET memory_limit")
        return self._outside

    def write_table(self, path: Path, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Write the rows of a query to a file that ends in ``.parquet`` or ``.csv``."""
        table = self.relation(sql, parameters)
        with trouble_explained():
            if path.suffix == ".parquet":
                table.write_parquet(str(path))
            else:
                rows = table.project("COLUMNS(*)::VARCHAR").fetchall()
                path.write_text(csv_text([table.columns, *rows]), encoding="utf-8", newline="\n")

    def write_lines(self, path: Path, lines: Path, columns: Mapping[str, str]) -> None:
        """Write the JSON objects of a file, one in each line, as a table; they never are in memory all at once.

        Parameters
        ----------
        path : Path
            Ends in ``.parquet``.
        lines : Path
        columns : mapping of name to type in SQL
        """
        outside = self._open_outside()
        with trouble_explained():
            outside.execute("SET threads = 1")  # with more, the bytes are others on other machines
            try:
                outside.read_json(
                    str(lines),
                    columns=dict(columns),
                    format="newline_delimited",
                    hive_partitioning=False,  # by default a folder called `a=b` is a column
                ).write_parquet(str(path))
            finally:
                outside.execute("RESET threads")

    def insert(self, table: str, columns: Mapping[str, Sequence[Any] | NDArray[Any]]) -> None:
        """Insert many rows at once.

        Parameters
        ----------
        table : str
            Name of a table of the schema.
        columns : mapping of column name to equally long sequences, or arrays of numbers
            Column-wise: DuckDB reads NumPy's arrays five times as fast as lists (whose bytes it escapes), and lists
            ten times as fast as a row at a time.
        """
        import numpy as np

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
            name: values
            if isinstance(values, np.ndarray)
            else np.fromiter(values, dtype=object, count=len(values))
            for name, values in columns.items()
        }
        try:
            with trouble_explained():
                self._connection.register("incoming", arrays)
            self.rows(sql)
        finally:
            # A transaction that failed takes it along, and the error of what failed is the one to tell.
            with suppress(duckdb.Error):
                self._connection.unregister("incoming")

    def make_room(self) -> None:
        """Let cache and threads grow with the job: what joins all faces of a very large one would not fit else."""
        photos = int(self.value("SELECT count(*) FROM file"))
        self.execute(f"SET memory_limit = '{_CACHE_MB + photos // _PHOTOS_PER_MB}MB'")
        self.execute(f"SET threads = {min(os.cpu_count() or 1, 1 + photos // _PHOTOS_PER_THREAD)}")

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


def _refuse_what_is_no_file(path: Path) -> None:
    """DuckDB would wait for a pipe, and write through a link."""
    beside = (".wal", ".wal.checkpoint", ".wal.recovery")
    allowed = {Path(f"{path}{suffix}"): Kind.FILE for suffix in ("", *beside)}
    allowed[Path(f"{path}.tmp")] = Kind.FOLDER
    for place, kind in allowed.items():
        found = kind_of(place)
        if found not in (kind, None):
            raise StoreError(
                f"{place} is a {found}, where facesort has a {kind} of its own: move it away, and if the database is "
                "gone then, put your last backup into a new folder with `facesort restore BACKUP -w NEW`"
            )


def _attach(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    quoted = str(path).replace("'", "''")
    connection.execute(f"ATTACH '{quoted}' AS old (READ_ONLY)")
    connection.execute("SET enable_external_access = false")
    refuse_what_is_not_ours(connection, "old")
