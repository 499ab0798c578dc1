"""The pages of a gallery in Chromium, opened as files: what a client of the photographer does with them."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

from facesort.core.derivatives import SUFFIXES, Variant
from facesort.core.text.words import plain
from facesort.images import derive, encode_crop, encode_output, jpeg_size
from facesort.pages import Gallery, Person, Photo, event_page, person_page

pytestmark = pytest.mark.browser

PHOTOS = 120
NAMES = [
    "Ada Berg",
    "Émile Weiß",
    "IŞIL Y\u0131lmaz",
    "<b>Zoë</b> O'Hara",
    "\uff2e\uff4f\uff41\uff48",
]
VARIANTS = [Variant(kind, edge, 80) for kind in ("webp", "jpeg") for edge in (256, 512, 1024)]

# The heights that the script computed for chapters, and those that the browser gives them.
HEIGHTS = """() => [...document.querySelectorAll(".photos")].map((box) => {
  const said = parseFloat(box.style.containIntrinsicBlockSize);
  box.style.contentVisibility = "visible";
  const found = box.getBoundingClientRect().height;
  box.style.contentVisibility = "auto";
  return Math.abs(said - found);
})"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of two days; each photo is a colour of its own, across or upright."""
    root = tmp_path_factory.mktemp("stick") / "Anna & Ben #1"
    people = [
        Person(name, f"_gallery/{n}.html", f"_gallery/{n}.jpg") for n, name in enumerate(NAMES)
    ]
    photos = [_photo(root, number) for number in range(PHOTOS)]
    gallery = Gallery("Anna & Ben", "index.html", people, photos)
    (root / "index.html").write_bytes(event_page(gallery))
    for key, person in enumerate(people):
        (root / person.page).write_bytes(person_page(gallery, key))
        pixels = np.full((300, 300, 3), 40 * key, np.uint8)
        crop = encode_crop(pixels, (0, 0, 300, 300), context=0, edge=256, quality=90)
        (root / person.portrait).write_bytes(crop)
    return root


def _photo(root: Path, number: int) -> Photo:
    size = [(1200, 800), (800, 1200), (1300, 975), (1600, 500)][number % 4]
    pixels = np.full((size[1], size[0], 3), (number * 2, 255 - number * 2, 120), np.uint8)
    jpeg = encode_output(pixels)
    who = [number % 2, 2 + number % 3]
    copies = {key: f"{key} folder/photo {number}.jpg" for key in who}
    for file in copies.values():
        _write(root / file, jpeg)
    smaller = []
    for one in derive(jpeg, VARIANTS):
        file = (
            f"_gallery/{number % 7:02x}/{number}-{one.variant.edge}.{SUFFIXES[one.variant.format]}"
        )
        _write(root / file, one.data)
        smaller.append((file, one))
    at = datetime(2026, 6, 13, 15, 0) + timedelta(minutes=6 * number)
    return Photo(f"{number:06x}", *jpeg_size(jpeg), at, copies, smaller)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


@pytest.fixture(params=[(1360, False), (390, True)], ids=["desk", "phone"])
def context(browser: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    width, touch = request.param
    opened = browser.new_context(
        viewport={"width": width, "height": 844}, has_touch=touch, is_mobile=touch
    )
    yield opened
    opened.close()


def failure(request: Request) -> list[str]:
    """What failed; the browser gives up a picture that is hidden while it is loaded, and that is none."""
    if request.failure == "net::ERR_ABORTED" and request.resource_type == "image":
        return []
    return [f"{request.failure}: {request.url}"]


@pytest.fixture
def page(context: BrowserContext, folder: Path) -> Iterator[Page]:
    """The page of the event; at the end nothing but files was asked for, and nothing complained."""
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("requestfailed", lambda request: said.extend(failure(request)))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto((folder / "index.html").as_uri())
    yield page
    assert asked
    assert [url for url in asked if not url.startswith(folder.as_uri())] == []
    assert said == []


def open_photo(page: Page, number: int) -> None:
    page.locator(f"#p{number:06x}").click()
    expect(page.locator("#viewer")).to_be_visible()


def counted(page: Page) -> str:
    return page.locator("#count").inner_text()


def test_pictures_are_there_and_chapters_have_the_height_that_was_said(page: Page) -> None:
    first = page.locator("a.photo img").first
    expect(first).to_have_js_property("complete", True)
    assert first.evaluate("(image) => image.currentSrc").endswith(".webp")
    assert max(page.evaluate(HEIGHTS)) < 1
    # far away nothing is loaded
    assert page.locator("a.photo img").last.evaluate("(image) => image.currentSrc") == ""
    assert page.evaluate("document.documentElement.scrollWidth") == page.viewport_size["width"]  # type: ignore[index]


def test_arrows_home_end_escape_and_the_focus(page: Page) -> None:
    open_photo(page, 4)
    assert counted(page) == "5 of 120"
    for key, number in (
        ("ArrowRight", 5),
        ("ArrowRight", 6),
        ("ArrowLeft", 5),
        ("End", 119),
        ("Home", 0),
    ):
        page.keyboard.press(key)
        assert counted(page) == f"{number + 1} of 120"
        assert page.url.endswith(f"#p{number:06x}")
    page.keyboard.press("ArrowLeft")  # there is none before
    assert counted(page) == "1 of 120"
    expect(page.locator("#shown")).to_have_js_property("complete", True)
    assert page.locator("#shown").evaluate("(image) => image.naturalWidth") > 0
    expect(page.locator("#caption")).to_have_text(
        "Ada Berg · IŞIL Y\u0131lmaz · 13 June 2026, 15:00"
    )
    page.keyboard.press("End")
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
    assert "#" not in page.url.rpartition("/")[2]
    # the focus is on the photo that was looked at last, and it is in sight
    assert page.evaluate("document.activeElement.id") == f"p{119:06x}"
    expect(page.locator(f"#p{119:06x}")).to_be_in_viewport()
    page.keyboard.press("Enter")
    assert counted(page) == "120 of 120"


def test_back_and_forward_and_a_link_to_a_photo(page: Page, folder: Path) -> None:
    open_photo(page, 8)
    before = page.evaluate("scrollY")
    page.go_back()
    expect(page.locator("#viewer")).to_be_hidden()
    assert page.evaluate("scrollY") == pytest.approx(before, abs=1)
    page.go_forward()
    assert counted(page) == "9 of 120"

    page.goto("about:blank")
    page.goto(f"{(folder / 'index.html').as_uri()}#p00002a")
    assert counted(page) == "43 of 120"
    page.locator("#close").click()
    expect(page.locator("#viewer")).to_be_hidden()
    assert page.url.endswith("index.html")
    page.reload()
    expect(page.locator("#viewer")).to_be_hidden()


def test_names_are_found_without_capitals_and_accents(page: Page) -> None:
    field = page.get_by_role("searchbox", name="Find a person")
    people = page.locator(".people li:visible")
    for name in NAMES:
        for typed in (name, name.lower(), name.upper(), plain(name), f"  {name} "):
            field.fill(typed)
            expect(people).to_have_count(1)
            assert people.locator(".name").inner_text() == name
    field.fill("emile")
    expect(page.locator("#found")).to_have_text("1 person, 60 photos")
    assert max(page.evaluate(HEIGHTS)) < 1
    page.locator("a.photo:visible").nth(1).click()
    assert counted(page) == "2 of 60"
    page.keyboard.press("End")
    assert counted(page) == "60 of 60"
    page.keyboard.press("Escape")
    field.fill("nobody of this name")
    expect(page.locator("#found")).to_have_text("Nobody here has this name.")
    expect(page.locator(".chapter:visible")).to_have_count(0)
    field.fill("")
    expect(people).to_have_count(len(NAMES))
    expect(page.locator("#found")).to_be_hidden()


def test_a_swipe_turns_the_page(page: Page, context: BrowserContext) -> None:
    if not page.evaluate("navigator.maxTouchPoints"):
        pytest.skip("no touch screen")
    open_photo(page, 0)
    hands = context.new_cdp_session(page)

    def swipe(start: int, end: int, down: int = 0) -> None:
        for kind, points in (
            ("touchStart", [{"x": start, "y": 400}]),
            ("touchMove", [{"x": (start + end) // 2, "y": 400 + down // 2}]),
            ("touchMove", [{"x": end, "y": 400 + down}]),
            ("touchEnd", []),
        ):
            hands.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    swipe(300, 80)
    expect(page.locator("#count")).to_have_text("2 of 120")
    swipe(80, 300)
    expect(page.locator("#count")).to_have_text("1 of 120")
    swipe(200, 190, down=200)
    expect(page.locator("#count")).to_have_text("1 of 120")


def test_from_a_stick_the_delivered_photo_opens_beside_the_page(page: Page, folder: Path) -> None:
    open_photo(page, 3)
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Full size").click()
    opened.value.wait_for_load_state()
    assert opened.value.url == (folder / "1 folder" / "photo 3.jpg").as_uri()
    assert counted(page) == "4 of 120"


def test_from_a_server_the_delivered_photo_is_downloaded(browser: Browser, folder: Path) -> None:
    handler = partial(Quiet, directory=str(folder))
    context = browser.new_context()
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page, said = context.new_page(), []
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"http://127.0.0.1:{server.server_port}/index.html#p000003")
        with page.expect_download() as download:
            page.get_by_role("link", name="Download").click()
        saved, name = download.value.path(), download.value.suggested_filename
        assert name == "photo 3.jpg"
        assert Path(saved).read_bytes() == (folder / "1 folder" / name).read_bytes()
        expect(page.locator("#shown")).to_have_js_property("complete", True)
        assert page.locator("#shown").evaluate("(image) => image.naturalWidth") > 0
        context.close()
        server.shutdown()
    assert [text for text in said if "favicon" not in text and "404" not in text] == []


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


def test_from_a_person_to_another_and_back(page: Page) -> None:
    page.get_by_role("link", name=re.compile("Ada Berg")).first.click()
    expect(page.locator("h1")).to_have_text("Ada Berg")
    assert page.locator("a.photo").count() == 60
    names = page.locator(".people .name").all_inner_texts()
    assert names == NAMES[2:]
    open_photo(page, 0)
    assert (
        page.locator("#shown").evaluate("(image) => image.srcset").count("0%20folder/photo%200.jpg")
        == 1
    )
    page.locator("#caption").get_by_role("link", name="IŞIL").click()
    expect(page.locator("h1")).to_have_text("IŞIL Y\u0131lmaz")
    page.get_by_role("link", name="Anna & Ben").click()
    expect(page.locator("h1")).to_have_text("Anna & Ben")


def test_who_is_found_on_their_own_page_and_who_is_counted(
    browser: Browser, tmp_path: Path
) -> None:
    people = [
        Person(name, f"{n}.html")
        for n, name in enumerate(("Ada", "\u0645\u0647\u200c\u0633\u0627", ""))
    ]
    photos = [
        Photo("a1", 600, 400, datetime(2026, 6, 14), {0: "a.jpg", 1: "b.jpg"}),
        Photo("a2", 600, 400, None, {0: "a.jpg", 2: "c.jpg"}),
    ]
    gallery = Gallery("Event", "index.html", people, photos)
    (tmp_path / "index.html").write_bytes(event_page(gallery))
    (tmp_path / "0.html").write_bytes(person_page(gallery, 0))
    page = browser.new_page()
    for file, typed, found in (
        ("0.html", "ada", "1 person, 2 photos"),
        ("index.html", "\u0645\u0647\u0633\u0627", "1 person, 1 photo"),
        ("index.html", "a", "1 person, 2 photos"),
        ("index.html", "guests", "1 photo"),
    ):
        page.goto((tmp_path / file).as_uri())
        page.get_by_role("searchbox").fill(typed)
        expect(page.locator("#found")).to_have_text(found)
    page.close()


def test_at_an_address_that_begins_with_two_slashes_the_viewer_closes(
    browser: Browser, folder: Path
) -> None:
    page = browser.new_page()
    page.route("http://gallery.test/**", lambda route: route.fulfill(path=folder / "index.html"))
    page.goto("http://gallery.test//index.html#p000003")
    expect(page.locator("#viewer")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    expect(page.locator("#viewer")).to_be_hidden()
    assert page.url == "http://gallery.test//index.html"
    page.close()


def test_without_scripts_all_photos_are_there(browser: Browser, folder: Path) -> None:
    context = browser.new_context(
        java_script_enabled=False, viewport={"width": 1360, "height": 844}
    )
    page = context.new_page()
    page.goto((folder / "index.html").as_uri())
    expect(page.get_by_role("searchbox")).to_have_count(0)
    assert page.locator("a.photo").count() == PHOTOS
    last = page.locator("a.photo").last
    last.scroll_into_view_if_needed()
    box = last.bounding_box()
    assert box is not None
    assert box["height"] > 100
    page.wait_for_timeout(1000)
    shot = folder.parent / "last.png"
    last.screenshot(path=shot)
    with Image.open(shot) as image:
        seen = np.asarray(image.convert("RGB"))[20:-20, 20:-20].reshape(-1, 3).mean(axis=0)
    assert np.abs(seen - (238, 17, 120)).max() < 12  # its colour
    page.locator("a.photo").last.click()
    page.wait_for_url(re.compile(r"photo%20119\.jpg$"))
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_have_contrast_in_light_and_dark(browser: Browser, folder: Path, scheme: str) -> None:
    context = browser.new_context(color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto((folder / "index.html").as_uri())
    colours = page.evaluate("""() => {
      const of = (selector) => getComputedStyle(document.querySelector(selector)).color;
      const texts = ["h1", "header p", ".people small", ".name", "h2 time", ".times a"];
      return [getComputedStyle(document.body).backgroundColor, ...texts.map(of)];
    }""")
    paper, *texts = [[int(part) for part in re.findall(r"\d+", colour)[:3]] for colour in colours]
    assert (sum(paper) < 200) == (scheme == "dark")
    for text in texts:
        assert _contrast(paper, text) >= 4.5
    context.close()


def _contrast(one: list[int], other: list[int]) -> float:
    """As WCAG 2 defines it."""

    def luminance(colour: list[int]) -> float:
        parts = [
            c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4
            for c in (v / 255 for v in colour)
        ]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)
