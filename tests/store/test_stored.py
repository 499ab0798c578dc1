"""Stored faces, as all rooms read them."""

from __future__ import annotations

from store_rows import MATCHED, add, add_people, follow, photo, record, result

from facesort.core.stored import StoredTrack
from facesort.store import Store
from facesort.store.queries.face_sets import decided_faces
from facesort.store.queries.stored import stored_faces, stored_photos


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
