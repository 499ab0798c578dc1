from __future__ import annotations

from collections import Counter
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesort.core.audit import (
    AuditedPhoto,
    Coverage,
    Group,
    Shot,
    coverage,
    day_of,
    fold,
    folder_of,
    group_by,
    hour_of,
)
from facesort.reasons import PhotoStatus, Reason

NOON = datetime(2026, 5, 2, 12, 59, 59)
DROPS = {
    PhotoStatus.UNKNOWN: Reason.ONLY_UNKNOWN_FACES,
    PhotoStatus.NO_FACE: Reason.NO_FACE,
    PhotoStatus.DUPLICATE: Reason.DUPLICATE,
    PhotoStatus.FAILED: Reason.CORRUPT,
}


def photo(
    status: PhotoStatus = PhotoStatus.MATCHED,
    path: str = "a/b/c.jpg",
    camera: str = "",
    at: datetime | None = None,
) -> AuditedPhoto:
    reason = DROPS.get(status)
    return AuditedPhoto(1, path, reason and reason.value, "JPEG", camera, at, None, None, status, 1)


@pytest.mark.parametrize(
    ("photos", "expected"),
    [
        ([], []),
        ([photo(PhotoStatus.PENDING, camera="A")], []),
        ([photo(camera="A")], [Group("A", 1, {})]),
        (
            [
                photo(PhotoStatus.FAILED, camera="B"),
                photo(camera="A"),
                photo(PhotoStatus.NO_FACE, camera="B"),
                photo(PhotoStatus.FAILED, camera="B"),
            ],
            [Group("A", 1, {}), Group("B", 3, {"corrupt": 2, "no_face": 1})],
        ),
    ],
)
def test_drops_are_counted_by_camera(photos: list[AuditedPhoto], expected: list[Group]) -> None:
    assert group_by(photos, lambda p: p.camera) == expected


def test_a_drop_without_a_reason_is_not_lost() -> None:
    nameless = AuditedPhoto(
        1, "x", None, "", "", None, None, None, status=PhotoStatus.FAILED, run_id=1
    )

    assert group_by([nameless], folder_of)[0].dropped == 1


photos = st.builds(
    photo,
    st.sampled_from(PhotoStatus),
    st.text("ab/", max_size=5),
    st.text("xyz", max_size=2),
    st.none() | st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 4)),
)


@given(st.lists(photos), st.integers(2, 5))
def test_however_photos_are_grouped_they_add_up(found: list[AuditedPhoto], limit: int) -> None:
    decided = [p for p in found if p.status is not PhotoStatus.PENDING]
    reasons = Counter(p.reason for p in decided if p.status is not PhotoStatus.MATCHED)
    for key in (folder_of, hour_of, day_of, lambda p: p.camera):
        for groups in (group_by(found, key), fold(group_by(found, key), limit)):
            assert sum(g.decided for g in groups) == len(decided)
            assert sum((Counter(g.reasons) for g in groups), Counter()) == reasons
        assert len(groups) <= limit


def test_folding_keeps_the_worst_first() -> None:
    groups = [
        Group("a", 9, {}),
        Group("b", 5, {"x": 2}),
        Group("c", 7, {"x": 2}),
        Group("d", 1, {}),
    ]

    assert [g.name for g in fold(groups, 4)] == ["c", "b", "a", "d"]
    assert fold(groups, 3) == [groups[2], groups[1], Group("2 others", 10, {})]


@pytest.mark.parametrize(
    ("path", "at", "folder", "hour", "day"),
    [
        ("x.jpg", None, "(top folder)", "not recorded", "not recorded"),
        ("a/b/x.jpg", NOON, "a/b", "2026-05-02 12:00", "2026-05-02"),
        ("a/x.jpg", datetime(2026, 5, 3), "a", "2026-05-03 00:00", "2026-05-03"),
    ],
)
def test_where_and_when_a_photo_was_taken(
    path: str, at: datetime | None, folder: str, hour: str, day: str
) -> None:
    found = photo(path=path, at=at)

    assert (folder_of(found), hour_of(found), day_of(found)) == (folder, hour, day)


@pytest.mark.parametrize(
    ("shots", "persons", "expected"),
    [
        ([], [], []),
        ([], ["Ada"], [Coverage("Ada", 0, 0, 0, {})]),
        (
            [
                Shot("Ada", 1, NOON, 0.5, 1),
                Shot("Ada", 2, NOON, 0.49, 3),
                Shot("Ada", 3, None, 0.9, 2),
                Shot("Gone", 2, NOON, 0.8, 3),
            ],
            ["Ada", "Bo"],
            [
                Coverage("Bo", 0, 0, 0, {}),
                Coverage("Gone", 1, 1, 0, {datetime(2026, 5, 2, 12): 1}),
                Coverage("Ada", 3, 2, 1, {datetime(2026, 5, 2, 12): 2, None: 1}),
            ],
        ),
    ],
)
def test_everyone_is_counted_fewest_photos_first(
    shots: list[Shot], persons: list[str], expected: list[Coverage]
) -> None:
    found = coverage(shots, persons, good_quality=0.5)

    assert found == expected
    assert all(p.solo + p.group == p.photos == sum(p.hours.values()) for p in found)
