"""A database that somebody sent: nothing that is in it runs, and it reaches no other file."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import duckdb
import numpy as np
import pytest

from facesort.errors import OldSchemaError, StoreError
from facesort.files import keep_while, kept_while, stamp_of
from facesort.store import Store, store as door
from facesort.store.migrate import migrate, newest_fingerprint, newest_version
from facesort.store.queries.gallery import load_gallery, person_summaries
from facesort.store.queries.tables import table
from facesort.store.values import refuse_other_values

pytestmark = pytest.mark.usefixtures("databases_made_anew")

SECRET = "what nobody else should read"
PERSON = "INSERT INTO person (person_id, name, folder, folder_key) VALUES (1, 'Ada', 'Ada', 'ada')"


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ours") / "w.duckdb"
    with Store.open(path) as store:
        store.execute(PERSON)
    return path


@pytest.fixture
def path(ours: Path, tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_text(SECRET)
    return Path(shutil.copy(ours, tmp_path / "w.duckdb"))


def change(path: Path, *statements: str) -> None:
    """Change a database as somebody would who does not have facesort."""
    with closing(duckdb.connect(str(path))) as connection:
        for sql in statements:
            connection.execute(sql.replace("SECRET", str(path.parent / "secret.txt")))


IN_PLACE_OF_OURS = {
    "a view for a table": (
        "DROP TABLE person",
        "CREATE VIEW person AS SELECT 1 AS person_id, content AS name, 'x' AS folder, 'x' AS folder_key, "
        "true AS deliver FROM read_text('SECRET')",
    ),
    "an endless view for the list of migrations": (
        "DROP TABLE schema_migration",
        "CREATE VIEW schema_migration AS WITH RECURSIVE r AS (SELECT 5 AS version, 'x' AS name UNION ALL FROM r) "
        "FROM r",
    ),
    "a column more": ("ALTER TABLE person ADD COLUMN more INTEGER",),
    "a column less": ("ALTER TABLE person DROP COLUMN deliver",),
    "another type": ("ALTER TABLE file ALTER path TYPE BLOB",),
    "another default": ("ALTER TABLE person ALTER deliver SET DEFAULT false",),
    "no default": ("ALTER TABLE person ALTER deliver DROP DEFAULT",),
    "a table without its keys": (
        "CREATE TABLE p AS FROM person",
        "DROP TABLE person",
        "ALTER TABLE p RENAME TO person",
    ),
    "a computed column": (
        "DROP TABLE skipped",
        "CREATE TABLE skipped (source_id INTEGER NOT NULL, path VARCHAR NOT NULL, "
        "reason VARCHAR GENERATED ALWAYS AS (path || 'x'), size BIGINT NOT NULL, mtime_ns BIGINT NOT NULL, "
        "file_id INTEGER, PRIMARY KEY (source_id, path))",
    ),
    "a collation": ("ALTER TABLE skipped ALTER reason TYPE VARCHAR COLLATE nocase",),
    "no table": ("DROP TABLE learned",),
}
BESIDE_OURS = {
    "a table": ('CREATE TABLE "x"";DROP TABLE person;--" (i INTEGER)',),
    "a table in another schema": ("CREATE SCHEMA other", "CREATE TABLE other.person (i INTEGER)"),
    "a schema": ("CREATE SCHEMA other",),
    "a view": ("CREATE VIEW more AS SELECT content FROM read_text('SECRET')",),
    "a macro called as a function": ("CREATE MACRO count(x) AS 42",),
    "a macro called as an operator": ('CREATE MACRO "="(a, b) AS false',),
    "a macro called as the catalogue": (
        "CREATE MACRO duckdb_tables() AS TABLE SELECT 'nothing' AS table_name",
    ),
    "a trigger": (
        "CREATE TRIGGER t AFTER INSERT ON person FOR EACH STATEMENT "
        "INSERT INTO skipped VALUES (1, 'a', 'b', 1, 1, NULL, NULL)",
    ),
    "a sequence": ("CREATE SEQUENCE s",),
    "a type": ("CREATE TYPE mood AS ENUM ('a')",),
    "an index": ("CREATE INDEX i ON file (path)",),
}
NOT_THE_RECORD = {
    "a gap": ("DELETE FROM schema_migration WHERE version = 2",),
    "another name": ("UPDATE schema_migration SET name = 'x' WHERE version = 2",),
    "less than nothing": ("INSERT INTO schema_migration VALUES (-1, 'x')",),
    "no version": ("DELETE FROM schema_migration",),
    "an older version than its tables": ("DELETE FROM schema_migration WHERE version > 3",),
}
FOREIGN = {**IN_PLACE_OF_OURS, **BESIDE_OURS, **NOT_THE_RECORD}


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize("what", FOREIGN)
def test_what_is_not_ours_is_refused_and_left_alone(path: Path, what: str, read_only: bool) -> None:
    change(path, *FOREIGN[what])
    before = path.read_bytes()

    with pytest.raises(StoreError) as caught:
        Store.open(path, read_only=read_only)

    if read_only and "version" in what:
        assert type(caught.value) is OldSchemaError  # looked at when it is brought up to date
    else:
        assert "`facesort restore BACKUP -w NEW`" in str(caught.value)
        assert type(caught.value) is StoreError
    assert SECRET not in str(caught.value)
    assert path.read_bytes() == before


def test_what_is_not_ours_is_refused_in_the_log_too(path: Path) -> None:
    """Opening a database replays its log: whatever it makes is looked at as well, and no file is opened for it."""
    sent = path.with_name("sent.duckdb")
    with closing(duckdb.connect(str(path))) as connection:
        connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        for sql in IN_PLACE_OF_OURS["a view for a table"]:
            connection.execute(sql.replace("SECRET", str(path.parent / "secret.txt")))
        shutil.copy(path, sent)
        shutil.copy(f"{path}.wal", f"{sent}.wal")

    with pytest.raises(StoreError, match=r"table 'person' is missing"):
        Store.open(sent, read_only=True)
    with pytest.raises(StoreError, match=r"table 'person' is missing"):
        Store.open(sent)


STOLEN = "SELECT 1 AS person_id, 1 AS current_id, content AS name FROM read_text('SECRET')"


def test_views_of_ours_that_were_changed_are_made_anew(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """They hold no data; and those of a version between two releases are other ones, too."""
    change(
        path,
        f"CREATE OR REPLACE VIEW everyone AS {STOLEN}",
        "DROP VIEW face_shown",
        "CREATE OR REPLACE MACRO standing(named) AS 1, (named, withheld) AS 2",
    )
    with pytest.raises(OldSchemaError):
        Store.open(path, read_only=True)

    with Store.open(path) as store:
        names = store.rows("SELECT name FROM everyone")
        shown = store.rows("FROM face_shown")

    assert (names, shown) == ([("Ada",)], [])
    assert "made anew" in caplog.text
    Store.open(path, read_only=True).close()


def test_no_sql_opens_a_file_or_changes_a_setting(path: Path) -> None:
    here = path.parent
    with Store.open(path) as store:
        for sql in (
            f"FROM read_text('{here}/secret.txt')",
            f"FROM read_csv('{here}/secret.txt')",
            f"FROM '{here}/secret.csv'",
            f"FROM glob('{here}/*')",
            f"COPY person TO '{here}/stolen.csv'",
            f"EXPORT DATABASE '{here}/stolen'",
            f"ATTACH '{here}/other.duckdb'",
            "INSTALL httpfs",
            "LOAD httpfs",
            "SET enable_external_access = true",
            "SET lock_configuration = false",
            f"SET temp_directory = '{here}/elsewhere'",
            "SET autoload_known_extensions = true",
        ):
            with pytest.raises((duckdb.Error, StoreError)):
                store.rows(sql)
    assert {entry.name for entry in here.iterdir()} == {"w.duckdb", "secret.txt"}


def test_what_users_get_can_be_written_to_files(path: Path, tmp_path: Path) -> None:
    with Store.open(path, read_only=True) as store, Store.open(path, read_only=True) as other:
        persons = table(store, "persons")
        assert persons.filter("person = 'Ada'").fetchall() == table(other, "persons").fetchall()
        persons.write_parquet(str(tmp_path / "persons.parquet"))
        assert persons.join(table(store, "persons").set_alias("again"), "person_id").fetchall()
        assert table(store, "biometrics").fetchall() == []
        assert str(table(store, "runs").types[-1]) == "JSON"
    written = duckdb.read_parquet(str(tmp_path / "persons.parquet")).fetchall()
    assert [row[1] for row in written] == ["Ada"]


def test_rows_keep_their_order_on_their_way_out(path: Path, tmp_path: Path) -> None:
    with Store.open(path) as store:
        many = "SELECT range AS i FROM range(300000) ORDER BY i DESC"
        rows = [i for (i,) in store.relation(many).fetchall()]
        store.write_table(tmp_path / "many.csv", many)
    assert rows == list(range(299_999, -1, -1))
    assert (tmp_path / "many.csv").read_text().splitlines()[1:3] == ['"299999"', '"299998"']


@pytest.mark.skipif(os.name == "nt", reason="needs named pipes")
@pytest.mark.parametrize("suffix", ["", ".wal", ".tmp", ".wal.checkpoint", ".wal.recovery"])
@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda p: p.symlink_to("/nowhere")])
def test_only_a_file_is_opened(path: Path, suffix: str, make: Callable[[Path], None]) -> None:
    if suffix == ".tmp" and make is Path.mkdir:
        pytest.skip("DuckDB makes this folder")
    there = Path(f"{path}{suffix}")
    there.unlink(missing_ok=True)
    make(there)

    for read_only in (True, False):
        with pytest.raises(StoreError, match="where facesort has"):
            Store.open(path, read_only=read_only)


@pytest.mark.parametrize("version", range(1, newest_version()))
def test_views_of_older_versions_do_not_run(path: Path, version: int) -> None:
    """What views they had is not known any more: they are dropped before the first step."""
    path.unlink()
    steps = sorted(e.name for e in files("facesort.store").joinpath("migrations").iterdir())
    change(
        path,
        "CREATE TABLE schema_migration (version INTEGER PRIMARY KEY, name VARCHAR NOT NULL)",
        *(
            files("facesort.store").joinpath("migrations", step).read_text(encoding="utf-8")
            + f"; INSERT INTO schema_migration VALUES ({int(step[:4])}, '{step[5:-4]}')"
            for step in steps[:version]
        ),
        "INSERT INTO person (person_id, name, folder, folder_key) VALUES (1, 'Ada', 'Ada', 'ada')",
        f"CREATE VIEW everyone AS {STOLEN}",
        f'CREATE VIEW "odd "" name" AS {STOLEN}',
        "CREATE MACRO max(x) AS 999",
        f"CREATE MACRO answer_until(x) AS TABLE {STOLEN}",
    )

    with Store.open(path) as store:
        assert [person.person.name for person in person_summaries(store)] == ["Ada"]
        assert store.value("SELECT max(person_id) FROM person") == 1
    Store.open(path, read_only=True).close()


NOT_WRITTEN = {
    "a folder outside": "UPDATE person SET folder = '../x'",
    "an absolute folder": "UPDATE person SET folder = '/etc'",
    "a folder in a folder": "UPDATE person SET folder = 'a/b'",
    "a folder of Windows": r"UPDATE person SET folder = 'a\b'",
    "a device of Windows": "UPDATE person SET folder = 'CON'",
    "the folder of unknown faces": "UPDATE person SET folder = '_unknown'",
    "no folder": "UPDATE person SET folder = ''",
    "a folder that undo brings back": "INSERT INTO person_edit SELECT 1, true, * REPLACE ('..' AS folder) FROM person",
    "a former folder": "INSERT INTO former_person VALUES (7, 'Ben', '..', NULL)",
    "a name without an end": "UPDATE person SET name = repeat('x', 1000000)",
    "a photo outside": "INSERT INTO file VALUES (1, 1, 'a/../../x.jpg', 1, 1, 'present')",
    "an absolute photo": "INSERT INTO file VALUES (1, 1, '/etc/passwd', 1, 1, 'gone')",
    "a photo without a name": "INSERT INTO file VALUES (1, 1, '', 1, 1, 'present')",
    "a hash that is a path": "INSERT INTO write VALUES (1, 1, 1, 1, 'a/b.jpg', '../../x', 1, 'verified', NULL, NULL)",
    "the last id": "UPDATE person SET person_id = 2147483647",
    "the end of time": "INSERT INTO action VALUES (1, 'infinity', 'x', 'x', false)",
    "long ago": "INSERT INTO action VALUES (1, TIMESTAMP '0044-03-15 (BC) 00:00:00', 'x', 'x', false)",
    "no number": "INSERT INTO timing VALUES (1, 1, 'nan')",
    "settings that are a list": (
        "INSERT INTO run SELECT 1, now()::TIMESTAMP, NULL, 'finished', '1', 'p', 'p', '[]', 'sort'"
    ),
}


@pytest.mark.parametrize("what", NOT_WRITTEN)
def test_values_that_are_never_written_are_refused(path: Path, what: str) -> None:
    change(path, NOT_WRITTEN[what])

    for read_only in (True, False):
        with pytest.raises(StoreError, match="somebody sent it"):
            Store.open(path, read_only=read_only)


def test_what_people_call_each_other_is_not_refused(path: Path) -> None:
    names = ["=1+1", "Zoë", "李", "a b", "a.b", "Ada\u202e", "😀", "-", "CONrad", "x" * 80]
    with Store.open(path) as store:
        for number, name in enumerate(names, 2):
            store.execute(
                "INSERT INTO person (person_id, name, folder, folder_key) VALUES (?, ?, ?, ?)",
                [number, name, name, name],
            )
        paths = ["a.jpg", ".hidden/...jpg", "a..b/c..", "C:x.jpg", "\uef80.jpg"]
        for number, text in enumerate(paths):
            store.execute("INSERT INTO file VALUES (?, 1, ?, 1, 1, 'present')", [number, text])
    Store.open(path).close()


@pytest.mark.parametrize(
    "stored",
    [
        [b"", b""],
        [b"abc"],
        [np.ones(4, "<f4").tobytes(), np.ones(5, "<f4").tobytes()],
        [np.array([1, np.nan], "<f4").tobytes()],
        [np.array([1, np.inf], "<f4").tobytes()],
        [np.zeros(4, "<f4").tobytes()],
    ],
)
def test_embeddings_that_are_none_are_refused(store: Store, stored: list[bytes]) -> None:
    for number, data in enumerate(stored):
        store.execute(
            "INSERT INTO reference VALUES (?, 1, 'a', 'a', 1, 1, 1, 'p', ?, ''::BLOB, NULL, NULL, false)",
            [number, data],
        )
    with pytest.raises(StoreError, match="embeddings"):
        load_gallery(store, "p", 10)


def test_a_database_that_has_not_changed_is_not_looked_at_by_the_next_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    monkeypatch.setattr(
        door,
        "migrate",
        lambda c, read_only: (looked.append("schema"), migrate(c, read_only=read_only))[1],
    )
    monkeypatch.setattr(
        door, "refuse_other_values", lambda c: (looked.append("values"), refuse_other_values(c))
    )
    (tmp_path / "state").mkdir()
    path = tmp_path / "facesort.duckdb"

    def opened_by_another_process() -> list[str]:
        monkeypatch.setattr(door, "_looked_at", {})
        looked.clear()
        Store.open(path, read_only=True).close()
        return looked

    Store.open(path).close()
    assert opened_by_another_process() == []
    kept = json.loads((tmp_path / "state" / "looked_at.json").read_text())
    with duckdb.connect(str(path)) as connection:
        connection.execute("INSERT INTO source VALUES (1, 'card', 'used')")
    assert opened_by_another_process() == ["schema", "values"]
    assert opened_by_another_process() == []
    monkeypatch.setattr(door, "newest_fingerprint", lambda: "of a newer facesort")
    assert opened_by_another_process() == ["schema", "values"]
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE source SET source_id = 2000000000")
    with pytest.raises(StoreError, match=r"source\.source_id has 1 values"):
        opened_by_another_process()
    monkeypatch.setattr(door, "newest_fingerprint", newest_fingerprint)
    forged = kept | {"database": list(stamp_of(path) or ())}
    (tmp_path / "state" / "looked_at.json").write_text(json.dumps(forged))
    with pytest.raises(StoreError, match=r"source\.source_id has 1 values"):
        opened_by_another_process()


def test_what_another_user_kept_of_a_database_counts_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A workspace on a stick, whose files are as they were, down to their inodes and times."""
    database, kept = tmp_path / "facesort.duckdb", tmp_path / "state" / "kept.json"
    database.write_bytes(b"a database")
    kept.parent.mkdir()
    stamp = stamp_of(database)

    def is_kept() -> bool:
        return kept_while(stamp, kept, below=tmp_path) is not None

    monkeypatch.setattr(Path, "home", lambda: tmp_path / "theirs")
    keep_while(stamp, kept)
    assert not is_kept(), "without a home, nothing is kept"
    for home in ("theirs", "ours"):
        (tmp_path / home).mkdir()
        assert not is_kept()
        keep_while(stamp, kept)
        assert is_kept()
        monkeypatch.setattr(Path, "home", lambda: tmp_path / "ours")
    assert (tmp_path / "ours" / ".facesort" / "key").stat().st_mode & 0o077 == 0
