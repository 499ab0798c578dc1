"""What every store of collections does: the same for all of them, and for a model that is plain enough to be read."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from collection_model import ModelCollections
from drawn_collections import DIM, collection, drawn, face, new_faces

from facesort.clock import utc_now
from facesort.core.collections.protocol import MOST_FACES_OF_A_USER, ONCE_LASTS, FaceCollections
from facesort.core.collections.records import IndexedFace, Once, Refusal, User
from facesort.core.persons.matching import centroid_distances
from facesort.errors import (
    CollectionError,
    ItemConflictError,
    ItemExistsError,
    MissingItemError,
    OnceError,
    PackMismatchError,
    QuotaError,
)
from facesort.store.collections.duckdb_store import DuckDBCollections
from facesort.store.collections.postgres_store import PostgresCollections

ALL = 10_000
ANY = 2.0
KINDS = ["model", "duckdb", "postgres"]


class Hands:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.time = utc_now()

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture(params=KINDS)
def store(
    request: pytest.FixtureRequest, hands: Hands, tmp_path: Path
) -> Iterator[FaceCollections]:
    """An empty store."""
    opened: FaceCollections = ModelCollections(hands)
    if request.param == "duckdb":
        opened = DuckDBCollections(tmp_path, hands)
    if request.param == "postgres":
        opened = PostgresCollections(request.getfixturevalue("postgres").url, hands)
    yield opened
    opened.close()


@pytest.fixture
def guests(store: FaceCollections) -> FaceCollections:
    """A store with the collection *guests*: twelve faces; the first four are ann's, the next two are bob's."""
    store.create(collection("guests"))
    store.add("guests", new_faces(range(12)))
    for user, keys in (("ann", range(4)), ("bob", range(4, 6)), ("cy", ())):
        store.add_user("guests", user)
        if keys:
            store.associate("guests", user, ids(keys), within=ANY)
    return store


def ids(keys: Any) -> list[str]:
    return [face(key).face_id for key in keys]


def everything(store: FaceCollections) -> object:
    """All that a store answers, to see that nothing changed."""
    found = []
    for kept in store.collections(limit=ALL):
        key = kept.collection_id
        faces, users = store.faces(key, limit=ALL), store.users(key, limit=ALL)
        bits = store.embeddings(key, [f.face_id for f in faces]).tobytes()
        vectors = [store.user_vector(key, user.user_id) for user in users]
        found.append((kept, faces, users, bits, [v if v is None else v.tobytes() for v in vectors]))
    return found


def distances_to(query: np.ndarray, keys: Any) -> dict[str, float]:
    keys = list(keys)
    found = centroid_distances(query[None], np.stack([drawn(key) for key in keys]))[0]
    return dict(zip(ids(keys), found.tolist(), strict=True))


# Collections


def test_a_collection_is_as_it_was_made_and_counts(store: FaceCollections) -> None:
    made = collection("guests")
    store.create(made)
    assert store.collection("guests") == made
    store.add("guests", new_faces(range(3)))
    store.add_user("guests", "ann")
    assert store.collection("guests") == replace(made, faces=3, users=1)
    assert store.collections(limit=ALL) == [replace(made, faces=3, users=1)]


def test_there_is_one_collection_of_a_name(guests: FaceCollections) -> None:
    before = everything(guests)
    with pytest.raises(ItemExistsError):
        guests.create(replace(collection("guests"), strict=0.1))
    assert everything(guests) == before


def test_collections_are_told_in_pages_in_the_order_of_their_bytes(store: FaceCollections) -> None:
    names = ["a", "B", "a-b", "a.b", "a_b", "Z", "b", "10", "9", "A" * 255]
    for name in names:
        store.create(collection(name))
    assert [c.collection_id for c in store.collections(limit=ALL)] == sorted(names)
    told: list[str] = []
    while page := store.collections(after=told[-1] if told else "", limit=3):
        told += [c.collection_id for c in page]
        assert len(page) <= 3
    assert told == sorted(names)


def test_a_deleted_collection_is_gone_and_its_name_is_free(guests: FaceCollections) -> None:
    guests.create(collection("others"))
    guests.add("others", new_faces(range(2)))
    guests.delete("guests")
    assert [c.collection_id for c in guests.collections(limit=ALL)] == ["others"]
    guests.create(collection("guests"))
    assert guests.faces("guests", limit=ALL) == []
    assert guests.users("guests", limit=ALL) == []
    assert guests.nearest_faces("guests", drawn(0), within=ANY, limit=ALL) == []
    assert len(guests.faces("others", limit=ALL)) == 2


WITHOUT_ITS_COLLECTION: dict[str, Callable[[FaceCollections], object]] = {
    "delete": lambda s: s.delete("none"),
    "collection": lambda s: s.collection("none"),
    "add": lambda s: s.add("none", new_faces([0])),
    "faces": lambda s: s.faces("none", limit=1),
    "faces of ids": lambda s: s.faces("none", ids=[], limit=1),
    "remove": lambda s: s.remove("none", ids([0])),
    "embeddings": lambda s: s.embeddings("none", []),
    "add_user": lambda s: s.add_user("none", "ann"),
    "remove_user": lambda s: s.remove_user("none", "ann"),
    "users": lambda s: s.users("none", limit=1),
    "associate": lambda s: s.associate("none", "ann", ids([0]), within=ANY),
    "disassociate": lambda s: s.disassociate("none", "ann", ids([0])),
    "nearest_faces": lambda s: s.nearest_faces("none", drawn(0), within=ANY, limit=1),
    "nearest_users": lambda s: s.nearest_users("none", drawn(0), within=ANY, limit=1),
    "user_vector": lambda s: s.user_vector("none", "ann"),
}


@pytest.mark.parametrize("method", WITHOUT_ITS_COLLECTION)
def test_a_collection_that_is_not_there(guests: FaceCollections, method: str) -> None:
    before = everything(guests)
    with pytest.raises(MissingItemError, match="none"):
        WITHOUT_ITS_COLLECTION[method](guests)
    assert everything(guests) == before


def test_collections_do_not_know_of_each_other(guests: FaceCollections) -> None:
    guests.create(collection("others"))
    guests.add("others", new_faces(range(20, 23)))
    guests.add("others", new_faces(range(2)))  # faces that the other collection has too
    guests.add_user("others", "ann")
    assert guests.associate("others", "ann", ids([0, 20]), within=ANY) == dict.fromkeys(
        ids([0, 20])
    )
    assert guests.users("guests", limit=1) == [User("ann", 4)]
    found = guests.nearest_faces("others", drawn(0), within=ANY, limit=ALL)
    assert {m.found.face_id for m in found} == set(ids([0, 1, 20, 21, 22]))
    assert guests.remove("others", ids([0, 5])) == ids([0])
    assert len(guests.faces("guests", limit=ALL)) == 12


# Faces


def test_faces_are_as_they_were_added(store: FaceCollections) -> None:
    store.create(collection("guests"))
    odd = replace(
        face(1), external_image_id="a:b_c-d.e", box=(-0.25, 1e-9, 1.5, 0.1), confidence=0.1
    )
    plain = replace(face(2), external_image_id=None)
    store.add("guests", replace(new_faces([1, 2]), faces=(odd, plain)))
    assert store.faces("guests", limit=ALL) == sorted([odd, plain], key=lambda f: f.face_id)
    (first,) = store.embeddings("guests", [odd.face_id])
    assert first.dtype == np.float32
    assert first.tobytes() == drawn(1).tobytes()


def test_no_faces_are_added_and_asked_for(guests: FaceCollections) -> None:
    before = everything(guests)
    guests.add("guests", new_faces([]))
    assert guests.remove("guests", []) == []
    assert guests.embeddings("guests", []).shape == (0, DIM)
    assert guests.faces("guests", ids=[], limit=ALL) == []
    assert guests.users("guests", ids=[], limit=ALL) == []
    assert guests.associate("guests", "ann", [], within=ANY) == {}
    assert guests.disassociate("guests", "ann", []) == {}
    assert everything(guests) == before


def test_faces_are_told_in_pages(guests: FaceCollections) -> None:
    told: list[IndexedFace] = []
    while page := guests.faces("guests", after=told[-1].face_id if told else "", limit=5):
        told += page
        assert len(page) <= 5
    assert [f.face_id for f in told] == sorted(ids(range(12)))


def test_faces_of_ids_and_of_a_user(guests: FaceCollections) -> None:
    asked = [*ids([7, 3, 3, 99]), "no id", ""]
    assert [f.face_id for f in guests.faces("guests", ids=asked, limit=ALL)] == sorted(ids([3, 7]))
    anns = guests.faces("guests", user_id="ann", limit=ALL)
    assert [f.face_id for f in anns] == sorted(ids(range(4)))
    assert {f.user_id for f in anns} == {"ann"}
    both = guests.faces("guests", ids=ids([3, 4, 7]), user_id="ann", limit=ALL)
    assert [f.face_id for f in both] == ids([3])
    assert guests.faces("guests", user_id="cy", limit=ALL) == []
    assert guests.faces("guests", user_id="ann", after=anns[0].face_id, limit=2) == anns[1:3]
    with pytest.raises(MissingItemError, match="dan"):
        guests.faces("guests", user_id="dan", limit=ALL)


def test_all_faces_are_added_or_none(guests: FaceCollections) -> None:
    before = everything(guests)
    with pytest.raises(CollectionError):
        guests.add("guests", new_faces([20, 21, 3, 22]))  # 3 is there
    assert everything(guests) == before
    with pytest.raises(CollectionError):
        guests.add("guests", new_faces([20, 21, 20]))
    assert everything(guests) == before


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(new_faces([20]), faces=(replace(face(20), pack_id="b"),)), id="pack"),
        pytest.param(
            replace(new_faces([20, 21]), faces=(face(20), replace(face(21), pack_id="b"))), id="one"
        ),
        pytest.param(replace(new_faces([20]), embeddings=drawn(20)[None, :-1]), id="dimension"),
    ],
)
def test_a_collection_has_faces_of_one_pack(guests: FaceCollections, other: Any) -> None:
    before = everything(guests)
    with pytest.raises(PackMismatchError):
        guests.add("guests", other)
    assert everything(guests) == before


def test_a_query_of_another_pack_is_refused(guests: FaceCollections) -> None:
    with pytest.raises(PackMismatchError):
        guests.nearest_faces("guests", drawn(0)[:-1], within=ANY, limit=1)
    with pytest.raises(PackMismatchError):
        guests.nearest_users("guests", drawn(0)[:-1], within=ANY, limit=1)


def test_embeddings_come_in_the_order_asked_for(guests: FaceCollections) -> None:
    keys = [7, 0, 11, 7]
    found = guests.embeddings("guests", ids(keys))
    assert found.tobytes() == np.stack([drawn(key) for key in keys]).tobytes()
    with pytest.raises(MissingItemError):
        guests.embeddings("guests", ids([0, 99]))


def test_removed_faces_are_gone_from_everywhere(guests: FaceCollections) -> None:
    gone = [0, 4, 5, 9]
    assert sorted(guests.remove("guests", ids([*gone, 99, 9]))) == sorted(ids(gone))
    left = ids(key for key in range(12) if key not in gone)
    assert [f.face_id for f in guests.faces("guests", limit=ALL)] == sorted(left)
    found = guests.nearest_faces("guests", drawn(0), within=ANY, limit=ALL)
    assert {m.found.face_id for m in found} == set(left)
    assert guests.users("guests", limit=ALL) == [User("ann", 3), User("bob"), User("cy")]
    assert guests.user_vector("guests", "bob") is None
    matches = guests.nearest_users("guests", drawn(4), within=ANY, limit=ALL)
    assert [m.found.user_id for m in matches] == ["ann"]
    assert guests.remove("guests", ids(gone)) == []
    guests.add("guests", new_faces([0]))  # and belongs to nobody now
    assert guests.faces("guests", ids=ids([0]), limit=1) == [face(0)]


# Users


def test_users_are_told_in_pages_with_the_number_of_their_faces(guests: FaceCollections) -> None:
    assert guests.users("guests", limit=2) == [User("ann", 4), User("bob", 2)]
    assert guests.users("guests", after="bob", limit=2) == [User("cy")]
    assert guests.users("guests", ids=["cy", "dan", "ann", "ann"], limit=ALL) == [
        User("ann", 4),
        User("cy"),
    ]


def test_there_is_one_user_of_a_name(guests: FaceCollections) -> None:
    before = everything(guests)
    with pytest.raises(ItemConflictError, match="ann"):
        guests.add_user("guests", "ann")
    assert everything(guests) == before


def test_the_faces_of_a_removed_user_stay(guests: FaceCollections) -> None:
    guests.remove_user("guests", "ann")
    assert guests.users("guests", limit=ALL) == [User("bob", 2), User("cy")]
    faces = guests.faces("guests", limit=ALL)
    assert len(faces) == 12
    assert {f.user_id for f in faces} == {None, "bob"}
    found = guests.nearest_users("guests", drawn(0), within=ANY, limit=ALL)
    assert [m.found.user_id for m in found] == ["bob"]
    guests.add_user("guests", "ann")
    assert guests.user_vector("guests", "ann") is None


WITHOUT_ITS_USER: dict[str, Callable[[FaceCollections], object]] = {
    "faces": lambda s: s.faces("guests", user_id="dan", limit=1),
    "remove_user": lambda s: s.remove_user("guests", "dan"),
    "associate": lambda s: s.associate("guests", "dan", ids([8]), within=ANY),
    "disassociate": lambda s: s.disassociate("guests", "dan", ids([0])),
    "user_vector": lambda s: s.user_vector("guests", "dan"),
}


@pytest.mark.parametrize("method", WITHOUT_ITS_USER)
def test_a_user_who_is_not_there(guests: FaceCollections, method: str) -> None:
    before = everything(guests)
    with pytest.raises(MissingItemError, match="dan"):
        WITHOUT_ITS_USER[method](guests)
    assert everything(guests) == before


def test_a_users_vector_is_the_mean_direction_of_their_faces(guests: FaceCollections) -> None:
    mean = np.stack([drawn(key) for key in range(4)]).astype(np.float64).mean(axis=0)
    vector = guests.user_vector("guests", "ann")
    assert vector is not None
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-6)
    assert guests.user_vector("guests", "cy") is None


def test_a_vector_does_not_depend_on_the_order_of_the_faces(guests: FaceCollections) -> None:
    guests.add_user("guests", "again")
    first = guests.user_vector("guests", "ann")
    guests.disassociate("guests", "ann", ids(range(4)))
    for key in (2, 0, 3, 1):
        guests.associate("guests", "again", ids([key]), within=ANY)
    second = guests.user_vector("guests", "again")
    assert first is not None
    assert second is not None
    assert first.tobytes() == second.tobytes()


def test_faces_that_cancel_out_have_no_vector(guests: FaceCollections) -> None:
    opposite = replace(new_faces([20]), embeddings=-drawn(10)[None])
    guests.add("guests", opposite)
    guests.associate("guests", "cy", ids([10, 20]), within=ANY)
    assert guests.users("guests", ids=["cy"], limit=1) == [User("cy", 2)]
    assert guests.user_vector("guests", "cy") is None
    found = guests.nearest_users("guests", drawn(10), within=ANY, limit=ALL)
    assert {m.found.user_id for m in found} == {"ann", "bob"}


# Associating


def test_what_becomes_of_each_face(guests: FaceCollections) -> None:
    answer = guests.associate("guests", "cy", ids([10, 0, 99, 10]), within=ANY)
    assert answer == {
        ids([10])[0]: None,
        ids([0])[0]: Refusal.ASSOCIATED_TO_A_DIFFERENT_USER,
        ids([99])[0]: Refusal.FACE_NOT_FOUND,
    }
    assert guests.users("guests", ids=["ann", "cy"], limit=2) == [User("ann", 4), User("cy", 1)]
    # What is theirs already is nothing to tell.
    assert guests.associate("guests", "cy", ids([10, 11]), within=ANY) == {ids([11])[0]: None}


def test_what_becomes_of_each_face_that_is_taken(guests: FaceCollections) -> None:
    answer = guests.disassociate("guests", "ann", ids([0, 4, 99, 8]))
    assert answer == {
        ids([0])[0]: None,
        ids([4])[0]: Refusal.ASSOCIATED_TO_A_DIFFERENT_USER,
        ids([99])[0]: Refusal.FACE_NOT_FOUND,
    }  # 8 belongs to nobody
    assert guests.users("guests", limit=2) == [User("ann", 3), User("bob", 2)]
    assert guests.faces("guests", ids=ids([0]), limit=1) == [face(0)]


def test_a_face_far_from_the_user_is_refused(guests: FaceCollections) -> None:
    vector = guests.user_vector("guests", "ann")
    assert vector is not None
    distances = distances_to(vector, range(6, 12))
    nearest, next_one, *_ = sorted(distances, key=distances.__getitem__)
    answer = guests.associate("guests", "ann", list(distances), within=distances[nearest])
    assert answer == {
        key: None if key == nearest else Refusal.LOW_MATCH_CONFIDENCE for key in distances
    }
    # All of a request are compared with the vector as it was before.
    guests.disassociate("guests", "ann", [nearest])
    answer = guests.associate("guests", "ann", [nearest, next_one], within=distances[next_one])
    assert answer == dict.fromkeys([nearest, next_one])


def test_a_user_without_faces_takes_any(guests: FaceCollections) -> None:
    assert guests.associate("guests", "cy", ids([6, 7, 8]), within=0.0) == dict.fromkeys(
        ids([6, 7, 8])
    )


def test_a_user_has_a_hundred_faces_at_most(guests: FaceCollections) -> None:
    guests.add("guests", new_faces(range(100, 100 + MOST_FACES_OF_A_USER)))
    more = ids(range(100, 100 + MOST_FACES_OF_A_USER))
    before = everything(guests)
    with pytest.raises(QuotaError, match="100"):
        guests.associate("guests", "ann", more[: MOST_FACES_OF_A_USER - 3], within=ANY)
    assert everything(guests) == before
    # Those that are theirs already, and those that are refused, do not count.
    asked = [*more[: MOST_FACES_OF_A_USER - 4], *ids([0, 4, 99])]
    guests.associate("guests", "ann", asked, within=ANY)
    assert guests.users("guests", limit=1) == [User("ann", MOST_FACES_OF_A_USER)]
    with pytest.raises(QuotaError):
        guests.associate("guests", "ann", ids([9]), within=ANY)


# A request that is sent twice

ONCE = Once("token", "1" * 64)
OTHER = Once("token", "2" * 64)


def test_a_user_is_made_once(guests: FaceCollections) -> None:
    guests.add_user("guests", "dan", ONCE)
    before = everything(guests)
    guests.add_user("guests", "dan", ONCE)
    with pytest.raises(OnceError):
        guests.add_user("guests", "eve", OTHER)
    assert everything(guests) == before
    with pytest.raises(ItemConflictError):
        guests.add_user("guests", "dan", Once("another", "1" * 64))


def test_a_user_is_removed_once(guests: FaceCollections) -> None:
    guests.remove_user("guests", "ann", ONCE)
    guests.remove_user("guests", "ann", ONCE)
    guests.add_user("guests", "ann")
    guests.remove_user("guests", "ann", ONCE)  # the same request, and not another
    assert guests.users("guests", limit=1) == [User("ann")]
    with pytest.raises(OnceError):
        guests.remove_user("guests", "bob", OTHER)


def test_faces_are_given_and_taken_once_and_the_answer_is_the_same(guests: FaceCollections) -> None:
    asked = ids([10, 0, 99])
    first = guests.associate("guests", "cy", asked, within=ANY, once=ONCE)
    assert guests.associate("guests", "cy", asked, within=ANY, once=ONCE) == first
    with pytest.raises(OnceError):
        guests.associate("guests", "cy", ids([11]), within=ANY, once=OTHER)
    take = Once("take", "3" * 64)
    first = guests.disassociate("guests", "cy", asked, once=take)
    assert guests.disassociate("guests", "cy", asked, once=take) == first
    assert guests.users("guests", ids=["cy"], limit=1) == [User("cy")]


def test_a_token_belongs_to_its_collection_and_ends_with_it(guests: FaceCollections) -> None:
    guests.add_user("guests", "dan", ONCE)
    guests.create(collection("others"))
    guests.add_user("others", "eve", OTHER)
    guests.delete("guests")
    guests.create(collection("guests"))
    guests.add_user("guests", "dan", ONCE)
    assert guests.users("guests", limit=ALL) == [User("dan")]


def test_a_request_that_failed_may_be_sent_again(guests: FaceCollections) -> None:
    with pytest.raises(ItemConflictError):
        guests.add_user("guests", "ann", ONCE)
    guests.remove_user("guests", "ann")
    guests.add_user("guests", "ann", ONCE)
    assert guests.users("guests", limit=1) == [User("ann")]


def test_a_token_is_forgotten_after_hours(guests: FaceCollections, hands: Hands) -> None:
    guests.add_user("guests", "dan", ONCE)
    hands.time += ONCE_LASTS - timedelta(seconds=1)
    guests.add_user("guests", "dan", ONCE)
    with pytest.raises(OnceError):
        guests.add_user("guests", "eve", OTHER)
    hands.time += timedelta(seconds=1)
    guests.add_user("guests", "eve", OTHER)
    assert guests.users("guests", after="dan", limit=1) == [User("eve")]


# Searching


def test_the_nearest_faces_are_those_of_a_plain_computation(store: FaceCollections) -> None:
    store.create(collection("guests"))
    keys = range(300)
    for start in range(0, 300, 100):
        store.add("guests", new_faces(keys[start : start + 100]))
    for query in [drawn(5), drawn(-1), -drawn(7)]:
        distances = distances_to(query, keys)
        order = sorted(distances, key=lambda key: (distances[key], key))
        found = store.nearest_faces("guests", query, within=ANY, limit=ALL)
        assert [m.found.face_id for m in found] == order
        assert [m.distance for m in found] == [distances[key] for key in order]
        assert found[:7] == store.nearest_faces("guests", query, within=ANY, limit=7)
        within = found[20].distance
        assert found[:21] == store.nearest_faces("guests", query, within=within, limit=ALL)
        just_less = float(np.nextafter(np.float32(within), np.float32(0)))
        assert found[:20] == store.nearest_faces("guests", query, within=just_less, limit=ALL)


def test_fifty_threads_get_the_answers_that_one_gets(store: FaceCollections) -> None:
    store.create(collection("guests"))
    store.add("guests", new_faces(range(300)))
    store.add_user("guests", "ann")
    store.associate("guests", "ann", ids(range(4)), within=ANY)

    def found(key: int) -> object:
        faces = store.nearest_faces("guests", drawn(key), within=1.3, limit=40)
        return faces, store.nearest_users("guests", drawn(key), within=ANY, limit=5)

    alone = [found(key) for key in range(100)]
    with ThreadPoolExecutor(50) as threads:
        assert list(threads.map(found, range(100))) == alone


def test_a_face_is_at_no_distance_from_itself(guests: FaceCollections) -> None:
    (match,) = guests.nearest_faces("guests", drawn(3), within=0.0, limit=ALL)
    assert match.found == replace(face(3), user_id="ann")
    assert match.distance == 0.0


def test_of_equally_near_faces_the_first_id_comes_first(store: FaceCollections) -> None:
    store.create(collection("guests"))
    keys = list(range(40))
    random.Random(1).shuffle(keys)
    same = np.repeat(drawn(0)[None], 40, axis=0)
    store.add("guests", replace(new_faces(keys), embeddings=same))
    store.add("guests", new_faces([50]))
    found = store.nearest_faces("guests", drawn(1), within=ANY, limit=ALL)
    tied = [m.found.face_id for m in found if m.found.face_id != ids([50])[0]]
    assert tied == sorted(ids(range(40)))
    (nearest,) = store.nearest_faces("guests", drawn(0), within=ANY, limit=1)
    assert nearest.found.face_id == min(ids(range(40)))


def test_what_is_left_out_takes_no_place(guests: FaceCollections) -> None:
    whole = guests.nearest_faces("guests", drawn(0), within=ANY, limit=ALL)
    out = [whole[0].found.face_id, whole[2].found.face_id, *ids([99])]
    found = guests.nearest_faces("guests", drawn(0), within=ANY, limit=3, leave_out=out)
    assert found == [whole[1], *whole[3:5]]
    users = guests.nearest_users("guests", drawn(0), within=ANY, limit=ALL)
    others = guests.nearest_users("guests", drawn(0), within=ANY, limit=1, leave_out=["ann", "dan"])
    assert others == [m for m in users if m.found.user_id == "bob"]


def test_the_nearest_users_are_those_of_a_plain_computation(guests: FaceCollections) -> None:
    vectors = {user: guests.user_vector("guests", user) for user in ("ann", "bob")}
    rows = np.stack([vectors["ann"], vectors["bob"]])
    distances = centroid_distances(drawn(4)[None], rows)[0].tolist()
    found = guests.nearest_users("guests", drawn(4), within=ANY, limit=ALL)
    assert [(m.found, m.distance) for m in found] == [
        (User("bob", 2), distances[1]),
        (User("ann", 4), distances[0]),
    ]
    assert guests.nearest_users("guests", drawn(4), within=distances[1], limit=ALL) == found[:1]
    assert guests.nearest_users("guests", drawn(4), within=ANY, limit=1) == found[:1]


# Names


ODD = [
    "a",
    "A",
    "é",
    "a b",
    "..",
    "-",
    ":",
    "\\",
    "\n",
    "$1",
    "%s {x}",
    "'; DROP TABLE face; --",
    '"',
    "名",
]


@pytest.mark.parametrize("name", [*ODD, "x" * 255])
def test_any_text_is_a_name(store: FaceCollections, name: str) -> None:
    store.create(collection(name))
    store.create(collection(name + "2"))
    odd = replace(face(0), face_id=name, external_image_id=name)
    store.add(name, replace(new_faces([0]), faces=(odd,)))
    store.add_user(name, name)
    store.associate(name, name, [name], within=ANY, once=Once(name, name))
    assert store.collection(name) == replace(collection(name), faces=1, users=1)
    assert store.faces(name, ids=[name], user_id=name, limit=1) == [replace(odd, user_id=name)]
    (match,) = store.nearest_users(name, drawn(0), within=ANY, limit=1)
    assert match.found == User(name, 1)
    assert store.remove(name, [name]) == [name]
    store.remove_user(name, name)
    store.delete(name)
    assert [c.collection_id for c in store.collections(limit=ALL)] == [name + "2"]


def test_odd_names_are_in_the_order_of_their_characters(store: FaceCollections) -> None:
    store.create(collection("guests"))
    for name in ODD:
        store.add_user("guests", name)
    assert [user.user_id for user in store.users("guests", limit=ALL)] == sorted(ODD)
