"""When a person is seen in a clip, from the tracks of their face."""

from __future__ import annotations

import pytest
from nasty import NASTY

from facesort.core.delivery.appearances import Segment, chapters, segments, webvtt
from facesort.core.records import PhotoRef
from facesort.core.stored import StoredFace, StoredPhoto, StoredTrack

REF = PhotoRef(1, "C0001.MP4")
PEOPLE = {1: "Ada", 2: "Ben"}


def clip(*tracks: tuple[int | None, int, int, float]) -> StoredPhoto:
    """A clip of (person, start, end, quality) in ms; best in the middle."""
    faces = tuple(
        StoredFace(
            key,
            REF,
            quality=quality,
            person_id=person,
            track=StoredTrack(start, end, (start + end) // 2, start, end),
        )
        for key, (person, start, end, quality) in enumerate(tracks)
    )
    return StoredPhoto(REF, "matched", None, "0" * 64, faces=faces)


def test_tracks_that_overlap_or_touch_are_one_and_the_best_tells_the_moment() -> None:
    found = clip((1, 400, 1000, 0.3), (1, 0, 400, 0.9), (2, 0, 5000, 0.5), (1, 3000, 4000, 0.1))
    assert segments(found, 1) == [Segment(0, 1000, 200), Segment(3000, 4000, 3500)]


def test_chapters_begin_where_somebody_comes_or_goes() -> None:
    found = clip(
        (1, 0, 2000, 0.5), (2, 1000, 3000, 0.5), (None, 0, 9000, 0.9), (1, 5000, 6000, 0.5)
    )
    assert chapters(found, PEOPLE) == [
        (0, 1000, ("Ada",)),
        (1000, 2000, ("Ada", "Ben")),
        (2000, 3000, ("Ben",)),
        (5000, 6000, ("Ada",)),
    ]


def test_only_those_who_may_be_told_of_are_in_the_chapters() -> None:
    found = clip((1, 0, 2000, 0.5), (2, 1000, 3000, 0.5))
    assert chapters(found, {1: "Ada"}) == [(0, 2000, ("Ada",))]


def test_chapters_as_players_read_them() -> None:
    text = webvtt(clip((1, 0, 1500, 0.5)), PEOPLE).decode()
    assert text == "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nAda\n"


@pytest.mark.parametrize("name", NASTY, ids=ascii)
def test_a_name_ends_no_cue_and_begins_no_other(name: str) -> None:
    text = webvtt(clip((1, 0, 1500, 0.5)), {1: name}).decode("utf-8")
    assert text.count("-->") == 1
    assert len(text.splitlines()) == 4
    assert "<" not in text
