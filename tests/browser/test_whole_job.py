"""The whole job of a photographer in a real browser: seed, calibrate, sort, review by keyboard, audit.

With ``FACESORT_LOOK=folder`` every step is also saved there as a picture, in the theme ``FACESORT_THEME`` (``Light`` or
``Dark``) and the width ``FACESORT_WIDTH``, for people to look at.

The pictures in ``docs/images`` show this job: the test fails when they do not, and ``make pictures`` makes them anew.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from drawn_party import draw_photo
from event_picture import event_picture
from pictures import picture
from playwright.sync_api import Browser, Locator, Page, expect

from facesort.engine.setup import set_up
from facesort.settings import load_settings
from facesort.workspace import Workspace

pytestmark = pytest.mark.browser

ADA, BEN, CLEO, GRACE, HEDY = 1, 2, 3, 7, 8
PHOTOS = [[ADA], [BEN], [ADA, BEN], [ADA, CLEO], [CLEO], [GRACE], [GRACE, ADA], [GRACE], [HEDY]]
PHOTOS += [[HEDY, BEN], [HEDY], [CLEO, BEN], [ADA], [BEN], [9], []]


@pytest.fixture
def workspace(notebooks: Path, tmp_path: Path) -> Workspace:
    """An event of 18 photos where two people are strangers at first, and an empty gallery."""
    card = tmp_path / "card" / "DCIM"
    for number, people in enumerate(PHOTOS):
        draw_photo(card / f"DSC{number:05d}.JPG", people, variation=60 + number, scene=number)
    for identity in (ADA, BEN):  # at the edge of what is theirs
        number = 90 + identity
        draw_photo(card / f"DSC{number:05d}.JPG", [identity], variation=230, scene=number)
    return set_up(
        notebooks / "hot_storage", [tmp_path / "card"], tmp_path / "out", "synthetic", []
    )[0]


@pytest.fixture
def look(request: pytest.FixtureRequest) -> Callable[[Page, str], None]:
    """Saves a picture of the whole notebook, if somebody wants to look."""
    folder = os.environ.get("FACESORT_LOOK")
    if folder is None:
        return lambda page, step: None
    name = f"{os.environ.get('FACESORT_THEME', 'Light').lower()}-{os.environ.get('FACESORT_WIDTH', '1360')}"

    def save(page: Page, step: str) -> None:
        size = page.viewport_size
        assert size is not None
        Path(folder).mkdir(parents=True, exist_ok=True)
        if page.locator("dialog[open]").count():  # over the page, as large as the window
            page.wait_for_timeout(800)
            page.screenshot(path=Path(folder) / f"{name}-{step}.png")
            return
        with whole(page):
            page.screenshot(path=Path(folder) / f"{name}-{step}.png")

    return save


@contextmanager
def whole(page: Page) -> Iterator[None]:
    """A window as tall as the notebook: JupyterLab scrolls inside of the page."""
    size = page.viewport_size
    assert size is not None
    tall = page.locator(".jp-WindowedPanel-inner").first.evaluate("e => e.scrollHeight")
    page.set_viewport_size({"width": size["width"], "height": min(int(tall) + 150, 16_000)})
    page.locator(".jp-WindowedPanel-outer").first.evaluate("e => e.scrollTo(0, 0)")
    page.wait_for_timeout(800)
    yield
    page.set_viewport_size(size)


@pytest.fixture
def shown(checkout: Path) -> Iterator[Callable[..., None]]:
    """Compares parts of a page with a picture of the documentation; at the end none differs.

    The parts of a notebook are its sections, by their headings.
    """
    changed: list[str] = []

    def compare(page: Page, name: str, *parts: str | Locator) -> None:
        if os.environ.get("FACESORT_WIDTH") or os.environ.get("FACESORT_THEME"):
            return  # the pictures are of one width and theme
        cells: list[Locator] = []
        for part in parts:
            cells += [part] if isinstance(part, Locator) else section(page, part)
        changed.append(picture(page, checkout / "docs" / "images", name, cells) or "")

    yield compare
    assert "\n".join(filter(None, changed)) == ""


def section(page: Page, heading: str) -> list[Locator]:
    """The cell with this heading, and the one after it."""
    cell = page.locator(".jp-Cell", has=page.get_by_role("heading", name=heading))
    return [cell, cell.locator("xpath=following-sibling::*[1]")]


def add(page: Page, name: str, *photos: Path) -> None:
    """Seed a person from uploads."""
    page.get_by_placeholder("new or existing person").fill(name)
    with page.expect_file_chooser() as chooser:
        page.get_by_label("Photos").click()
    chooser.value.set_files(photos)
    page.get_by_role("button", name="Add references").click()


def sheet(page: Page, label: str) -> Locator:
    return page.get_by_role("listbox", name=label)


def tab_to(page: Page, name: str) -> None:
    """Press Tab until something of this name or placeholder has the focus."""
    said = "e => [e.ariaLabel, e.placeholder, e.textContent].map(text => text?.trim())"
    for _ in range(80):
        page.keyboard.press("Tab")
        if name in page.evaluate(f"({said})(document.activeElement)"):
            return
    pytest.fail(f"Tab does not reach {name!r}")


def cut(page: Page) -> list[str]:
    """Tables that are partly out of sight on a narrow page, and charts that are too small to read there."""
    size = page.viewport_size
    assert size is not None
    page.set_viewport_size({"width": 900, "height": 1000})
    found = page.locator(".facesort-box").evaluate_all(
        "all => all.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent)"
    )
    found += page.locator(".facesort-plot img").evaluate_all(
        "all => all.filter(e => e.offsetWidth + 1 < Math.min(620, parseFloat(e.style.width))).map(e => e.alt)"
    )
    page.set_viewport_size(size)
    return [str(text) for text in found]


def delivered(folder: Path) -> dict[str, int]:
    """How many files each person's folder has."""
    return {path.name: len(list(path.iterdir())) for path in (folder / "out").iterdir()}


def test_from_cards_to_folders(
    workspace: Workspace,
    open_notebook: Callable[[str], Page],
    look: Callable[[Page, str], None],
    shown: Callable[..., None],
    browser: Browser,
    tmp_path: Path,
) -> None:
    seeds = tmp_path / "seeds"
    for name, identity in {"ada": ADA, "ben": BEN, "cleo": CLEO}.items():
        for variation in (30, 45):
            draw_photo(
                seeds / f"{name}{variation}.jpg", [identity], variation=variation, scene=variation
            )
    draw_photo(seeds / "both.jpg", [ADA, BEN], variation=90, scene=3)

    page = open_notebook("01_seed")
    expect(page.get_by_text("Nobody is in the gallery yet.")).to_be_visible()
    look(page, "01-empty")
    add(page, "Ada", seeds / "ada30.jpg", seeds / "ada45.jpg")
    expect(page.locator(".facesort-person")).to_contain_text("2 references")
    add(page, "Ben", seeds / "both.jpg")
    expect(page.get_by_text("2 faces were found")).to_be_visible()
    look(page, "01-refused")
    page.get_by_role("button", name="face 2").click()
    expect(page.locator(".facesort-person")).to_have_count(2)
    add(page, "Ben", seeds / "ben30.jpg", seeds / "ben45.jpg")
    expect(page.locator(".facesort-person", has_text="3 references")).to_have_count(1)
    add(page, "Cleo", seeds / "cleo30.jpg", seeds / "cleo45.jpg")
    expect(page.locator(".facesort-person")).to_have_count(3)
    look(page, "01-seeded")
    with whole(page):
        shown(page, "01_seed", "Who should be added?", "Who is in the gallery?")
    page.close()

    page = open_notebook("02_calibrate")
    apply = page.get_by_role("button", name=re.compile("Apply STRICT"))
    expect(apply).to_have_text(re.compile("LOOSE of the event"))
    loose = page.get_by_label("LOOSE, as a number")
    loose.fill("1.05")
    loose.press("Enter")
    expect(apply).to_have_text(re.compile("STRICT 0.80, LOOSE 1.05"))
    apply.click()
    expect(page.get_by_text("the next sort uses them")).to_be_visible()
    assert load_settings(workspace.root / "facesort.toml").matching.loose == 1.05
    assert cut(page) == []
    look(page, "02")
    with whole(page):
        shown(page, "02_calibrate", "How far apart are", "Which thresholds do you want")
    page.close()

    page = open_notebook("03_sort")
    expect(page.get_by_text("Run 1 finished: 18 photos")).to_be_attached()
    expect(page.get_by_text("[10]:").first).to_be_attached()  # all cells have run
    assert cut(page) == []
    look(page, "03")
    with whole(page):
        shown(page, "03_sort", "What happened to the photos", "How many files did each person")
    page.close()
    assert delivered(tmp_path) == {"Ada": 6, "Ben": 6, "Cleo": 3}

    page = open_notebook("04_review")
    expect(page.get_by_text("15 files in the output")).to_be_attached()  # all cells have run
    assert cut(page) == []
    look(page, "04-open")
    with whole(page):
        shown(page, "04_review", "Which matches are doubtful?", "Who is not in the gallery?")
    doubtful = sheet(page, "doubtful matches")
    doubtful.focus()  # and from here on by keyboard alone
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("DSC0009")
    look(page, "04-photo")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Not sure")
    look(page, "04-keys")
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    page.keyboard.press("y")
    expect(page.get_by_text("No match is doubtful.")).to_be_visible()
    page.keyboard.press("z")
    expect(doubtful.get_by_role("option")).to_have_count(1)
    page.keyboard.press("y")
    expect(page.get_by_text("No match is doubtful.")).to_be_visible()
    for name in ("Grace", "Hedy"):
        tab_to(page, "a new person, or one in the gallery")
        page.keyboard.type(name)
        tab_to(page, "groups of unknown faces")
        page.keyboard.press("m")
        expect(page.get_by_text(f"3 faces named {name}; a re-match")).to_be_visible()
    look(page, "04-named")
    tab_to(page, "Re-match")
    page.keyboard.press("Enter")
    expect(page.get_by_text("6 files added.")).to_be_visible()
    look(page, "04-rematched")
    page.close()
    assert delivered(tmp_path) == {"Ada": 6, "Ben": 6, "Cleo": 3, "Grace": 3, "Hedy": 3}

    page = open_notebook("05_audit")
    expect(page.get_by_text("[15]:").first).to_be_attached()
    page.wait_for_timeout(3000)
    look(page, "05")
    with whole(page):
        shown(page, "05_audit", "How many photos were dropped", "Who was photographed when?")
    page.close()

    page = browser.new_page(viewport={"width": 1100, "height": 700})
    page.goto(event_picture(tmp_path / "card", tmp_path / "out", tmp_path / "event.html").as_uri())
    shown(page, "event", page.locator("main"))
    export = tmp_path / "A summer party"
    command = [sys.executable, "-m", "facesort", "export", str(export), "--gallery"]
    subprocess.run([*command, "-w", str(workspace.root)], check=True, capture_output=True)
    page.goto((export / "index.html").as_uri())
    for photo in page.locator("a.photo img").all():  # they are loaded when they come near
        photo.scroll_into_view_if_needed()
        expect(photo).to_have_js_property("complete", True)
    page.set_viewport_size({"width": 1280, "height": 980})
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(800)
    shown(page, "gallery", page.locator("body"))
    page.close()
