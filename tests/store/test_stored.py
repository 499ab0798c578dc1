"""Stored faces, as all rooms read them."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from review_event import PACK, InMemory, seed, sort
from store_rows import MATCHED, add, add_people, follow, photo, record, result

from facesort.core.stored import StoredTrack
from facesort.store import Store
from facesort.store.queries import face_sets
from facesort.store.queries.face_sets import decided_faces
from facesort.store.queries.gallery import load_gallery
from facesort.store.queries.review.shown import faces_with_crops
from facesort.store.queries.stored import places_of, stored_faces, stored_photos


def test_a_face_of_a_clip_says_when_it_is_seen(store: Store) -> None:
    add_people(store)
    add(store, [photo(1)])
    record(store, 1, [result(1, *MATCHED, persons=(1, 2))])
    second = stored_faces(store, "ORDER BY s.face_id")[1].face_id
    follow(store, second, 400, 2000)

    seen = StoredTrack(300, 2100, 400, 400, 2000)
    assert [face.track for face in stored_faces(store, "ORDER BY s.face_id")] == [None, seen]
    (read,) = stored_photos(store)
    assert [face.track for face in read.faces] == [None, seen]


def test_of_decided_faces_only_those_of_some_photos_are_read(store: Store) -> None:
    """There may be a million photos between two that are looked at."""
    add_people(store)
    add(store, [photo(key) for key in (1, 2, 3)])
    record(store, 1, [result(key, *MATCHED, persons=(1, 2)) for key in (1, 2, 3)])
    assert decided_faces(store, [1, 3], "pack").photo_ids.tolist() == [1, 1, 3, 3]


def test_of_a_few_faces_only_their_pictures_and_embeddings_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DuckDB looks a few ids up; of more, it reads the whole column, which is all of the database."""
    with Store.open(None) as store:
        job = InMemory(store)
        seed(job, "Ada", (0, 0.0))
        faces = [*sort(job, [[(0, 0.001)]] * 45), *sort(job, [[(0, 0.002)]] * 45)]
        asked: list[tuple[str, Sequence[Any]]] = []
        rows = Store.rows

        def spied(self: Store, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
            asked.append((sql, parameters))
            return rows(self, sql, parameters)

        monkeypatch.setattr(Store, "rows", spied)
        best = face_sets.best_faces(store, PACK.pack_id, 60)
        learned = load_gallery(store, PACK.pack_id, 70).learned
        crops = face_sets.crops_of(store, np.array(faces))
        assert len(faces_with_crops(store, faces)) == len(crops) == 90
        assert [len(found) for found in (best[1], learned[1])] == [60, 70]
    large = [
        parameters
        for sql, parameters in asked
        if re.search(r"\b(?:f\.)?(?:embedding|crop)\b(?!\))", sql) and "FROM reference" not in sql
    ]
    assert len(large) > 8
    assert all(len(ids) <= 40 for (ids,) in large)


@pytest.mark.parametrize("number", range(20))
def test_the_files_of_some_photos_alone_are_those_of_all(store: Store, number: int) -> None:
    """Files that were read again hold other photos since, wait, or are gone; photos are decided as others."""
    chance, ids = random.Random(number), range(1, 13)
    for batch in (1, 2, 3):
        store.execute("INSERT INTO batch VALUES (?, 'sort', 'COMMITTED')", [batch])
        for file_id in ids if batch == 1 else chance.sample(ids, 5):
            store.execute("INSERT INTO batch_file VALUES (?, ?)", [batch, file_id])
            if chance.random() < 0.8:
                read = [file_id, batch, chance.choice([*ids, None])]
                store.execute("INSERT INTO reading VALUES (?, ?, ?, NULL, '')", read)
    add_photos = "INSERT INTO photo (photo_id, sha256, shot_id, decided_as) VALUES (?, ?, ?, ?)"
    store.execute("INSERT INTO source VALUES (1, 'card-1', 'used')")
    for key in ids:
        state = chance.choice(("present", "present", "gone", "replaced"))
        store.execute("INSERT INTO file VALUES (?, 1, ?, 1, 1, ?)", [key, f"{key}.jpg", state])
        shot = chance.choice((key, key, max(1, key - 1)))
        store.execute(add_photos, [key, f"sha-{key}", shot, shot])
    for _ in range(5):
        some = ", ".join(map(str, chance.sample(ids, 4)))
        asked = [f"SELECT * FROM place WHERE photo_id IN ({some}) ORDER BY ALL",
                 f"SELECT * FROM held WHERE decided_as IN ({some}) ORDER BY ALL"]  # fmt: skip
        of_all = [store.rows(sql) for sql in asked]
        with places_of(store, some):
            assert [store.rows(sql) for sql in asked] == of_all
