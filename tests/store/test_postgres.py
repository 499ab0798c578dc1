"""What only the PostgreSQL store has: several servers on one collection, nothing left of what was erased, trouble."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import pytest
from drawn_collections import collection, drawn, face, new_faces
from postgres_server import PostgresServer

from facesort.core.collections.records import NewFaces, User
from facesort.errors import CollectionError, ItemConflictError, MissingItemError
from facesort.store.collections.postgres_rows import CollectionRows
from facesort.store.collections.postgres_store import PostgresCollections

ANY, ALL = 2.0, 10_000


def ids(*keys: int) -> list[str]:
    return [face(key).face_id for key in keys]


def test_servers_start_at_once(postgres: PostgresServer) -> None:
    with ThreadPoolExecutor(6) as pool:
        for store in pool.map(lambda _: PostgresCollections(postgres.url), range(6)):
            assert store.collections(limit=ALL) == []
            store.close()


def test_a_face_added_through_one_server_is_found_through_the_other(
    postgres: PostgresServer,
) -> None:
    first, second = PostgresCollections(postgres.url), PostgresCollections(postgres.url)
    with closing(first), closing(second):
        first.create(collection("guests"))
        for key in range(10):
            first.add("guests", new_faces([key]))
            (match,) = second.nearest_faces("guests", drawn(key), within=0.0, limit=ALL)
            assert match.found == face(key)
            second.remove("guests", ids(key))
            assert first.nearest_faces("guests", drawn(key), within=0.0, limit=ALL) == []


def test_two_servers_change_one_collection_at_once(postgres: PostgresServer) -> None:
    stores = [PostgresCollections(postgres.url), PostgresCollections(postgres.url)]
    stores[0].create(collection("guests"))
    stores[0].add_user("guests", "ann")

    def change(number: int) -> None:
        store, keys = stores[number % 2], range(number * 10, number * 10 + 10)
        store.add("guests", new_faces(keys))
        store.associate("guests", "ann", ids(*keys)[:4], within=ANY)
        store.nearest_users("guests", drawn(0), within=ANY, limit=ALL)
        store.remove("guests", ids(*keys)[3:5])
        with pytest.raises(ItemConflictError):
            store.add_user("guests", "ann")

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(change, range(12)))
    for store in stores:
        assert store.collection("guests") == replace(collection("guests"), faces=96, users=1)
        assert store.users("guests", limit=ALL) == [User("ann", 36)]
        assert len(store.nearest_faces("guests", drawn(0), within=ANY, limit=ALL)) == 96
        store.close()


def found_in(server: PostgresServer, key: int) -> set[str]:
    """Folders of the server's data that hold the embedding of a face, as PostgreSQL stores it or as it is sent."""
    row = drawn(key)
    server.run("CHECKPOINT")
    return {
        path.relative_to(server.data).parts[0]
        for path in server.data.rglob("*")
        if path.is_file()
        and any(row.astype(kind).tobytes()[:64] in path.read_bytes() for kind in ("<f4", ">f4"))
    }


@pytest.mark.parametrize("how", ["remove", "remove_user", "delete"])
def test_no_byte_of_an_erased_embedding_stays(postgres: PostgresServer, how: str) -> None:
    with closing(PostgresCollections(postgres.url)) as store:
        store.create(collection("guests"))
        store.add("guests", new_faces(range(40)))
        store.add_user("guests", "ann")
        store.associate("guests", "ann", ids(7), within=ANY)
        vector = store.user_vector("guests", "ann")
        assert vector is not None
        postgres.run("ANALYZE")  # as the server does by itself: the planner's samples are copies
        assert "base" in found_in(postgres, 7)
        if how == "delete":
            store.delete("guests")
        else:
            if how == "remove_user":
                store.remove_user("guests", "ann")
            store.remove("guests", ids(7))
            assert len(store.nearest_faces("guests", drawn(7), within=ANY, limit=ALL)) == 39
        assert "base" not in found_in(postgres, 7)
        # The log too, once the server begins a new file of it; as docs/how-to/serve.md tells to set it up.
        postgres.run("SELECT pg_switch_wal()", "CHECKPOINT")
        assert found_in(postgres, 7) == set()


def test_a_vector_that_a_user_had_once_goes_with_them(postgres: PostgresServer) -> None:
    with closing(PostgresCollections(postgres.url)) as store:
        store.create(collection("guests"))
        store.add("guests", new_faces([7, 8]))
        store.add_user("guests", "ann")
        store.associate("guests", "ann", ids(7, 8), within=ANY)
        vector = store.user_vector("guests", "ann")
        assert vector is not None
        store.disassociate("guests", "ann", ids(7, 8))
        store.remove_user("guests", "ann")
        postgres.run("CHECKPOINT")
        left = [p for p in (postgres.data / "base").rglob("*") if p.is_file()]
        assert not any(vector.tobytes()[:64] in path.read_bytes() for path in left)


def test_a_collection_that_is_deleted_meanwhile_is_missing(postgres: PostgresServer) -> None:
    with closing(PostgresCollections(postgres.url)) as store:
        store.create(collection("guests"))
        with (
            pytest.raises(MissingItemError),
            store._using("guests") as of,
            closing(PostgresCollections(postgres.url)) as other,
        ):
            other.delete("guests")
            of.rows("SELECT count(*) FROM {vectors}")


def test_a_reader_of_before_does_not_keep_what_is_erased(postgres: PostgresServer) -> None:
    psycopg = pytest.importorskip("psycopg")
    with (
        closing(PostgresCollections(postgres.url)) as store,
        psycopg.connect(postgres.url) as reader,
    ):
        store.create(collection("guests"))
        store.add("guests", new_faces(range(5)))
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute(
            "SELECT count(*) FROM facesort.face"
        )  # from now on it sees the database as it is
        store.remove("guests", ids(3))
        assert "base" not in found_in(postgres, 3)


def test_a_server_that_was_started_again_is_found_again(postgres: PostgresServer) -> None:
    with closing(PostgresCollections(postgres.url)) as store:
        store.create(collection("guests"))
        postgres.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'facesort' AND pid <> pg_backend_pid()"
        )
        assert store.collections(limit=ALL) == [collection("guests")]


def test_a_connection_that_breaks_is_a_sentence_and_nothing_is_stored(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(PostgresCollections(postgres.url)) as store:
        store.create(collection("guests"))
        real = CollectionRows.insert

        def broken(of: CollectionRows, new: NewFaces) -> None:
            real(of, new)
            postgres.run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'facesort' AND pid <> pg_backend_pid()"
            )

        with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
            patch.setattr(CollectionRows, "insert", broken)
            with pytest.raises(CollectionError, match="send") as told:
                store.add("guests", new_faces(range(3)))
        assert str(postgres.data) not in str(told.value)
        assert store.faces("guests", limit=ALL) == []
        store.add("guests", new_faces(range(3)))
        assert len(store.faces("guests", limit=ALL)) == 3


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:s3cret%zz@localhost/x",
        "host=localhost password s3cret",
        "postgresql://ann:s3cret@127.0.0.1:1/x",
        "s3cret",
    ],
)
def test_a_password_is_never_shown(url: str, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("psycopg")
    with caplog.at_level(logging.DEBUG), pytest.raises(CollectionError) as told:
        PostgresCollections(url)
    shown: BaseException | None = told.value
    while shown is not None and not shown.__suppress_context__:
        assert "s3cret" not in str(shown)
        shown = shown.__cause__
    assert "s3cret" not in str(told.value) + caplog.text


def test_a_newer_schema_is_refused(postgres: PostgresServer) -> None:
    PostgresCollections(postgres.url).close()
    postgres.run("INSERT INTO facesort.schema_migration VALUES (99, 'later')")
    with pytest.raises(CollectionError, match="newer facesort"):
        PostgresCollections(postgres.url)


def test_without_pgvector_and_the_right_to_switch_it_on(postgres: PostgresServer) -> None:
    postgres.run(
        "DROP EXTENSION IF EXISTS vector",
        "DROP ROLE IF EXISTS guest",
        "CREATE ROLE guest LOGIN",
    )
    with pytest.raises(CollectionError, match="CREATE EXTENSION vector"):
        PostgresCollections(postgres.url.replace("postgres:@", "guest:@", 1))


def test_searches_from_many_threads_wait_for_no_change(postgres: PostgresServer) -> None:
    with closing(PostgresCollections(postgres.url)) as store:
        store.create(collection("guests"))
        store.add("guests", new_faces(range(30)))
        alone = [store.nearest_faces("guests", drawn(k), within=ANY, limit=5) for k in range(30)]
        ended = threading.Event()

        def erase() -> None:
            number = 1000
            while not ended.is_set():
                number += 1
                opposite = replace(new_faces([number]), embeddings=-drawn(99)[None])
                store.add("guests", opposite)
                store.remove("guests", ids(number))

        with ThreadPoolExecutor(9) as pool:
            changing = pool.submit(erase)
            keys = list(range(30)) * 4
            found = list(
                pool.map(
                    lambda k: store.nearest_faces("guests", drawn(k), within=0.0, limit=5), keys
                )
            )
            ended.set()
            changing.result()
        assert [m[0] for m in found] == [alone[k][0] for k in keys]
