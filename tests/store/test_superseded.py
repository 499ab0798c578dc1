"""Edited photos: which version counts, whatever becomes of the files afterwards."""

from __future__ import annotations

import pytest
from store_rows import MATCHED, add, add_people, finish, photo, record, result, write

from facesort.reasons import PhotoStatus, Reason
from facesort.store import Store
from facesort.store.job import files
from facesort.store.job.files import read_again
from facesort.store.job.rematches import candidates
from facesort.store.queries.corrections import corrections
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
    assert again.again == {2}, "a re-match gives nobody an old version"


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
