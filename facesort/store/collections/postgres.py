"""A PostgreSQL database with pgvector: connections that threads share, its schema, and its errors as sentences."""

from __future__ import annotations

import logging
import re
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import Connection, Cursor, errors
from psycopg.adapt import Buffer, Dumper, Loader
from psycopg.conninfo import make_conninfo
from psycopg.pq import Format
from psycopg.types import TypeInfo

from facesort.errors import CollectionError

log = logging.getLogger(__name__)

_MOST_CONNECTIONS = 8  # of one server; a database takes a hundred, and scans in parallel by itself
_TURN = 0x6661636573  # advisory lock: servers that start at once bring the schema up to date one after the other
# What was answered is on the disk, even if the database is set up not to wait for that.
_SETTINGS = """
SELECT set_config('TimeZone', 'UTC', false),
    CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', false) END,
    set_config('search_path', 'facesort, ' || (
        SELECT quote_ident(nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace
        WHERE extname = 'vector'), false)
"""


class Postgres:
    """Connections to one database; thread-safe.

    Parameters
    ----------
    url : str
        As libpq takes it, TLS and all.  It may hold a password: it is never shown.
    """

    def __init__(self, url: str) -> None:
        try:
            self._known = make_conninfo(
                url, application_name="facesort", connect_timeout=10, tcp_user_timeout=20_000
            )
        except psycopg.ProgrammingError:
            # What libpq says of it quotes it.
            raise CollectionError(
                "the address of PostgreSQL is not one: postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with % and @ in "
                "a password as %25 and %40"
            ) from None
        self._free: list[Connection] = []
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(_MOST_CONNECTIONS)
        try:
            with self._connect(vectors=False) as connection:
                _migrate(connection)
        except psycopg.Error as error:
            raise CollectionError(
                f"PostgreSQL cannot be used: {_first_line(error)} Look at its address, and whether it runs"
            ) from error

    def _connect(self, *, vectors: bool = True) -> Connection:
        connection = psycopg.connect(self._known, autocommit=True)
        if vectors:
            connection.execute(_SETTINGS)
            _register_vectors(connection)
        return connection

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """All or nothing; waits for a connection.

        Raises
        ------
        CollectionError
            If the database cannot be reached, or fails.
        """
        with self._places:
            try:
                connection = self._alive()
            except psycopg.Error as error:
                raise _trouble(
                    error, "Nothing of this request was stored: send it again"
                ) from error
            committing = False
            try:
                with connection.transaction(), connection.cursor(binary=True) as cursor:
                    yield cursor
                    committing = True
            except psycopg.Error as error:
                advice = "Nothing of this request was stored: send it again"
                if committing:
                    advice = "Whether this request was stored is not known: look before you send it again"
                raise _trouble(error, advice) from error
            finally:
                self._give_back(connection)

    def _alive(self) -> Connection:
        """A connection that answers: a database that was started again has closed those of before."""
        with self._lock:
            connection = self._free.pop() if self._free else None
        if connection is not None:
            try:
                connection.execute("SELECT 1")
            except psycopg.OperationalError:
                connection.close()
            else:
                return connection
        return self._connect()

    def _give_back(self, connection: Connection) -> None:
        with self._lock:
            if not connection.closed:
                self._free.append(connection)

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            while self._free:
                self._free.pop().close()


def _trouble(error: psycopg.Error, advice: str) -> CollectionError:
    log.warning("PostgreSQL: %s", _first_line(error))
    return CollectionError(f"the service's collections cannot be used: PostgreSQL fails. {advice}")


def _first_line(error: psycopg.Error) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__).rstrip(" .") + "."


def _register_vectors(connection: Connection) -> None:
    """Let NumPy's arrays of float32 be pgvector's vectors, bit for bit."""
    info = TypeInfo.fetch(connection, "vector")
    if info is None:
        raise errors.UndefinedObject("pgvector is gone from the database")
    info.register(connection)
    dumper = type("_Dumper", (_VectorDumper,), {"oid": info.oid})
    connection.adapters.register_dumper(np.ndarray, dumper)
    connection.adapters.register_loader(info.oid, _VectorLoader)


class _VectorDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: NDArray[np.float32]) -> Buffer:
        return struct.pack(">HH", len(obj), 0) + obj.astype(">f4").tobytes()


class _VectorLoader(Loader):
    format = Format.BINARY

    def load(self, data: Buffer) -> NDArray[np.float32]:
        return np.frombuffer(bytes(data), dtype=">f4", offset=4).astype(np.float32)


def _migrate(connection: Connection) -> None:
    """Bring the schema up to date; one server at a time."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_TURN])
        _need_pgvector(connection)
        if _value(connection, "SELECT to_regnamespace('facesort')") is None:
            connection.execute("CREATE SCHEMA facesort")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS facesort.schema_migration "
            "(version INTEGER PRIMARY KEY, name TEXT NOT NULL)"
        )
        current = _value(
            connection, "SELECT coalesce(max(version), 0) FROM facesort.schema_migration"
        )
        steps = _steps()
        if current > steps[-1][0]:
            raise CollectionError(
                f"the collections in PostgreSQL were written by a newer facesort (schema {current}, this one knows "
                f"{steps[-1][0]}): upgrade facesort, or use another database"
            )
        for version, name, sql in steps:
            if version > current:
                connection.execute(sql)
                row = [version, name]
                connection.execute("INSERT INTO facesort.schema_migration VALUES (%s, %s)", row)


def _value(connection: Connection, sql: str) -> Any:
    row = connection.execute(sql).fetchone()
    return row[0] if row else None


def _need_pgvector(connection: Connection) -> None:
    if _value(connection, "SELECT 1 FROM pg_extension WHERE extname = 'vector'"):
        return
    try:
        connection.execute("CREATE EXTENSION vector")
    except (errors.FeatureNotSupported, errors.UndefinedFile) as error:
        raise CollectionError(
            "PostgreSQL has no pgvector: install it on the database's machine (Debian: postgresql-VERSION-pgvector)"
        ) from error
    except errors.InsufficientPrivilege as error:
        raise CollectionError(
            "pgvector is not switched on, and this role may not do it: let the database's owner run "
            "`CREATE EXTENSION vector` in it"
        ) from error


def _steps() -> list[tuple[int, str, str]]:
    folder = files("facesort.store").joinpath("collections/postgres_migrations")
    found = []
    for entry in folder.iterdir():
        match = re.fullmatch(r"(\d{4})_(\w+)\.sql", entry.name)
        if match:
            found.append((int(match[1]), match[2], entry.read_text(encoding="utf-8")))
    return sorted(found)
