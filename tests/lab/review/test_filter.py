"""Which faces the review shows, and in which order."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime

import pytest
from review_event import PACK, InMemory, seed, sort

from facesort.lab.review.doubtful import DoubtfulPanel
from facesort.lab.review.filter_bar import point_in_time
from facesort.lab.review.person import PersonPanel
from facesort.lab.review.session import ReviewSession
from facesort.lab.review.sheet import FaceSheet
from facesort.lab.review.unknown_people import UnknownPeoplePanel
from facesort.store import Store

HOSTILE = "<b>Nikon</b>'; DROP TABLE face; --"


@pytest.fixture
def session() -> Iterator[ReviewSession]:
    """Faces 1 to 4 are doubtful, the first three Ada's, the last Bo's; 5 to 8 are unknown, two persons'."""
    with Store.open(None) as store:
        job = InMemory(store)
        seed(job, "Ada", (0, 0.0))
        seed(job, "Bo", (2, 0.0))
        sort(job, [[(0, 0.84)], [(0, 0.9)], [(0, 0.87)], [(2, 0.85)]])
        sort(job, [[(5, 0.0)], [(5, 0.1)], [(6, 0.5)], [(6, 0.6)]])
        store.execute("UPDATE file SET path = 'day1/' || path WHERE file_id IN (1, 2, 5, 6)")
        store.execute("UPDATE photo SET camera = ? WHERE photo_id IN (1, 3, 7)", [HOSTILE])
        store.execute("UPDATE photo SET captured_at = captured_at - to_hours(photo_id::INTEGER)")
        store.execute("UPDATE face SET quality = 0.9 - face_id / 100")
        opened = ReviewSession(job, PACK)
        opened.slow_s = math.inf
        yield opened


def ids(sheet: FaceSheet) -> list[int]:
    return [tile["id"] for tile in sheet.tiles]


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("person", "Bo", [4]),
        ("folder", ("card-1", "day1"), [2, 1]),
        ("folder", ("card-1", ""), [2, 3, 4, 1]),
        ("camera", HOSTILE, [3, 1]),
        ("since", "2026-05-04 10:00", [2, 1]),
        ("until", "2026-05-04 09:00", [3, 4]),
        ("since", "2026-05-05", []),
        ("order", "distance", [2, 3, 4, 1]),
        ("order", "quality", [4, 3, 2, 1]),
        ("order", "time", [4, 3, 2, 1]),
        ("order", "margin", [1, 4, 3, 2]),
    ],
)
def test_doubtful_matches_are_chosen_and_sorted(
    session: ReviewSession, field: str, value: object, expected: list[int]
) -> None:
    panel = DoubtfulPanel(session)
    assert "4 matches to check, the most doubtful first." in panel.message.value
    getattr(panel.filter, field).value = value
    if (field, value) == ("order", "margin"):  # all of them have the same runner-up, as far away
        assert sorted(ids(panel.sheet)) == [1, 2, 3, 4]
    else:
        assert ids(panel.sheet) == expected
    shown = f"{len(expected)} of 4 matches to check shown." if len(expected) < 4 else "4 matches"
    assert shown in panel.message.value
    panel.filter.clear.click()
    assert ids(panel.sheet) == [2, 3, 4, 1]


def test_choices_are_combined_and_stay_while_faces_are_answered(session: ReviewSession) -> None:
    panel = DoubtfulPanel(session)
    panel.filter.camera.value = HOSTILE
    panel.filter.folder.value = ("card-1", "day1")
    panel.filter.order.value = "quality"
    assert ids(panel.sheet) == [1]
    panel.on_action("yes", [1])
    assert ids(panel.sheet) == []
    assert panel.filter.camera.value == HOSTILE
    assert "0 of 3 matches to check shown." in panel.message.value
    assert (HOSTILE, HOSTILE) in panel.filter.camera.options, "a text of the browser's, not HTML"


def test_a_persons_faces_and_unknown_people_are_chosen_too(session: ReviewSession) -> None:
    person, unknown = PersonPanel(session), UnknownPeoplePanel(session)
    assert ids(person.sheet) == [2, 3, 1]
    person.filter.folder.value = ("card-1", "day1")
    assert ids(person.sheet) == [2, 1]
    assert "2 of 3 faces of Ada shown." in person.message.value
    person.filter.order.value = "time"
    assert ids(person.sheet) == [2, 1]
    assert ids(unknown.groups) == [5, 7]
    unknown.filter.camera.value = HOSTILE
    assert ids(unknown.groups) == [7]
    assert "1 of 2 groups shown." in unknown.message.value


def test_what_is_no_time_is_said(session: ReviewSession) -> None:
    panel = DoubtfulPanel(session)
    panel.filter.since.value = "yesterday"
    assert "No such time" in panel.filter.message.value
    assert len(ids(panel.sheet)) == 4
    panel.filter.since.value = "2026-05-04"
    assert panel.filter.message.value == ""


def test_a_day_and_a_minute_end_with_their_last_moment() -> None:
    assert point_in_time("2026-05-04") == datetime(2026, 5, 4)
    assert point_in_time("2026-05-04 14:30", end=True) == datetime(2026, 5, 4, 14, 31)
    assert point_in_time("  ") is None
