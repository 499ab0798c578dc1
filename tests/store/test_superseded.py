"""Edited photos: which version counts, whatever becomes of the files afterwards."""

from __future__ import annotations

import pytest
from store_rows import MATCHED, add, add_people, finish, photo, record, result, write

from facesort.reasons import PhotoStatus, Reason
from facesort.store import Store
from facesort.store.job import files
from facesort.store.job.files import read_again
from facesort.store.job.rematches import candidates
from facesort.store.queries.delivery.corrections import corrections
from facesort.store.queries.reports import counts


def version(store: Store, file_id: int, batch_id: int, *, replaces: int | None = None) -> None:
    """One more version of `a.jpg`, sorted and delivered to Anna."""
    if replaces is not None:
        with store.transaction():
            files.set_state(store, [replaces], "replaced")
    add(store, [photo(file_id, "a.jpg")])
    record(store, batch_id, [result(file_id, *MATCHED)], [write(file_id)])
    finish(store, batch_id)


def superseded(store: Store) -> dict[int, int]:
    return dict(store.rows("SELECT photo_id, by_id FROM superseded ORDER BY photo_id"))


@pytest.mark.parametrize("state", ["present", "gone", "replaced"])
def test_a_version_stays_superseded_whatever_becomes_of_the_newer_one(
    store: Store, state: str
) -> None:
    add_people(store)
    version(store, 1, 1)
    version(store, 2, 2, replaces=1)
    with store.transaction():
        files.set_state(store, [2], state)

    assert superseded(store) == {1: 2}
    assert [(c.photo, c.why, c.belongs_to) for c in corrections(store)] == [
        ("a.jpg", "superseded", ("person-1",))
    ]
    again = candidates(store, everything=True, unknown_folder=False)
    assert again.again.tolist() == [2], "a re-match gives nobody an old version"


def test_of_three_versions_the_newest_counts(store: Store) -> None:
    add_people(store)
    version(store, 1, 1)
    version(store, 2, 2, replaces=1)
    version(store, 3, 3, replaces=2)
    assert superseded(store) == {1: 3, 2: 3}


def test_an_edit_that_was_taken_back_makes_the_first_version_count_again(store: Store) -> None:
    add_people(store)
    version(store, 1, 1)
    version(store, 2, 2, replaces=1)
    with store.transaction():
        files.set_state(store, [2], "replaced")
    add(store, [photo(3, "a.jpg")])
    back = result(3, PhotoStatus.DUPLICATE, Reason.DUPLICATE, sha256="sha-1", known_as=1)
    record(store, 3, [back])
    finish(store, 3)
    assert superseded(store) == {2: 1}
    with store.transaction():
        files.set_state(store, [3], "gone")
    assert superseded(store) == {2: 1}


def test_a_file_that_was_away_when_its_batch_was_carried_out_is_read_when_it_is_back(
    store: Store,
) -> None:
    add_people(store)
    add(store, [photo(1), photo(2)])
    with store.transaction():
        files.set_state(store, [2], "gone")
    assert files.batch_files(store, 1) == [photo(1)]
    record(store, 1, [result(1, *MATCHED)], [write(1)])
    finish(store, 1)
    with store.transaction():
        files.set_state(store, [2], "present")
        read_again(store, [2])
        read_again(store, [2])
    assert files.batch_files(store, 2) == [photo(2)]
    assert counts(store).photos[PhotoStatus.PENDING] == 1
    assert store.value("SELECT count(*) FROM batch") == 2


def other_name(store: Store, file_id: int, path: str, batch_id: int, of: int, was: int) -> None:
    """Content that was read before is under another path now; `was` is the file that it replaces there."""
    with store.transaction():
        files.set_state(store, [was], "replaced")
    add(store, [photo(file_id, path)])
    again = result(
        file_id, PhotoStatus.DUPLICATE, Reason.DUPLICATE, sha256=f"sha-{of}", known_as=of
    )
    record(store, batch_id, [again])
    finish(store, batch_id)


def test_a_photo_that_got_the_name_of_a_deleted_one_is_no_version_of_it(store: Store) -> None:
    """1 is deleted, and 2 and 3 are numbered anew."""
    add_people(store)
    add(store, [photo(i, f"{i}.jpg") for i in (1, 2, 3)])
    record(store, 1, [result(i, *MATCHED) for i in (1, 2, 3)], [write(i) for i in (1, 2, 3)])
    finish(store, 1)
    other_name(store, 4, "1.jpg", 2, of=2, was=1)
    other_name(store, 5, "2.jpg", 3, of=3, was=2)
    with store.transaction():
        files.set_state(store, [3], "gone")
    assert superseded(store) == {}
    assert corrections(store) == []


def test_two_photos_that_exchanged_their_names_are_no_versions(store: Store) -> None:
    add_people(store)
    add(store, [photo(i, f"{i}.jpg") for i in (1, 2)])
    record(store, 1, [result(i, *MATCHED) for i in (1, 2)], [write(i) for i in (1, 2)])
    finish(store, 1)
    other_name(store, 3, "1.jpg", 2, of=2, was=1)
    other_name(store, 4, "2.jpg", 3, of=1, was=2)
    with store.transaction():
        files.set_state(store, [4], "gone")
    assert superseded(store) == {}


def test_a_copy_of_another_photo_that_is_still_there_takes_the_place_of_a_version(
    store: Store,
) -> None:
    add_people(store)
    add(store, [photo(1, "a.jpg"), photo(2, "edited/a.jpg")])
    record(store, 1, [result(i, *MATCHED) for i in (1, 2)], [write(i) for i in (1, 2)])
    finish(store, 1)
    other_name(store, 3, "a.jpg", 2, of=2, was=1)
    assert superseded(store) == {1: 2}
