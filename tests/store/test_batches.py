"""The life of photos and batches, and that every count adds up whatever happens to them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from store_rows import (
    AWAITS,
    CORRUPT,
    GIVEN,
    INFO,
    MATCHED,
    NO_FACE,
    PACK,
    PEOPLE,
    SAME,
    SHOT,
    UNKNOWN,
    add,
    add_people,
    clip,
    face,
    finish,
    photo,
    record,
    result,
    retry,
    write,
)

from facesort.core.copies import PlannedWrite
from facesort.reasons import Outcome, PhotoStatus, Reason
from facesort.store import Store
from facesort.store.job import files, photos
from facesort.store.job.files import BATCH_SIZE, BatchState
from facesort.store.job.photos import BatchRecord, Known, PhotoResult
from facesort.store.queries import reports, tables
from facesort.store.queries.delivery.commit_log import planned_writes, verified_writes
from facesort.store.queries.delivery.corrections import corrections


def states(store: Store) -> dict[int, tuple[str, str | None]]:
    rows = store.rows("SELECT file_id, status, reason FROM file_state ORDER BY file_id")
    assert len({row[0] for row in rows}) == len(rows), "one row per file"
    return {row[0]: (row[1], row[2]) for row in rows}


# --- by hand ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "sizes"),
    [(0, []), (1, [1]), (BATCH_SIZE, [50]), (BATCH_SIZE + 1, [50, 1]), (120, [50, 50, 20])],
)
def test_photos_come_in_batches_of_fifty(store: Store, count: int, sizes: list[int]) -> None:
    found = [photo(i + 1) for i in range(count)]
    add(store, found)
    pending = files.batches_in(store, BatchState.PENDING)
    batches = [files.batch_files(store, batch_id) for batch_id in pending]
    assert [len(batch) for batch in batches] == sizes
    assert [p for batch in batches for p in batch] == found
    assert reports.counts(store).photos[PhotoStatus.PENDING] == count == reports.counts(store).total


def test_what_is_remarked_of_a_photo_is_in_the_tables(store: Store) -> None:
    add_people(store)
    add(store, [photo(1), photo(2), photo(3)])
    told = result(2, *MATCHED)
    info = replace(INFO, remarks=("damaged", "pages"))
    told = replace(told, analysis=replace(told.analysis, info=info))
    unread = replace(result(3, *CORRUPT), analysis=replace(result(3, *CORRUPT).analysis, info=None))
    record(store, 1, [result(1, *MATCHED), told, unread], [write(1), write(2)])

    for name in ("photos", "files"):
        shown = tables.table(store, name).select("path, remarks").fetchall()
        assert shown == [("00001.jpg", []), ("00002.jpg", ["damaged", "pages"]), ("00003.jpg", [])]


def test_remarks_are_counted_of_photos_that_are_there_and_decided(store: Store) -> None:
    add_people(store)
    add(store, [photo(n) for n in range(1, 6)])
    whole = result(1, *MATCHED)
    info = replace(INFO, remarks=("pages",))
    told = [
        replace(r, analysis=replace(r.analysis, info=info))
        for r in (result(2, *MATCHED), result(3, *MATCHED), result(4, *MATCHED))
    ]
    copy = result(5, *SAME, sha256="sha-2", known_as=2)
    record(store, 1, [whole, *told, copy], [write(n) for n in range(1, 5)])
    assert reports.counts(store).remarks == {"pages": 3}, "the copy is no other photo"

    store.execute("UPDATE file SET state = 'gone' WHERE file_id = 3")
    files._add_batches(store, [(4, "card-1")], "retry")
    assert reports.counts(store).remarks == {"pages": 1}
    assert reports.remarked_photos(store, 9) == (1, [("00002.jpg", ["pages"], "")])


def test_photos_that_come_later_get_later_batches(store: Store) -> None:
    add(store, [photo(1), photo(2)])
    add(store, [])
    add(store, [photo(3)])
    assert files.batches_in(store, BatchState.PENDING) == [1, 2]
    assert files.batch_files(store, 2) == [photo(3)]


def test_the_cache_grows_with_the_job(store: Store) -> None:
    limit = "SELECT current_setting('memory_limit')"
    small = store.value(limit)
    add(store, [photo(number) for number in range(1, 3001)])
    assert (small, store.value(limit)) == ("114.4 MiB", "117.3 MiB")  # 120 and 123 MB


def test_only_large_jobs_are_asked_with_several_threads(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facesort.store.store._PHOTOS_PER_THREAD", 1000)
    monkeypatch.setattr("facesort.store.store.os.cpu_count", lambda: 3)
    found = []
    for first, last in ((1, 999), (1000, 1500), (1501, 9000)):
        add(store, [photo(number) for number in range(first, last + 1)])
        found.append(store.value("SELECT current_setting('threads')"))
    assert found == [1, 2, 3]


def test_the_newest_version_of_a_path_is_the_known_one(store: Store) -> None:
    add(store, [photo(1, "a.jpg"), photo(2, "b.jpg")])
    add(store, [photo(3, "a.jpg"), photo(4, "a.jpg", "card-2")])
    record(store, 1, [result(1, *NO_FACE), result(2, *NO_FACE)])
    known = files.known_files(store)
    assert [(known.file(row), known.state(row), known.sha256(row)) for row in known.rows()] == [
        (photo(2, "b.jpg"), "present", "sha-2"),
        (photo(3, "a.jpg"), "present", ""),
        (photo(4, "a.jpg", "card-2"), "present", ""),
    ]


def test_the_states_of_a_batch(store: Store) -> None:
    add_people(store)
    add(store, [photo(1)])
    seen = []
    for step in (
        lambda: None,
        lambda: files.mark_processing(store, 1),
        lambda: files.reset_processing(store),
        lambda: record(store, 1, [result(1, *MATCHED)], [write(1)]),
        lambda: files.reset_processing(store),
        lambda: finish(store, 1),
        lambda: files.reset_processing(store),
    ):
        step()
        [(state, status)] = store.rows("SELECT state, status FROM batch, file_state")
        seen.append((state, status))
    assert seen == [
        ("PENDING", "pending"),
        ("PROCESSING", "pending"),
        ("PENDING", "pending"),
        ("COMMITTING", "matched"),
        ("COMMITTING", "matched"),
        ("COMMITTED", "matched"),
        ("COMMITTED", "matched"),
    ]


def test_a_batch_that_is_killed_while_it_is_recorded_was_never_there(store: Store) -> None:
    add(store, [photo(1)])
    files.mark_processing(store, 1)
    batch = BatchRecord(1, (clip(result(1, *MATCHED)),), (write(1),))
    with pytest.raises(KeyboardInterrupt), store.transaction():
        photos.record_batch(store, batch, PACK)
        raise KeyboardInterrupt
    files.reset_processing(store)
    assert states(store) == {1: ("pending", None)}
    of_faces = ("face", "track", "strip", "decision", "learned")
    for table in ("reading", "photo", "clip", "result", *of_faces, "write"):
        assert store.value(f"SELECT count(*) FROM {table}") == 0, table
    record(store, 1, batch.results, batch.writes)
    assert states(store) == {1: ("matched", None)}
    assert store.value("SELECT min(face_id) FROM face") == 1, "the same ids as without the kill"


def test_everything_about_a_batch_is_stored(store: Store) -> None:
    add(store, [photo(1), photo(2)])
    record(
        store, 1, [result(1, *CORRUPT, sha256=""), result(2, *MATCHED)], [write(2), write(2, None)]
    )
    assert store.rows("SELECT * FROM reading ORDER BY file_id") == [
        (1, 1, None, "corrupt", "told in words"),
        (2, 1, 2, None, ""),
    ]
    assert store.rows("SELECT * FROM photo") == [
        (2, "sha-2", 2, 2, "JPEG", 600, 400, datetime(2026, 5, 4, 3, 2, 1), 120, "Camera",
         2**64 - 1, 47.25, 8.5, 410.0, [], 0),
    ]  # fmt: skip
    assert store.rows("SELECT * FROM result") == [(2, 1, "matched", None, "")]
    [row] = store.rows("SELECT * FROM face")
    own = face(2)
    assert row[:7] == (1, 2, 1, 1.0, 2.0, 30.5, 40.25)
    assert bytes(row[7]) == own.landmarks.tobytes()
    assert row[8:12] == (float(np.float32(0.9)), 12.5, 0.25, 0.75)
    assert row[12] == PACK
    assert bytes(row[13]) == own.embedding.tobytes()
    assert bytes(row[14]) == own.crop
    assert store.rows("SELECT * FROM decision") == [
        (1, 0, "strict", "within_strict", 1, 0.5, 1, 2, 1.5, 1, None, None)
    ]
    assert store.rows("SELECT * FROM learned") == [(1, 1, 1)]
    assert [w.plan for w in planned_writes(store, 1)] == [write(2), write(2, None)]
    assert {w.photo for w in planned_writes(store, 1)} == {photo(2).ref}


def test_a_person_that_is_not_in_the_failed_batch_has_no_file(store: Store) -> None:
    add_people(store)
    add(store, [photo(1)])
    record(store, 1, [result(1, *MATCHED)], [write(1, 1), write(1, 2)])
    assert reports.counts(store).persons == {"Anna": 0, "Ben": 0}, "planned is not written"
    finish(store, 1, {2: Reason.NAME_TAKEN})
    assert reports.counts(store).persons == {"Anna": 1, "Ben": 0}


def test_a_photo_with_a_failed_write_has_failed(store: Store) -> None:
    add(store, [photo(1), photo(2)])
    record(
        store,
        1,
        [result(1, *MATCHED), result(2, *MATCHED)],
        [write(1, 1), write(1, 2), write(2, 1)],
    )
    finish(store, 1, {1: Reason.RENDER_CHANGED, 2: Reason.NAME_TAKEN})
    assert states(store) == {1: ("failed", "name_taken"), 2: ("matched", None)}
    [(path, _, detail)] = reports.failed_photos(store)
    assert (path, detail) == ("00001.jpg", "person-2/00001_abc.jpg")
    assert [w.plan.photo_id for w in verified_writes(store)] == [2]
    assert reports.failed_writes(store) == [
        ("person-1/00001_abc.jpg", "render_changed"),
        ("person-2/00001_abc.jpg", "name_taken"),
    ]
    assert files.batches_in(store, BatchState.COMMITTED) == [1]


# --- known contents ---------------------------------------------------------------------------


def test_no_photo_no_known_contents(store: Store) -> None:
    add(store, [photo(1)])
    assert photos.known_photos(store) == Known(next_id=2)
    assert photos.contents_by_size(store) == {}


def test_known_contents_are_photos_and_not_files(store: Store) -> None:
    add(store, [photo(i) for i in range(1, 8)])
    record(
        store,
        1,
        [
            result(1, *MATCHED, sha256="a"),
            result(2, *SAME, sha256="a", known_as=1),
            result(3, *UNKNOWN, sha256="b"),
            result(4, *NO_FACE, sha256="c"),
            result(5, *CORRUPT, sha256="d"),
            result(6, PhotoStatus.FAILED, Reason.TIMEOUT, sha256=""),
            result(7, *SHOT, sha256="e", decided_as=3),
        ],
    )
    known = photos.known_photos(store)
    assert known.by_sha256 == {"a": 1, "b": 3, "c": 4, "d": 5, "e": 7}
    assert known.failed == {5}
    assert known.decided_as == {7: 3}
    assert known.by_file == {1: 1, 2: 1, 3: 3, 4: 4, 5: 5, 7: 7}
    assert known.next_id == 8
    assert photos.held_by(store, known.failed) == ({5}, {"d"})
    assert photos.contents_by_size(store) == {}, "no file waits"
    add(store, [photo(9), replace(photo(10), size=102), replace(photo(11), size=101)])
    assert photos.contents_by_size(store) == {101: {"a"}, 102: {"a"}}


def test_a_photo_that_waits_for_its_retry_is_decided_again(store: Store) -> None:
    """It is known, but it must not be taken for a duplicate of itself."""
    add(store, [photo(1), photo(2)])
    record(store, 1, [result(1, *CORRUPT, sha256="a"), result(2, *SAME, sha256="a", known_as=1)])
    finish(store, 1)
    assert retry(store) == 1
    assert states(store) == {1: ("pending", None), 2: SAME}
    known = photos.known_photos(store)
    assert (known.by_sha256, known.failed) == ({"a": 1}, {1})


def test_a_photo_that_could_only_not_be_written_is_not_decided_again(store: Store) -> None:
    add(store, [photo(1)])
    record(store, 1, [result(1, *MATCHED)], [write(1)])
    finish(store, 1, {1: Reason.NAME_TAKEN})
    assert states(store) == {1: ("failed", "name_taken")}
    assert photos.known_photos(store).failed == set()


# --- retry ------------------------------------------------------------------------------------


def test_nothing_failed_nothing_to_retry(store: Store) -> None:
    assert retry(store) == 0
    add(store, [photo(1)])
    record(store, 1, [result(1, *NO_FACE)])
    finish(store, 1)
    assert retry(store) == 0
    assert store.value("SELECT count(*) FROM batch") == 1


def test_a_failed_analysis_is_done_again(store: Store) -> None:
    add(store, [photo(1), photo(2)])
    record(store, 1, [result(1, *CORRUPT, sha256=""), result(2, *NO_FACE)])
    finish(store, 1)
    assert retry(store) == 1
    assert states(store) == {1: ("pending", None), 2: ("no_face", "no_face")}
    assert files.batches_in(store, BatchState.PENDING) == [2]
    assert files.batch_files(store, 2) == [photo(1)]
    assert retry(store) == 0, "what waits already is not added twice"
    record(store, 2, [result(1, *MATCHED)], [write(1)])
    finish(store, 2)
    assert states(store)[1] == ("matched", None)
    assert store.value("SELECT count(*) FROM reading WHERE file_id = 1") == 2, (
        "nothing is forgotten"
    )
    assert reports.drop_reasons(store) == {"no_face": 1}
    assert reports.failed_photos(store) == []


def test_a_failed_analysis_of_known_content_is_done_again(store: Store) -> None:
    add(store, [photo(1)])
    record(store, 1, [result(1, *CORRUPT)])
    finish(store, 1)
    assert retry(store) == 1
    record(store, 2, [result(1, *MATCHED)], [write(1)])
    finish(store, 2)
    assert states(store) == {1: ("matched", None)}
    assert store.rows("SELECT status FROM result ORDER BY batch_id") == [("failed",), ("matched",)]
    assert store.value("SELECT count(*) FROM photo") == 1


def test_many_failed_photos_come_in_batches_of_fifty(store: Store) -> None:
    found = [photo(i) for i in range(1, 121)]
    add(store, found)
    for batch_id in files.batches_in(store, BatchState.PENDING):
        batch = files.batch_files(store, batch_id)
        record(store, batch_id, [result(f.file_id, *CORRUPT, sha256="") for f in batch])
        finish(store, batch_id)
    assert retry(store) == 120
    pending = files.batches_in(store, BatchState.PENDING)
    assert [len(files.batch_files(store, batch_id)) for batch_id in pending] == [50, 50, 20]


def test_a_failed_write_is_planned_again_and_nothing_else_is(store: Store) -> None:
    add_people(store)
    add(store, [photo(1), photo(2), photo(3)])
    record(
        store,
        1,
        [result(1, *MATCHED, persons=(1, 2)), result(2, *MATCHED), result(3, *UNKNOWN)],
        [write(1, 1), write(1, 2), write(2, 1), write(3, None)],
    )
    finish(store, 1, {2: Reason.NAME_TAKEN, 4: Reason.NAME_TAKEN})
    faces = store.rows("SELECT * FROM face ORDER BY face_id")
    assert retry(store) == 2
    assert states(store) == {
        1: ("matched", None),
        2: ("matched", None),
        3: ("unknown", "only_unknown_faces"),
    }
    assert files.batches_in(store, BatchState.COMMITTING) == [2]
    again = planned_writes(store, 2)
    assert [w.plan for w in again] == [write(1, 2), write(3, None)]
    assert [w.write_id for w in again] == [5, 6]
    assert [w.photo.path for w in again] == ["00001.jpg", "00003.jpg"]
    assert store.rows("SELECT * FROM face ORDER BY face_id") == faces, "faces are not doubled"
    finish(store, 2)
    assert reports.failed_writes(store) == []
    assert reports.counts(store).persons == {"Anna": 2, "Ben": 1, "_unknown": 1}
    assert retry(store) == 0


def test_a_failed_copy_of_a_photo_whose_faces_were_erased_meanwhile(store: Store) -> None:
    """It must not wait for ever: nobody analyses it again, as it was decided once."""
    add_people(store)
    add(store, [photo(1), photo(2)])
    record(store, 1, [result(1, *UNKNOWN), result(2, *UNKNOWN)], [write(1, None), write(2, None)])
    finish(store, 1, {1: Reason.NAME_TAKEN})
    store.execute("DELETE FROM decision")
    store.execute("DELETE FROM face")
    assert retry(store) == 1
    assert [w.plan for w in planned_writes(store, 2)] == [write(1, None)]
    finish(store, 2)
    assert states(store) == {1: UNKNOWN, 2: UNKNOWN}
    assert corrections(store) == []


def test_a_write_may_fail_again_and_again(store: Store) -> None:
    add_people(store)
    add(store, [photo(1)])
    record(store, 1, [result(1, *MATCHED, persons=(1, 2))], [write(1, 1), write(1, 2)])
    finish(store, 1, {1: Reason.NAME_TAKEN, 2: Reason.NAME_TAKEN})
    assert retry(store) == 1
    finish(store, 2, {3: Reason.NAME_TAKEN})  # write 4, to Ben, succeeds
    assert states(store) == {1: ("failed", "name_taken")}
    assert retry(store) == 1
    [last] = planned_writes(store, 3)
    assert last.plan == write(1, 1)
    finish(store, 3)
    assert states(store) == {1: ("matched", None)}
    assert reports.counts(store).persons == {"Anna": 1, "Ben": 1}
    assert reports.failed_writes(store) == []


def test_both_kinds_of_failure_at_once(store: Store) -> None:
    add(store, [photo(1), photo(2)])
    record(store, 1, [result(1, *CORRUPT, sha256=""), result(2, *MATCHED)], [write(2)])
    finish(store, 1, {1: Reason.NAME_TAKEN})
    assert retry(store) == 2
    assert states(store) == {1: ("pending", None), 2: ("matched", None)}
    [pending], [committing] = (
        files.batches_in(store, state) for state in (BatchState.PENDING, BatchState.COMMITTING)
    )
    assert files.batch_files(store, pending) == [photo(1)]
    assert [w.photo for w in planned_writes(store, committing)] == [photo(2).ref]
    assert files.batch_files(store, committing) == [], "it is not read again"


def test_a_retry_that_is_killed_was_never_there(store: Store) -> None:
    add(store, [photo(1), photo(2)])
    record(store, 1, [result(1, *CORRUPT, sha256=""), result(2, *MATCHED)], [write(2)])
    finish(store, 1, {1: Reason.NAME_TAKEN})
    before = states(store)
    with pytest.raises(KeyboardInterrupt), store.transaction():
        files.add_retry_batches(store)
        raise KeyboardInterrupt
    assert states(store) == before
    assert retry(store) == 2


# --- whatever happens -------------------------------------------------------------------------

ORPHANS = {
    "file without source": "FROM file ANTI JOIN source USING (source_id)",
    "batch_file without batch": "FROM batch_file ANTI JOIN batch USING (batch_id)",
    "batch_file without file": "FROM batch_file ANTI JOIN file USING (file_id)",
    "batch without files or results": "FROM batch ANTI JOIN batch_file USING (batch_id) "
    "ANTI JOIN result USING (batch_id)",
    "file without batch": "FROM file ANTI JOIN batch_file USING (file_id)",
    "reading without batch_file": "FROM reading ANTI JOIN batch_file USING (file_id, batch_id)",
    "reading without photo or reason": "FROM reading WHERE (photo_id IS NULL) = (reason IS NULL)",
    "reading without its photo": "FROM reading ANTI JOIN photo USING (photo_id) WHERE photo_id IS NOT NULL",
    "photo that no file held": "FROM photo ANTI JOIN reading USING (photo_id)",
    "photo decided as none": "FROM photo p ANTI JOIN photo d ON d.photo_id = p.decided_as",
    "photo decided as one that was not": "FROM photo p JOIN photo d ON d.photo_id = p.decided_as "
    "WHERE d.decided_as <> d.photo_id",
    "photo that was not decided": "FROM photo ANTI JOIN result USING (photo_id) WHERE decided_as = photo_id",
    "content with two photos": "FROM photo GROUP BY sha256 HAVING count(*) > 1",
    "result without photo": "FROM result ANTI JOIN photo USING (photo_id)",
    "face without result": "FROM face ANTI JOIN result USING (photo_id, batch_id)",
    "face without decision": "FROM face ANTI JOIN decision USING (face_id)",
    "clip without photo": "FROM clip ANTI JOIN photo USING (photo_id)",
    "track without face": "FROM track ANTI JOIN face USING (face_id)",
    "strip without track": "FROM strip ANTI JOIN track USING (face_id)",
    "track in a photo": "FROM track JOIN face USING (face_id) ANTI JOIN clip USING (photo_id)",
    "face in a clip without track": "FROM face JOIN clip USING (photo_id) ANTI JOIN track USING (face_id)",
    "frame of a photo": "FROM write ANTI JOIN clip USING (photo_id) WHERE at_ms IS NOT NULL",
    "decision without face": "FROM decision ANTI JOIN face USING (face_id)",
    "decision without person": "FROM decision ANTI JOIN person USING (person_id) "
    "WHERE person_id IS NOT NULL",
    "learned without face": "FROM learned ANTI JOIN face USING (face_id)",
    "learned without person": "FROM learned ANTI JOIN person USING (person_id)",
    "write without result": "FROM write ANTI JOIN result USING (photo_id, batch_id)",
    "duplicate of a duplicate": "FROM file_state a JOIN file_state b ON b.file_id = a.duplicate_of "
    "WHERE b.status = 'duplicate'",
    "duplicate of none": "FROM file_state a ANTI JOIN file_state b ON b.file_id = a.duplicate_of "
    "WHERE a.status = 'duplicate'",
    "decided photo without a place": "FROM result_until(NULL) r ANTI JOIN photo_state USING (photo_id) "
    "WHERE r.status <> 'failed'",  # a file that failed may hold another content when it is read again
}


@dataclass
class Model:
    """What must be in the store, kept in Python."""

    store: Store
    chance: random.Random
    status: dict[int, PhotoStatus] = field(default_factory=dict)
    writes: dict[int, set[PlannedWrite]] = field(default_factory=dict)  # per photo
    done: set[PlannedWrite] = field(default_factory=set)
    linked: set[int] = field(
        default_factory=set
    )  # files of a shot of which another one was decided

    def scan(self) -> None:
        first = len(self.status) + 1
        new = [photo(first + i) for i in range(self.chance.choice([0, 1, 3, 51]))]
        add(self.store, new)
        self.status |= {f.file_id: PhotoStatus.PENDING for f in new}

    def analyse(self) -> None:
        for batch_id in files.batches_in(self.store, BatchState.PENDING)[:1]:
            batch = files.batch_files(self.store, batch_id)
            results = [self._result(f.file_id) for f in batch]
            writes = [w for r in results for w in self._writes(r)]
            record(self.store, batch_id, results, writes)
            self.status |= {r.analysis.photo_id: r.status for r in results}

    def _result(self, file_id: int) -> PhotoResult:
        originals = [
            i
            for i, s in self.status.items()
            if s in {PhotoStatus.MATCHED, PhotoStatus.NO_FACE} and i < file_id
        ]
        self.linked.discard(file_id)
        if originals and self.chance.random() < 0.2:
            first = self.chance.choice(originals)
            if self.chance.random() < 0.3:  # the RAW of a pair
                self.linked.add(file_id)
                return result(file_id, *SHOT, decided_as=first)
            return result(file_id, *SAME, sha256=f"sha-{first}", known_as=first)
        if file_id % 4:
            return result(file_id, *self.chance.choice([MATCHED, UNKNOWN, NO_FACE, CORRUPT]))
        became = self.chance.choice([MATCHED, UNKNOWN, AWAITS, NO_FACE, CORRUPT])
        decisions = [replace(GIVEN, outcome=Outcome.LOOSE)] if became == AWAITS else None
        return clip(result(file_id, *became), decisions)

    def _writes(self, of: PhotoResult) -> list[PlannedWrite]:
        photo_id = of.analysis.photo_id
        persons: list[int | None] = []
        if of.status is PhotoStatus.MATCHED:
            persons = self.chance.choice([[1], [2], [1, 2]])
        elif of.reason is Reason.ONLY_UNKNOWN_FACES:
            persons = self.chance.choice([[], [None]])
        writes = [write(photo_id, person) for person in persons]
        if of.analysis.clip is not None:
            writes = [replace(one, at_ms=400) for one in writes]
        if writes:
            self.writes[photo_id] = set(writes)
        return writes

    def commit(self) -> None:
        for batch_id in files.batches_in(self.store, BatchState.COMMITTING)[:1]:
            planned = planned_writes(self.store, batch_id)
            failures = {
                w.write_id: Reason.NAME_TAKEN for w in planned if self.chance.random() < 0.2
            }
            finish(self.store, batch_id, failures)
            self.done |= {w.plan for w in planned if w.write_id not in failures}
            for w in planned:
                if w.write_id in failures:
                    self.status[w.plan.photo_id] = PhotoStatus.FAILED

    def retry(self) -> None:
        failed = [i for i, s in self.status.items() if s is PhotoStatus.FAILED]
        # Photos whose batch is still COMMITTING cannot have failed writes yet.
        assert retry(self.store) == len(failed)
        for i in failed:
            if i not in self.writes:
                self.status[i] = PhotoStatus.PENDING
            elif any(w.person_id is not None for w in self.writes[i]):
                self.status[i] = PhotoStatus.MATCHED
            else:
                self.status[i] = PhotoStatus.UNKNOWN

    def interrupt(self) -> None:
        for batch_id in files.batches_in(self.store, BatchState.PENDING)[:1]:
            files.mark_processing(self.store, batch_id)
            batch = files.batch_files(self.store, batch_id)
            results = tuple(result(f.file_id, *MATCHED) for f in batch)
            with pytest.raises(KeyboardInterrupt), self.store.transaction():
                photos.record_batch(self.store, BatchRecord(batch_id, results, ()), PACK)
                raise KeyboardInterrupt
            files.reset_processing(self.store)

    def check(self) -> None:
        counts = reports.counts(self.store)
        assert counts.total == len(self.status) == sum(counts.photos.values())
        assert counts.photos == {s: Counter(self.status.values())[s] for s in PhotoStatus}
        files = Counter(PEOPLE.get(w.person_id or 0, "_unknown") for w in self.done)
        assert counts.persons == {name: 0 for name in PEOPLE.values()} | files

    def check_rows(self) -> None:
        """What is asked of every row: it takes longest."""
        with reports.evaluated_once(self.store):
            assert {i: PhotoStatus(s) for i, (s, _) in states(self.store).items()} == self.status
            assert {w.plan for w in verified_writes(self.store)} == self.done
            reasons = reports.drop_reasons(self.store)
            kept = {PhotoStatus.MATCHED, PhotoStatus.PENDING}
            dropped = [i for i, s in self.status.items() if s not in kept and i not in self.linked]
            assert sum(reasons.values()) == len(dropped)
            assert None not in reasons, "every drop has a reason"
            found = {what for what, sql in ORPHANS.items() if self.store.rows(f"SELECT 1 {sql}")}
            assert found == set()


STEPS = ["scan", "analyse", "commit", "retry", "interrupt"]
NEEDS = {
    "analyse": BatchState.PENDING,
    "commit": BatchState.COMMITTING,
    "interrupt": BatchState.PENDING,
}


@pytest.fixture(scope="module")
def reused() -> Iterator[Store]:
    with Store.open(None) as opened:
        yield opened


def emptied(store: Store) -> Store:
    with store.transaction():
        for table in (
            "source",
            "file",
            "photo",
            "batch",
            "batch_file",
            "reading",
            "result",
            "clip",
            "face",
            "track",
            "strip",
            "decision",
            "learned",
            "write",
            "person",
        ):
            store.execute(f"DELETE FROM {table}")
    return store


@settings(max_examples=12)
@given(st.lists(st.sampled_from(STEPS), max_size=12), st.integers(0, 2**32 - 1))
def test_counts_add_up_whatever_happens(reused: Store, steps: list[str], seed: int) -> None:
    model = Model(emptied(reused), random.Random(seed))
    add_people(reused)
    model.check()
    model.check_rows()
    for step in ["scan", *steps, "analyse", "commit", "retry", "commit", "analyse", "commit"]:
        if step in NEEDS and not files.batches_in(reused, NEEDS[step]):
            continue  # it would look for a batch and change nothing
        getattr(model, step)()
        model.check()
    model.check_rows()
