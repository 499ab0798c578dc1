"""What is told about a job is what is stored."""

from __future__ import annotations

from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from store_rows import (
    CORRUPT,
    GIVEN,
    MATCHED,
    NO_FACE,
    NOBODY,
    SAME,
    UNKNOWN,
    add,
    add_people,
    finish,
    photo,
    record,
    result,
    write,
)
from stored_faces import best_distances, face_boxes

from facesort.core.records import Analysis
from facesort.reasons import FaceReason, Outcome, PhotoStatus, Reason
from facesort.store import Store
from facesort.store.job import files, runs, sources
from facesort.store.queries import reports


def test_nothing_is_told_of_nothing(store: Store) -> None:
    told = reports.counts(store)
    assert told.total == 0
    assert set(told.photos) == set(PhotoStatus)
    assert set(told.faces) == set(Outcome)
    assert told.batches == {"PENDING": 0, "PROCESSING": 0, "COMMITTING": 0, "COMMITTED": 0}
    assert told.persons == {}
    assert reports.drop_reasons(store) == {}
    assert reports.skipped_reasons(store) == {}
    assert reports.failed_photos(store) == []
    assert reports.failed_writes(store) == []
    assert reports.photo_folders(store) == {}
    assert face_boxes(store) == {}
    assert best_distances(store).shape == (0,)
    assert runs.latest_run_id(store) is None


def test_what_groups_brought_and_left_in_doubt_is_told(store: Store) -> None:
    add_people(store)
    add(store, [photo(i) for i in range(1, 6)])
    ben = replace(GIVEN, outcome=Outcome.LOOSE, reason=FaceReason.WITHIN_GROUP, person_id=2)
    doubt = replace(NOBODY, reason=FaceReason.GROUP_IN_DOUBT)
    by_photo = {1: (GIVEN, ben), 2: (ben,), 3: (doubt, ben), 4: (doubt, NOBODY), 5: (NOBODY,)}
    results = []
    for key, decisions in by_photo.items():
        found = result(key, *MATCHED, persons=[1] * len(decisions))
        results.append(replace(found, decisions=decisions, learned=()))
    record(store, 1, results)
    finish(store, 1)

    told = reports.counts(store)

    assert told.by_group == {"faces": 3, "photos": 3}
    assert told.in_doubt == {"Anna": 2}
    store.execute("INSERT INTO ignored SELECT min(face_id) FROM face WHERE photo_id = 4")
    assert reports.counts(store).in_doubt == {"Anna": 1}
    store.execute("DELETE FROM ignored")
    store.execute("INSERT INTO answer SELECT face_id, 2, 'no' FROM face WHERE photo_id = 2")
    store.execute(
        "INSERT INTO answer SELECT min(face_id), 1, 'yes' FROM face WHERE photo_id IN (3, 4) GROUP BY photo_id"
    )
    answered = reports.counts(store)
    assert (answered.by_group, answered.in_doubt) == ({"faces": 2, "photos": 2}, {})


@pytest.fixture
def sorted_store(store: Store) -> Store:
    """One photo of each kind; Anna is in the first, and her copy of the last one failed."""
    add_people(store)
    add(store, [photo(i) for i in range(1, 8)])
    record(
        store,
        1,
        [
            result(1, *MATCHED),
            result(2, *UNKNOWN),
            result(3, *NO_FACE),
            result(4, *NO_FACE),
            result(5, *CORRUPT, sha256=""),
            result(6, *SAME, sha256="sha-1", known_as=1),
            result(7, *MATCHED),
        ],
        [write(1, 1), write(1, 2), write(2, None), write(7, 1)],
    )
    finish(store, 1, {4: Reason.NAME_TAKEN})
    return store


def test_every_photo_is_counted_once(sorted_store: Store) -> None:
    told = reports.counts(sorted_store)
    assert {s.value: n for s, n in told.photos.items()} == {
        "pending": 0, "matched": 1, "unknown": 1, "no_face": 2, "duplicate": 1, "failed": 2,
    }  # fmt: skip
    assert told.total == 7
    assert told.faces == {Outcome.STRICT: 2, Outcome.LOOSE: 0, Outcome.UNKNOWN: 1}
    assert told.persons == {"Anna": 1, "Ben": 1, "_unknown": 1}
    assert told.batches["COMMITTED"] == 1


def test_what_is_counted_alone_is_evaluated_once_and_is_the_same(
    sorted_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, materialized = [], Store.materialized

    def noted(self: Store, view: str, columns: str = "*") -> AbstractContextManager[None]:
        made.append(view)
        return materialized(self, view, columns)

    expected = reports.counts(sorted_store)
    monkeypatch.setattr(Store, "materialized", noted)
    assert repr(reports.counts_alone(sorted_store)) == repr(expected)
    assert made == ["face_state", "held", "place"], "a million photos are joined once"
    assert repr(reports.counts(sorted_store)) == repr(expected)


def test_every_drop_is_told_with_its_reason(sorted_store: Store) -> None:
    told = reports.drop_reasons(sorted_store)
    assert told == {
        "no_face": 2, "corrupt": 1, "duplicate": 1, "name_taken": 1, "only_unknown_faces": 1,
    }  # fmt: skip
    assert next(iter(told)) == "no_face", "the most frequent first"
    assert reports.failed_photos(sorted_store) == [
        ("00005.jpg", "corrupt", "told in words"),
        ("00007.jpg", "name_taken", "person-1/00007_abc.jpg"),
    ]
    assert reports.failed_photos(sorted_store, limit=1) == reports.failed_photos(sorted_store)[:1]


def test_who_got_which_photo(sorted_store: Store) -> None:
    told = reports.photo_folders(sorted_store)
    assert len(told) == 7
    assert told["00001.jpg"] == {"Anna", "Ben"}
    assert {path for path, names in told.items() if names} == {"00001.jpg", "00006.jpg"}, (
        "a duplicate is another file of the photo"
    )


def test_faces_of_photos(sorted_store: Store) -> None:
    told = face_boxes(sorted_store)
    assert told["00001.jpg"] == [(1.0, 2.0, 30.5, 40.25)]
    assert told["00003.jpg"] == []
    assert not {"00005.jpg", "00006.jpg"} & told.keys()


def test_distances(sorted_store: Store) -> None:
    np.testing.assert_array_equal(best_distances(sorted_store), [0.5, 1.5, 0.5])
    apart = reports.distances_by_outcome(sorted_store)
    assert {o: d.tolist() for o, d in apart.items()} == {
        Outcome.STRICT: [0.5, 0.5],
        Outcome.LOOSE: [],
        Outcome.UNKNOWN: [1.5],
    }
    assert all(d.dtype == np.float32 for d in apart.values())


def test_skipped_files_are_replaced_by_each_scan(store: Store) -> None:
    elsewhere = ("card-2", "a.xmp", "sidecar", 1, 2)
    with store.transaction():
        sources.add_sources(store, ["card-1", "card-2"])
        files.set_skipped(store, ["card-1", "card-2"], [elsewhere])
    for skipped in ({"a.xmp": "sidecar", "b": "other", "c": "other"}, {"b": "hidden"}, {}):
        found = [("card-1", path, reason, 3, 4) for path, reason in skipped.items()]
        with store.transaction():
            files.set_skipped(store, ["card-1"], found)
        told = reports.skipped_reasons(store)
        assert told == Counter([*skipped.values(), "sidecar"]), "the other source was not scanned"
        assert set(files.skipped_files(store)) == {elsewhere, *found}


def test_what_another_facesort_skipped_is_looked_at_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may know more formats."""
    with store.transaction():
        sources.add_sources(store, ["card-1"])
        files.set_skipped(store, ["card-1"], [("card-1", "a", "other", 1, 2)])
    assert len(files.skipped_files(store)) == 1

    monkeypatch.setattr(files, "__version__", "99")

    assert files.skipped_files(store) == []
    assert reports.skipped_reasons(store) == {"other": 1}, (
        "until the next scan, it is what is known"
    )


# --- runs -------------------------------------------------------------------------------------


def start(store: Store) -> int:
    return runs.start_run(
        store, version="1.0", pack_name="p", pack_id="id", settings={"a": {"b": [1, None, "Zoë"]}}
    )


def test_a_run_is_told_as_it_was(store: Store) -> None:
    before = datetime.now(UTC).replace(tzinfo=None)
    run_id = start(store)
    told = reports.run_record(store, run_id)
    assert (told.run_id, told.state, told.finished_at) == (1, "running", None)
    assert (told.version, told.pack_name, told.pack_id) == ("1.0", "p", "id")
    assert told.settings == {"a": {"b": [1, None, "Zoë"]}}
    assert timedelta(0) <= told.started_at - before < timedelta(minutes=1), "in UTC"
    runs.finish_run(store, run_id, "finished")
    told = reports.run_record(store, run_id)
    assert told.state == "finished"
    assert told.finished_at is not None
    assert told.finished_at >= told.started_at


def test_runs_that_were_killed_are_closed_and_no_others(store: Store) -> None:
    ended, killed = start(store), start(store)
    runs.finish_run(store, ended, "failed")
    runs.close_abandoned_runs(store)
    states = [reports.run_record(store, run_id).state for run_id in (ended, killed)]
    assert states == ["failed", "interrupted"]
    assert runs.latest_run_id(store) == killed
    assert start(store) == 3


def test_what_a_batch_took(store: Store) -> None:
    run_id = start(store)
    first = [Analysis(1, "", seconds=0.5), Analysis(2, "", seconds=0.25)]
    for batch_id, analyses in ((1, first), (2, [])):
        with store.transaction():
            runs.record_run_batch(store, run_id, batch_id, analyses, waited=1.5, worked=0.5)
    told = reports.throughput(store, run_id)
    assert [row[1:] for row in told] == [(2, 1.5, 0.5), (0, 1.5, 0.5)]
    assert reports.throughput(store, run_id + 1) == []
    assert store.rows("SELECT file_id, seconds FROM timing ORDER BY file_id") == [
        (1, 0.5),
        (2, 0.25),
    ]
