"""A database of an older facesort, and one that a disk has damaged.

A newer schema, half a migration, and a file that is no database at all are in ``tests/store``.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import duckdb
import pytest
from synthetic_event import sort_in_threads
from torture.campaign import Ledger, chance, share
from torture.event import Calm, copy_of

from facesort.engine.setup import open_with_pack
from facesort.errors import OldSchemaError
from facesort.store import Store
from facesort.store.migrate import newest_version
from facesort.store.queries import reports

FAULTS = "faults injected: database"
FIRST_RELEASE = 1
READ_ALL = """
import json, sys
from pathlib import Path
from facesort.errors import StoreError
from facesort.store import Store

try:
    with Store.open(Path(sys.argv[1]), read_only=True) as store:
        tables = store.rows("SELECT table_name FROM duckdb_tables()")
        said = {name: len(store.rows(f'SELECT * FROM "{name}"')) for (name,) in tables}
except StoreError as error:
    said = str(error)
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Calm:
    return Calm.of(tmp_path_factory.mktemp("event"), 70)


FILES_APART = (
    6  # the version that told files, photos and shots apart: until then a photo was a file
)
# What a table of before that version holds, asked of today's tables; all others are as they were.
BEFORE = {
    "verdict": "FROM ours.answer",  # renamed by version 5
    "verdict_edit": "FROM ours.answer_edit",
    "photo": "SELECT file_id AS photo_id, path, size, mtime_ns FROM ours.file",
    "batch_photo": "SELECT batch_id, file_id AS photo_id FROM ours.batch_file",
    "timing": "SELECT run_id, file_id AS photo_id, seconds FROM ours.timing",
    "result": """
        SELECT d.file_id AS photo_id, d.batch_id,
               CASE WHEN d.photo_id IS NULL THEN 'failed' WHEN d.photo_id <> d.file_id THEN 'duplicate'
                    ELSE r.status END AS status,
               CASE WHEN d.photo_id <> d.file_id THEN 'duplicate' ELSE coalesce(r.reason, d.reason) END AS reason,
               coalesce(r.detail, d.detail) AS detail, coalesce(p.sha256, '') AS sha256,
               if(d.photo_id <> d.file_id, d.photo_id, NULL) AS duplicate_of,
               p.format, p.width, p.height, p.captured_at, p.camera, p.phash
        FROM ours.reading d LEFT JOIN ours.photo p USING (photo_id)
        LEFT JOIN ours.result r ON r.photo_id = d.file_id AND r.batch_id = d.batch_id
    """,
}
LOST = {"stage_time"}  # stage times were dropped with version 5


def older(path: Path, version: int, ours: Path) -> None:
    """A database with the schema of another version, and in it what such a version knew of this job."""
    steps = sorted(e.name for e in files("facesort.store").joinpath("migrations").iterdir())
    with duckdb.connect(str(path)) as database:
        database.execute(
            "CREATE TABLE schema_migration (version INTEGER PRIMARY KEY, name VARCHAR NOT NULL)"
        )
        for step in steps[:version]:
            sql = files("facesort.store").joinpath("migrations", step).read_text(encoding="utf-8")
            database.execute(sql)
            database.execute(
                "INSERT INTO schema_migration VALUES (?, ?)", [int(step[:4]), step[5:-4]]
            )
        database.execute(f"ATTACH '{ours}' AS ours (READ_ONLY)")
        known = "SELECT table_name, column_name FROM duckdb_columns() JOIN duckdb_tables() USING (table_name) "
        known += "WHERE duckdb_columns.database_name = ? AND duckdb_tables.database_name = ?"
        mine = database.execute(known, [path.stem, path.stem]).fetchall()
        for table in {name for name, _ in mine} - LOST - {"schema_migration"}:
            now = f"FROM ours.{table}"
            query = BEFORE.get(table, now) if version < FILES_APART else now
            theirs = {row[0] for row in database.execute(f"DESCRIBE {query}").fetchall()}
            columns = ", ".join(c for name, c in mine if name == table and c in theirs)
            database.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM ({query})")


@pytest.mark.parametrize("version", range(FIRST_RELEASE, newest_version()))
def test_a_database_of_every_older_version_is_taken_over(
    version: int, calm: Calm, ledger: Ledger, tmp_path: Path
) -> None:
    """A seeded workspace, as that version left it: sorted with this one it gives what a new workspace gives."""
    root = copy_of(calm.prepared, tmp_path)
    (root / "facesort.duckdb").rename(tmp_path / "ours.duckdb")
    older(root / "facesort.duckdb", version, tmp_path / "ours.duckdb")

    workspace, _ = open_with_pack(root)

    ledger.count(FAULTS)
    with pytest.raises(OldSchemaError, match="an older facesort wrote"):
        Store.open(workspace.database, read_only=True)
    # Version 3 began to keep a journal of edits, to which seeding belongs.
    journal = frozenset({"person_edit", "reference_edit"} if version < 3 else ())
    calm.check(root, ledger, but=journal)


def test_a_sorted_workspace_of_every_older_version_keeps_its_results(
    calm: Calm, ledger: Ledger, tmp_path: Path
) -> None:
    root = copy_of(calm.prepared, tmp_path)
    workspace, pack = open_with_pack(root)
    sort_in_threads(workspace, pack)
    with workspace.open_store() as store:
        counts, folders = reports.counts(store), reports.photo_folders(store)
    for version in range(FIRST_RELEASE, newest_version()):
        path = tmp_path / f"of{version}.duckdb"
        older(path, version, workspace.database)
        ledger.count(FAULTS)
        with Store.open(path) as store:
            assert reports.counts(store) == counts
            assert reports.photo_folders(store) == folders


def said_of(path: Path) -> dict[str, int] | str:
    """What a process says that reads all of a database: rows of each table, or what is wrong."""
    command = [sys.executable, "-c", READ_ALL, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"it crashed with {done.returncode}: {done.stderr[-2000:]}"
    said: dict[str, int] | str = json.loads(done.stdout.splitlines()[-1])
    return said


@pytest.fixture(scope="module")
def whole(calm: Calm) -> dict[str, int] | str:
    return said_of(calm.prepared / "calm" / "hot" / "facesort.duckdb")


@pytest.mark.parametrize("round_", range(share(4, 60)))
@pytest.mark.parametrize("damage", ["truncated", "overwritten"])
def test_a_damaged_database_is_told(
    round_: int,
    damage: str,
    calm: Calm,
    whole: dict[str, int] | str,
    ledger: Ledger,
    tmp_path: Path,
) -> None:
    """It is refused with what to do, or what was damaged is not in use; never half of it without a word."""
    random = chance("database", damage, round_)
    path = tmp_path / "facesort.duckdb"
    shutil.copy(calm.prepared / "calm" / "hot" / "facesort.duckdb", path)
    data = bytearray(path.read_bytes())
    if damage == "truncated":
        del data[random.randrange(len(data)) :]
    else:
        start = random.randrange(len(data))
        noise = random.randbytes(random.choice([1, 64, 4096]))
        data[start : start + len(noise)] = noise
    path.write_bytes(data)

    said = said_of(path)

    ledger.count(FAULTS)
    if isinstance(said, str):
        assert re.search(r"facesort restore|newer facesort", said), said
    else:
        assert said == whole
