"""A workspace whose database somebody has changed at random: every verb ends with success or a sentence."""

from __future__ import annotations

from contextlib import closing, suppress
from pathlib import Path
from random import Random

import duckdb
import pytest
from foreign_things import VERBS, World, patience, snapshot
from torture.campaign import Ledger, chance, share

from facesort.errors import FacesortError

FAULTS = "faults injected: database"
COLUMNS = """
SELECT c.table_name, c.column_name, c.data_type FROM duckdb_columns() c JOIN duckdb_tables() t USING (table_name)
WHERE NOT c.internal AND c.table_name <> 'schema_migration'
"""
# The journal and its undo are not among the verbs.
VALUES = {
    "VARCHAR": ["''", "'../x'", "'/etc/hostname'", "'CON'", "'a' || chr(0)", "repeat('x', 100000)", "'matched'"],
    "INTEGER": ["-1", "0", "2147483647", "7", "NULL"],
    "BIGINT": ["-1", "0", "9223372036854775807", "NULL"],
    "UBIGINT": ["0", "18446744073709551615", "NULL"],
    "FLOAT": ["'nan'", "'inf'", "-1", "1e30", "NULL"],
    "DOUBLE": ["'nan'", "'inf'", "-1"],
    "BLOB": ["''::BLOB", "'a'::BLOB", r"repeat('\x00\x00\xC0\x7F', 128)::BLOB", "repeat('abcd', 7)::BLOB"],
    "TIMESTAMP": ["'infinity'", "'-infinity'", "TIMESTAMP '0044-03-15 (BC) 00:00:00'", "NULL"],
    "BOOLEAN": ["true", "false", "NULL"],
    "JSON": ["'5'", "'null'", "'[]'", "'{}'"],
}  # fmt: skip
OBJECTS = (
    "CREATE VIEW more AS SELECT content FROM read_text('{outside}/photo.jpg')",
    "CREATE OR REPLACE VIEW everyone AS SELECT 1 AS person_id, 1 AS current_id, content AS name "
    "FROM read_text('{outside}/photo.jpg')",
    "CREATE MACRO count(x) AS 42",
    'CREATE MACRO "="(a, b) AS true',
    "CREATE SCHEMA other",
    "CREATE SEQUENCE s",
    "DROP TABLE learned",
    "DROP VIEW photo_state",
    "ALTER TABLE person ADD COLUMN more INTEGER",
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World.of(tmp_path_factory.mktemp("world"))


def change(path: Path, outside: Path, random: Random) -> list[str]:
    """Change one or two things, and tell which."""
    done: list[str] = []
    with closing(duckdb.connect(str(path))) as connection:
        columns = connection.execute(COLUMNS).fetchall()
        while len(done) < random.choice([1, 2]):
            table, column, kind = random.choice(columns)
            value = random.choice(VALUES[kind])
            some = random.choice(["", " WHERE rowid % 2 = 0"])
            sql = random.choice(
                [
                    f'UPDATE "{table}" SET "{column}" = {value}{some}',
                    f'UPDATE "{table}" SET "{column}" = {value}{some}',
                    f'DELETE FROM "{table}"{some}',
                    random.choice(OBJECTS).format(outside=outside),
                ]
            )
            with suppress(duckdb.Error):  # what the schema does not allow
                connection.execute(sql)
                done.append(sql)
    return done


@pytest.mark.parametrize("round_", range(share(3, 100)))
def test_whatever_is_in_a_database_every_verb_ends_with_a_sentence(
    round_: int, world: World, ledger: Ledger, tmp_path: Path
) -> None:
    random = chance("foreign database", round_)
    root = world.copy("sorted", tmp_path).parent
    done = change(root / "hot" / "facesort.duckdb", root / "outside", random)
    before = {name: snapshot(root / name) for name in ("source", "outside")}

    for verb in random.sample(sorted(VERBS), k=4):
        with patience(120), suppress(FacesortError):
            VERBS[verb](root)

    ledger.count(FAULTS)
    assert {name: snapshot(root / name) for name in before} == before, done
