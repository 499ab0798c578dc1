"""Clips in the review: a track is a face with its time, which opens to the clip; a yes is told to be due."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from drawn_clips import Actor, every, stage, write_clip
from filmed_event import with_photos
from PIL import Image
from review_messages import photo_of, send
from synthetic_event import make_workspace, sort_in_threads, write_photo

from facesort.lab import review
from facesort.lab.review.doubtful import DoubtfulPanel
from facesort.lab.review.session import ReviewSession
from facesort.lab.review.unknown_people import UnknownPeoplePanel

_TIME = "\N{BLACK RIGHT-POINTING POINTER} 0:00\N{EN DASH}0:03"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Person 2 is LOOSE in a photo; Person 1 is LOOSE in a clip, and walks past a stranger, who is in a photo too."""
    tmp_path = tmp_path_factory.mktemp("clips")
    write_photo(tmp_path / "src" / "far2.png", [2], variation=230)
    write_photo(tmp_path / "src" / "stranger.png", [8], variation=61)
    walks = Actor(1, 400, 2400, lambda ms: (20 + ms // 10, 40), variation=230)
    stands = Actor(8, 0, 3000, lambda _: (480, 100), variation=60)
    write_clip(tmp_path / "src" / "clip.mp4", stage([walks, stands], every(40, 3000)))
    workspace, pack = make_workspace(tmp_path, tmp_path / "src")
    sort_in_threads(with_photos(workspace, videos=True), pack)
    return tmp_path / "hot"


@pytest.fixture
def session(folder: Path) -> ReviewSession:
    return review.open_review(folder)


def test_a_track_is_asked_about_first_and_a_yes_says_what_follows(session: ReviewSession) -> None:
    panel = DoubtfulPanel(session)
    assert [tile["tooltip"] for tile in panel.sheet.tiles] == ["clip.mp4", "far2.png"]
    assert panel.sheet.tiles[0]["captions"] == [_TIME, "reference"]
    assert panel.sheet.tiles[1]["captions"] == ["", "reference"]
    assert "1 of them is in a clip: delivered only after a yes." in panel.message.value
    send(panel.sheet, {"action": "yes", "ids": [panel.sheet.tiles[0]["id"]]})
    assert "Yes: 1 face. A re-match delivers the posters of those in clips." in panel.message.value
    send(panel.sheet, {"action": "yes", "ids": [panel.sheet.tiles[0]["id"]]})
    assert "Yes: 1 face. No match is doubtful." in panel.message.value
    send(panel.sheet, {"action": "undo", "ids": []}, {"action": "undo", "ids": []})
    assert len(panel.sheet.tiles) == 2


def test_only_clips_can_be_shown(session: ReviewSession) -> None:
    panel = DoubtfulPanel(session)
    panel.filter.clips.value = True
    assert [tile["tooltip"] for tile in panel.sheet.tiles] == ["clip.mp4"]
    assert "1 of 2 matches to check shown." in panel.message.value
    panel.filter.clear.click()
    assert len(panel.sheet.tiles) == 2


def test_a_stranger_in_a_clip_is_a_group_with_its_time(session: ReviewSession) -> None:
    panel = UnknownPeoplePanel(session)
    (group,) = panel.groups.tiles
    assert sorted(group["captions"]) == ["", _TIME]


def test_an_opened_track_says_where_everybody_is(session: ReviewSession) -> None:
    about, pictures = opened(session, "Person 1")
    times = about["clip"]
    assert (times["start_ms"], times["end_ms"]) == (300, 2300)
    assert times["best_ms"] in range(400, 2400, 200)
    walks, stands = sorted(about["faces"], key=lambda face: not face["asked"])
    assert (walks["name"], stands["name"]) == ("Person 1", "nobody")
    assert [seen[0] for seen in walks["seen"]] == list(range(400, 2400, 200))
    assert walks["seen"][0][1:] == pytest.approx(
        [60 / 640, 40 / 240, 156 / 640, 136 / 240], abs=0.02
    )
    assert [seen[0] for seen in stands["seen"]] == list(range(400, 2400, 200)), "while she is seen"
    frame, *strip, excerpt = pictures
    assert size_of(frame) == (640, 240), "the best frame"
    assert [size_of(jpeg)[0] <= 160 for jpeg in strip] == [True] * len(times["strip"])
    assert times["from_ms"] == 0 and excerpt[4:8] == b"ftyp"


def test_a_clip_that_is_gone_or_another_one_shows_what_is_stored(session: ReviewSession) -> None:
    (path,) = session.workspace.settings.sources["card-1"].glob("clip.mp4")
    content = path.read_bytes()
    try:
        path.write_bytes(content + b"another")
        about, pictures = opened(session, "Person 1")
        assert "another file has this name now" in about["note"]
        path.unlink()
        about, pictures = opened(session, "Person 1")
        assert "connect the disk of card-1, and open the clip again." in about["note"]
    finally:
        path.write_bytes(content)
    assert len(pictures) == len(about["clip"]["strip"]) and not about["picture"]
    assert about["clip"]["from_ms"] is None


def opened(session: ReviewSession, person: str) -> tuple[dict[str, Any], list[bytes]]:
    rows = "SELECT face_id FROM face_shown JOIN track USING (face_id) WHERE person = ?"
    return photo_of(session, session.read(lambda store: store.value(rows, [person])))


def size_of(jpeg: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(jpeg)) as image:
        return image.size
