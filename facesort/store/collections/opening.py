"""The database of a service's collections: opened by one process, rewritten when something was erased."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from facesort.errors import CollectionError, SchemaVersionError, StoreError, StoreLockedError
from facesort.files import Kind, create_own, expect, kind_of, remove_own, sync_folder
from facesort.store.migrate import migrate_to_newest
from facesort.store.store import LOCKED, Store
from facesort.store.trouble import explained, first_line

_MIGRATIONS = "collections/migrations"
_TABLES = ("collection", "face", "member", "once")


@contextmanager
def collections_explained() -> Iterator[None]:
    """Turn what is wrong with the disk or the database into a sentence about the collections."""
    try:
        yield
    except (duckdb.Error, StoreError) as error:
        raise CollectionError(
            f"the service's collections cannot be used: {first_line_of(error)} Nothing of this request was stored; "
            "look at the disk of the service's folder, and send it again"
        ) from error
    except OSError as error:
        raise CollectionError(
            f"the service's collections cannot be written: {error.strerror or error}. Nothing of this request was "
            "stored; free some space on the disk of the service's folder, and send it again"
        ) from error


def first_line_of(error: Exception) -> str:
    """The first line of an error, without a path of this machine."""
    text = first_line(error) if isinstance(error, duckdb.Error) else str(error).splitlines()[0]
    return re.sub(r'"?/[^\s":]+"?', "the file", text)


def open_database(path: Path) -> Store:
    """Open the database, and make it if there is none.

    Raises
    ------
    CollectionError
        If it is held by another process, was written by a newer facesort, or cannot be used.
    """
    try:
        for beside in ("", ".wal", ".wal.checkpoint", ".wal.recovery"):
            expect(Path(f"{path}{beside}"), Kind.FILE, None)
        connection = _connect(path)
    except OSError as error:
        raise CollectionError(f"{path} cannot be used ({error.strerror})") from error
    except duckdb.Error as error:
        raise _not_opened(error, path) from error
    return Store(connection)


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    config = LOCKED | {"enable_external_access": False}
    connection = duckdb.connect(str(path), config=config)
    try:
        connection.execute("SET enable_progress_bar = false")
        migrate_to_newest(connection, _MIGRATIONS)
        connection.execute("SET TimeZone = 'UTC'")
    except SchemaVersionError as error:
        connection.close()
        raise CollectionError(f"{path} cannot be used: {error}") from error
    except BaseException:
        connection.close()
        raise
    return connection


def _not_opened(error: duckdb.Error, path: Path) -> CollectionError:
    if isinstance(explained(error, path), StoreLockedError):
        return CollectionError(
            f"another process has {path} open: a running `facesort serve` holds its collections. Stop it first, or "
            "let several servers share PostgreSQL (--postgres)"
        )
    return CollectionError(
        f"{path} cannot be opened: {first_line(error)} Look at its disk and its permissions; if it is damaged, put a "
        "copy of the service's folder back"
    )


class ErasedNames:
    """Names that were erased, and may still be in the database's file: DuckDB only marks deleted rows.

    A file beside it says so until it is written anew, also across a kill.

    Parameters
    ----------
    path : Path
        The database.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mark = path.with_name("erased")

    def are_left(self) -> bool:
        """Whether there are any."""
        return kind_of(self._mark) is not None

    def note(self) -> None:
        """Some are about to be erased."""
        if not self.are_left():
            create_own(self._mark, private=True).close()
            sync_folder(self._path.parent)

    def forget(self) -> None:
        """Write the file anew if there are any; nobody may hold it."""
        if self.are_left():
            _rewrite(self._path)
            remove_own(self._mark, below=self._path.parent)


def _rewrite(path: Path) -> None:
    """Copy all rows into a new file that replaces the old one."""
    new = path.with_name(f".{path.name}.new")
    for leftover in (new, Path(f"{new}.wal")):
        remove_own(leftover, below=path.parent)
    connection = duckdb.connect(str(new), config=LOCKED | {"enable_external_access": True})
    try:
        migrate_to_newest(connection, _MIGRATIONS)
        quoted = str(path).replace("'", "''")
        connection.execute(f"ATTACH '{quoted}' AS old (READ_ONLY)")
        for table in _TABLES:
            connection.execute(f"INSERT INTO {table} FROM old.{table}")
        connection.execute("DETACH old; CHECKPOINT")
    finally:
        connection.close()
    new.chmod(0o600)
    new.replace(path)
    sync_folder(path.parent)
