"""What is copied when somebody is erased."""

from __future__ import annotations

from pathlib import Path

import pytest
from store_rows import MATCHED, SHOT, UNKNOWN, add, add_people, finish, photo, record, result, write

from facesort.store import Store
from facesort.store.privacy.erasure import Erasure, of_unknown, traces_of
from facesort.store.privacy.rewrite import copied_whole, write_without


def test_every_table_that_knows_faces_or_persons_is_looked_at(store: Store) -> None:
    knows = store.rows(
        "SELECT DISTINCT table_name FROM information_schema.columns JOIN information_schema.tables "
        "USING (table_name) WHERE table_type = 'BASE TABLE' AND (data_type = 'BLOB' "
        "OR column_name IN ('face_id', 'person_id', 'name', 'summary')) AND table_name <> 'schema_migration'"
    )
    assert len(knows) >= 13
    others = {"source"}  # has the names of cards
    assert not ({name for (name,) in knows} - others) & set(copied_whole(store))


@pytest.mark.parametrize("erasure", [Erasure(), Erasure(persons=(1,), names=("Anna",))])
def test_what_is_not_erased_is_copied(tmp_path: Path, erasure: Erasure) -> None:
    with Store.open(tmp_path / "o'ld.duckdb") as store:
        add_people(store)
        indexes = store.rows(
            "SELECT table_name, constraint_type FROM duckdb_constraints() ORDER BY ALL"
        )

    left_out = write_without(tmp_path / "o'ld.duckdb", tmp_path / "new.duckdb", erasure)

    assert sum(left_out.values()) == left_out["person"] == len(erasure.persons)
    with Store.open(tmp_path / "new.duckdb", read_only=True) as store:
        names = {name for (name,) in store.rows("SELECT name FROM person")}
        assert names == {"Anna", "Ben"} - set(erasure.names)
        assert indexes == store.rows(
            "SELECT table_name, constraint_type FROM duckdb_constraints() ORDER BY ALL"
        )
    assert {path.name for path in tmp_path.iterdir()} == {"o'ld.duckdb", "new.duckdb"}


def test_the_copies_in_the_folder_of_unknown_faces_were_delivered_for_them(store: Store) -> None:
    add_people(store)
    add(store, [photo(1), photo(2)])
    record(store, 1, [result(1, *UNKNOWN), result(2, *MATCHED)], [write(1, None), write(2, 1)])
    finish(store, 1)

    traces = traces_of(store, of_unknown(store))

    assert traces.delivered == (write(1, None).target,)
    assert traces.elsewhere == ()


WITHOUT_PLACE = "SELECT * EXCLUDE (latitude, longitude, altitude) FROM photo ORDER BY photo_id"


@pytest.mark.parametrize("kept", [True, False])
def test_where_somebody_was_is_erased_of_all_photos_of_the_shot(tmp_path: Path, kept: bool) -> None:
    """Of those that were decided themselves too, as a RAW is whose JPEG is broken."""
    old = tmp_path / "old.duckdb"
    with Store.open(old) as store:
        add_people(store)
        add(store, [photo(i) for i in range(1, 6)])
        record(
            store,
            1,
            [
                result(1, *MATCHED),
                result(2, *SHOT, decided_as=1, shot_of=1),
                result(3, *UNKNOWN, shot_of=1),
                result(4, *MATCHED, persons=(2,)),
                result(5, *SHOT, decided_as=4, shot_of=4),
            ],
        )
        finish(store, 1)
        faces = tuple(f for (f,) in store.rows("SELECT face_id FROM face WHERE photo_id = 1"))
        before = store.rows(WITHOUT_PLACE)

    write_without(
        old,
        tmp_path / "new.duckdb",
        Erasure(faces=faces, keep_boxes=True)
        if kept
        else Erasure(persons=(1,), faces=faces, names=("Anna",)),
    )

    with Store.open(tmp_path / "new.duckdb", read_only=True) as store:
        after = store.rows(WITHOUT_PLACE)
        where = store.rows("SELECT photo_id, latitude, longitude, altitude FROM photo ORDER BY 1")
    here, nowhere = (47.25, 8.5, 410.0), (None, None, None)
    erased = set() if kept else {1, 2, 3}  # retention keeps what is not biometric
    assert where == [(i, *(nowhere if i in erased else here)) for i in range(1, 6)]
    assert after == before, "nothing else is"
