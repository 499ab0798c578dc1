"""However decided photos are grouped, every one of them is in one group, and the sums stay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from facesort.core.moments.bursts import bursts_of
from facesort.reasons import PhotoStatus, Reason
from facesort.store import Store
from facesort.store.queries import reports
from facesort.store.queries.audit import bursts, dropped

NOON = datetime(2026, 5, 2, 12, 59, 59)
DROPS = {
    PhotoStatus.UNKNOWN: Reason.ONLY_UNKNOWN_FACES,
    PhotoStatus.NO_FACE: Reason.NO_FACE,
    PhotoStatus.DUPLICATE: Reason.DUPLICATE,
    PhotoStatus.FAILED: Reason.CORRUPT,
}
GROUPINGS = ("all", "run", "folder", "camera", "format", "hour", "day")
Row = tuple[PhotoStatus, str, str | None, datetime | None]  # path, camera and time of a photo


def photo(
    status: PhotoStatus = PhotoStatus.MATCHED,
    path: str = "a/b/c.jpg",
    camera: str | None = None,
    at: datetime | None = None,
) -> Row:
    return status, path, camera, at


def fill(store: Store, photos: Iterable[Row]) -> None:
    """Put these photos, and no others, into one batch."""
    for table in ("source", "file", "photo", "reading", "result", "batch", "batch_file"):
        store.execute(f"DELETE FROM {table}")
    store.execute("INSERT INTO source VALUES (1, 'card-1', 'used')")
    store.execute("INSERT INTO batch VALUES (1, 'sort', 'COMMITTED')")
    for file_id, (status, path, camera, at) in enumerate(photos, 1):
        store.execute("INSERT INTO file VALUES (?, 1, ?, 1, 1, 'present')", [file_id, path])
        store.execute("INSERT INTO batch_file VALUES (1, ?)", [file_id])
        if status is not PhotoStatus.PENDING:
            # A duplicate is of a photo that waits for its retry, and so is in no group itself.
            duplicate = status is PhotoStatus.DUPLICATE
            photo_id = -file_id if duplicate else file_id
            store.execute("INSERT INTO reading VALUES (?, 1, ?, NULL, '')", [file_id, photo_id])
            store.execute(
                "INSERT INTO photo (photo_id, sha256, shot_id, decided_as, captured_at, camera) "
                "VALUES ($1, 'sha' || $1, $1, $1, $2, $3)",
                [photo_id, at, camera],
            )
            became = PhotoStatus.FAILED if duplicate else status
            store.execute(
                "INSERT INTO result VALUES (?, 1, ?, ?, '')", [photo_id, became, DROPS.get(became)]
            )
            if duplicate:
                store.execute("INSERT INTO file VALUES (?, 1, 'x', 1, 1, 'present')", [photo_id])
                store.execute("INSERT INTO reading VALUES ($1, 1, $1, NULL, '')", [photo_id])
                store.execute("INSERT INTO batch_file VALUES (2, ?)", [photo_id])


@pytest.mark.parametrize(
    ("photos", "expected"),
    [
        ([], []),
        ([photo(PhotoStatus.PENDING, camera="A")], []),
        ([photo(camera="A")], [("A", 1, 0, 0, 0, 0, 0, 0, 0)]),
        ([photo(camera=""), photo()], [("not recorded", 2, 0, 0, 0, 0, 0, 0, 0)]),
        (
            [
                photo(PhotoStatus.FAILED, camera="B"),
                photo(camera="A"),
                photo(PhotoStatus.NO_FACE, camera="B"),
                photo(PhotoStatus.FAILED, camera="B"),
                photo(PhotoStatus.DUPLICATE, camera="B"),
                photo(PhotoStatus.UNKNOWN, camera="B"),
            ],
            [("B", 5, 5, 1, 0, 0, 1, 1, 2), ("A", 1, 0, 0, 0, 0, 0, 0, 0)],
        ),
    ],
)
def test_drops_are_counted_by_camera(
    store: Store, photos: list[Row], expected: list[tuple[object, ...]]
) -> None:
    fill(store, photos)

    assert dropped.drops(store, "camera", 9) == expected


def test_a_drop_without_a_reason_is_not_lost(store: Store) -> None:
    fill(store, [photo(PhotoStatus.FAILED)])
    store.execute("UPDATE result SET reason = NULL")

    assert dropped.drops(store, "folder", 9) == [("a/b", 1, 1, 0, 0, 0, 0, 0, 1)]


def test_clips_that_await_a_review_are_drops_of_their_own(store: Store) -> None:
    fill(store, [photo(PhotoStatus.UNKNOWN)])
    store.execute("UPDATE result SET reason = 'awaits_review'")

    assert dropped.drops(store, "folder", 9) == [("a/b", 1, 1, 0, 1, 0, 0, 0, 0)]


def test_what_photos_cannot_be_grouped_by_is_an_error(store: Store) -> None:
    fill(store, [photo()])

    with pytest.raises(Exception, match="cannot be grouped by lens"):
        dropped.drops(store, "lens", 9)


photos = st.builds(
    photo,
    st.sampled_from(PhotoStatus),
    st.text("ab/\n", max_size=5),
    st.none() | st.text("xyz", max_size=2),
    st.none() | st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 4)),
)


@given(st.lists(photos, max_size=12), st.integers(2, 5))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_however_photos_are_grouped_they_add_up(store: Store, found: list[Row], limit: int) -> None:
    fill(store, found)
    count = Counter(status for status, *_ in found)
    decided = len(found) - count[PhotoStatus.PENDING]
    without_a_folder = decided - count[PhotoStatus.MATCHED]
    kinds = [count[PhotoStatus.UNKNOWN], 0, 0, *(count[s] for s in list(DROPS)[1:])]

    for by in GROUPINGS:
        rows = dropped.drops(store, by, limit)
        sums = [sum(column) for column in zip(*(row[1:] for row in rows), strict=True)]
        assert sums == ([decided, without_a_folder, *kinds] if decided else [])
        assert len(rows) <= limit


def test_a_photo_counts_to_the_run_that_decided_it_also_if_its_file_was_renamed(
    store: Store,
) -> None:
    fill(store, [photo(), photo(PhotoStatus.NO_FACE, "old.jpg")])
    for run_id in (1, 2):
        store.execute(
            "INSERT INTO run VALUES (?, ?, ?, 'finished', '1', 'p', 'p', '{}', 'sort')",
            [run_id, NOON, NOON],
        )
        store.execute("INSERT INTO run_batch VALUES ($1, $1, $2, 1, 0, 0)", [run_id, NOON])
    store.execute("INSERT INTO batch VALUES (2, 'sort', 'COMMITTED')")
    store.execute("UPDATE file SET state = 'gone' WHERE file_id = 2")
    store.execute("INSERT INTO file VALUES (3, 1, 'new.jpg', 1, 1, 'present')")
    store.execute("INSERT INTO batch_file VALUES (2, 3)")
    store.execute("INSERT INTO reading VALUES (3, 2, 2, NULL, '')")

    assert dropped.drops(store, "run", 9) == [("run 1", 2, 1, 0, 0, 0, 1, 0, 0)]


def test_the_worst_come_first_and_what_does_not_fit_is_one_row(store: Store) -> None:
    bad = PhotoStatus.NO_FACE
    many = {"a": (9, 0), "b": (5, 2), "c": (7, 2), "d": (1, 0)}
    fill(
        store,
        [
            photo(bad if i < dropped else PhotoStatus.MATCHED, camera=camera)
            for camera, (number, dropped) in many.items()
            for i in range(number)
        ],
    )

    assert [row[0] for row in dropped.drops(store, "camera", 4)] == ["c", "b", "a", "d"]
    assert [row[:3] for row in dropped.drops(store, "camera", 3)] == [
        ("c", 7, 2),
        ("b", 5, 2),
        ("2 others", 10, 0),
    ]


@pytest.mark.parametrize(
    ("path", "at", "folder", "hour", "day"),
    [
        ("x.jpg", None, "(top folder)", "not recorded", "not recorded"),
        ("a/b/x.jpg", NOON, "a/b", "2026-05-02 12:00", "2026-05-02"),
        ("a\nb/x.jpg", NOON, "a\nb", "2026-05-02 12:00", "2026-05-02"),
        ("a/x.jpg", datetime(2026, 5, 3), "a", "2026-05-03 00:00", "2026-05-03"),
    ],
)
def test_where_and_when_a_photo_was_taken(
    store: Store, path: str, at: datetime | None, folder: str, hour: str, day: str
) -> None:
    fill(store, [photo(path=path, at=at)])

    found = [dropped.drops(store, by, 9)[0][0] for by in ("folder", "hour", "day")]
    assert found == [folder, hour, day]


def test_everyone_is_counted_fewest_photos_first(store: Store) -> None:
    fill(store, [photo(at=NOON), photo(at=NOON), photo(), photo(PhotoStatus.UNKNOWN)])
    store.execute(
        "INSERT INTO person (person_id, name, folder, folder_key) VALUES (1, 'Ada', 'a', 'a'), (2, 'Bo', 'b', 'b')"
    )
    store.execute("INSERT INTO former_person VALUES (3, 'Gone', 'g', NULL), (4, 'Adda', 'd', 1)")
    faces = [  # photo, person, quality
        (1, 1, 0.5), (2, 4, 0.49), (2, 3, 0.8), (2, None, 0.1), (3, 1, 0.9), (3, None, 0.9), (4, None, 0.9),
    ]  # fmt: skip
    for face_id, (photo_id, person_id, quality) in enumerate(faces, 1):
        store.execute(
            "INSERT INTO face VALUES (?, ?, 1, 0, 0, 1, 1, '', 1, 1, 0, ?, 'p', '', '')",
            [face_id, photo_id, quality],
        )
        outcome = "unknown" if person_id is None else "strict"
        store.execute(
            "INSERT INTO decision VALUES (?, 0, ?, '', ?, 1.25, 2, NULL, NULL, 1, NULL, NULL)",
            [face_id, outcome, person_id],
        )

    coverage = dropped.coverage(store, 0.5)
    assert coverage.by_person == [("Bo", 0, 0, 0), ("Gone", 1, 1, 0), ("Ada", 3, 2, 1)]
    noon = datetime(2026, 5, 2, 12)
    assert coverage.by_hour == [("Ada", noon, 2), ("Gone", noon, 1), ("Ada", None, 1)]
    assert dropped.drops_by_person(store, coverage) == [
        ("Bo", 0, 1, 0, 1.25), ("Ada", 3, 0, 0, None), ("Gone", 1, 0, 0, None),
    ]  # fmt: skip


def test_photos_that_are_alone_at_their_time_are_not_looked_at_for_bursts(store: Store) -> None:
    seconds = (0, 2, 5, 9, 13, 16, None, None)  # pauses of 2, 3, 4, 4 and 3 seconds
    times = [None if s is None else datetime(2026, 5, 2, 12, 0, s) for s in seconds]
    fill(store, [*(photo(camera="A", at=at) for at in times), photo(camera="B", at=times[0])])
    phash = {
        1: 0,
        2: 2**12 - 1,
        3: 0,
        4: 0,
        5: 0,
        6: 0,
        7: 0,
        8: 0,
        9: 0,
    }  # the second looks different
    for photo_id, value in phash.items():
        store.execute("UPDATE photo SET phash = ? WHERE photo_id = ?", [value, photo_id])

    shots = list(bursts.every_shot(store))
    assert [one.photo_id for shot in shots for one in shot] == [1, 2, 3, 5, 6, 7, 8]
    found = [[one.photo_id for one in burst] for burst in bursts_of(shots)]
    assert found == [[5, 6], [7, 8]], "1 and 3 are apart from each other: 2 is between them"


def test_where_everything_stands_is_evaluated_once_for_an_audit(store: Store) -> None:
    fill(store, [photo(at=NOON), photo(PhotoStatus.UNKNOWN), photo(PhotoStatus.DUPLICATE)])
    kept = "SELECT table_name FROM duckdb_tables() WHERE temporary ORDER BY table_name"

    with reports.evaluated_once(store):
        assert [name for (name,) in store.rows(kept)] == [
            "face_state", "file_state", "held", "photo_state", "place",
        ]  # fmt: skip
        once = reports.counts(store)
    assert store.rows(kept) == []
    assert once == reports.counts(store)


def test_what_groups_had_brought_is_counted_as_it_was_when_each_run_ended(store: Store) -> None:
    fill(store, [photo(), photo()])
    for run_id, kind in ((1, "sort"), (2, "rematch"), (3, "rematch")):
        store.execute(
            "INSERT INTO run VALUES (?, ?, ?, 'finished', '1', 'p', 'p', '{}', 'sort')",
            [run_id, NOON, NOON],
        )
        if run_id > 1:
            store.execute("INSERT INTO batch VALUES (?, ?, 'COMMITTED')", [run_id, kind])
        store.execute("INSERT INTO run_batch VALUES ($1, $1, $2, 1, 0, 0)", [run_id, NOON])
    for face_id, photo_id in ((1, 1), (2, 1), (3, 2)):
        store.execute(
            "INSERT INTO face VALUES (?, ?, 1, 0, 0, 1, 1, '', 1, 1, 0, 1, 'p', '', '')",
            [face_id, photo_id],
        )
    decisions = [
        (1, 0, "within_group"), (2, 0, "within_group"), (3, 0, "above_loose"),
        (1, 1, "group_in_doubt"), (3, 2, "within_group"),
    ]  # fmt: skip
    for face_id, round_, reason in decisions:
        outcome = "loose" if reason == "within_group" else "unknown"
        store.execute(
            "INSERT INTO decision (face_id, round, outcome, reason, batch_id) VALUES (?, ?, ?, ?, ?)",
            [face_id, round_, outcome, reason, round_ + 1],
        )

    assert dropped.groups_by_run(store) == {1: (2, 1, 0), 2: (1, 1, 1), 3: (2, 2, 1)}
