"""Clips in 04_review, in a real browser: a track opens to its frames and plays, by keyboard."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from drawn_clips import Actor, every, stage, write_clip
from filmed_event import with_photos
from playwright.sync_api import Page, expect
from synthetic_event import sort_in_threads, write_photo

from facesort.engine.gallery.seed import Candidate, seed
from facesort.engine.setup import set_up

pytestmark = pytest.mark.browser


@pytest.fixture
def page(notebooks: Path, tmp_path: Path, open_notebook: Callable[[str], Page]) -> Page:
    """Person 1 is LOOSE in a photo, in a clip that browsers play, and in one that none does."""
    write_photo(tmp_path / "src" / "far1.png", [1], variation=230)
    workspace, pack = set_up(
        notebooks / "hot_storage", [tmp_path / "src"], tmp_path / "out", "synthetic", []
    )
    write_photo(tmp_path / "1.png", [1], variation=30)
    found = seed(
        workspace, pack, [Candidate("Person 1", tmp_path / "1.png")], ThreadPoolExecutor(1)
    )
    assert [report.refused for report in found] == [None]
    walks = Actor(1, 400, 2400, lambda ms: (20 + ms // 10, 40), variation=230)
    stands = Actor(8, 0, 3000, lambda _: (480, 100), variation=60)
    write_clip(tmp_path / "src" / "walks.mp4", stage([walks, stands], every(40, 3000)))
    other: Any = {"codec": "mjpeg", "pixel_format": "yuvj420p", "options": {"qmin": "2"}}
    slow = Actor(1, 0, 2000, lambda ms: (20, 40 + ms // 100), variation=230)
    write_clip(tmp_path / "src" / "old.avi", stage([slow], every(40, 2000)), **other)
    sort_in_threads(with_photos(workspace, videos=True), pack)
    opened = open_notebook("04_review")
    expect(opened.get_by_text("1 file in the output.")).to_be_attached()  # all cells have run
    return opened


PERCENT_PER_S = 100 * 100 / 640
"""Walked by person 1, of the picture's width."""


def seen_after(page: Page, seconds: float) -> tuple[float, float]:
    """When the clip has played that long: its time in seconds, and where the box begins, in percent."""
    seen = page.wait_for_function(
        """seconds => {
            const photo = document.querySelector("dialog[open]");
            const at = photo.querySelector("video").currentTime;
            const box = photo.querySelector(".facesort-photo-face.asked");
            return at >= seconds && [at, parseFloat(box.style.left)];
        }""",
        arg=seconds,
    )
    at, left = seen.json_value()
    return at, left


def test_a_track_is_looked_at_and_answered_by_keyboard(page: Page) -> None:
    doubtful = page.get_by_role("listbox", name="doubtful matches")
    tiles = doubtful.get_by_role("option")
    expect(tiles).to_have_count(3)
    expect(tiles.first.get_by_text("0:00\N{EN DASH}0:0")).to_be_visible()
    expect(page.get_by_text("2 of them are in clips: delivered only after a yes.")).to_be_visible()

    tiles.filter(has_text="walks.mp4").click()
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    photo = page.locator("dialog[open]")
    expect(photo.locator("video")).to_be_attached()
    expect(photo.locator("video")).to_be_hidden()
    expect(photo.locator(".facesort-photo-face")).to_have_count(2)
    asked = photo.locator(".facesort-photo-face.asked")
    expect(asked).to_have_text("Person 1")
    page.keyboard.press("Space")
    expect(photo.get_by_role("button", name="Pause")).to_be_visible()
    expect(photo.locator("video")).to_be_visible()
    later = seen_after(page, 1)
    page.keyboard.press("Space")
    expect(photo.get_by_role("button", name="Play")).to_be_visible()
    expect(photo.locator("video")).to_have_js_property("paused", True)

    frames = photo.get_by_role("group", name="frames of the clip").get_by_role("button")
    frames.first.click()
    first = seen_after(page, 0)
    went = PERCENT_PER_S * (later[0] - first[0])
    assert later[1] == pytest.approx(first[1] + went, abs=3), "the box goes with the face"
    page.keyboard.press(".")
    expect(frames.nth(1)).to_have_attribute("aria-current", "true")
    page.keyboard.press("y")
    expect(tiles).to_have_count(2)
    expect(
        page.get_by_text("Yes: 1 face. A re-match delivers the posters of those in clips.")
    ).to_be_attached()


def test_what_no_browser_plays_is_shown_frame_by_frame(page: Page) -> None:
    doubtful = page.get_by_role("listbox", name="doubtful matches")
    doubtful.get_by_role("option").filter(has_text="old.avi").click()
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    photo = page.locator("dialog[open]")
    image = photo.locator(".facesort-photo-picture img")
    expect(image).to_have_js_property("naturalWidth", 640)
    assert photo.locator("video").count() == 0
    page.keyboard.press("Space")
    expect(photo.locator(".facesort-small")).to_be_visible()
    expect(photo.locator(".facesort-photo-face.asked")).to_be_hidden()
    page.keyboard.press("Space")
    page.keyboard.press("Escape")
    expect(doubtful).to_be_focused()
