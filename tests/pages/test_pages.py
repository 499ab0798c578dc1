"""The web pages of a gallery: only text is text, only what lies beside them is asked for, and nothing moves."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from datetime import datetime, timedelta
from urllib.parse import unquote

import pytest
from bs4 import BeautifulSoup, Tag
from nasty import STORABLE

from facesort.core.derivatives import DerivedFile, Variant
from facesort.core.text.foreign_text import printable
from facesort.core.text.words import plain
from facesort.pages import Gallery, Person, Photo, event_page, person_page
from facesort.pages.times import chapters, days

NOON = datetime(2026, 6, 14, 12, 0)
ADDRESSES = ("href", "src", "srcset")


def made(file: str, kind: str, width: int) -> tuple[str, DerivedFile]:
    return file, DerivedFile(Variant(kind, width, 85), width, width * 2 // 3, 1000, "0" * 64)  # type: ignore[arg-type]


def photo(
    number: int, people: list[int], at: datetime | None = NOON, size: tuple[int, int] = (2048, 1365)
) -> Photo:
    smaller = [
        made(f"_gallery/aa/{number}-{width}.{end}", kind, width)
        for width in (1024, 512, 256)
        for kind, end in (("jpeg", "jpg"), ("webp", "webp"))
    ]
    copies = {person: f"person {person}/IMG #{number}%.jpg" for person in people}
    return Photo(f"{number:04x}", *size, at, copies, smaller)


def gallery(names: list[str], photos: list[Photo], title: str = "Anna & Ben") -> Gallery:
    people = [
        Person(name, f"_gallery/{n}.html", f"_gallery/{n}.jpg") for n, name in enumerate(names)
    ]
    return Gallery(title, "index.html", people, photos)


def soup(page: bytes) -> BeautifulSoup:
    return BeautifulSoup(page.decode(), "html.parser")


def shown(page: bytes) -> list[Tag]:
    return list(soup(page).select("a.photo"))


@pytest.fixture(scope="module")
def nasty() -> list[bytes]:
    photos = [photo(n, [n, (n + 1) % len(STORABLE)]) for n in range(len(STORABLE))]
    everybody = gallery(list(STORABLE), photos, title=STORABLE[0])
    return [event_page(everybody), *(person_page(everybody, n) for n in range(len(STORABLE)))]


def test_names_are_text_whatever_is_in_them(nasty: list[bytes]) -> None:
    text = soup(nasty[0]).get_text()
    assert all(_as_shown(name) in text for name in STORABLE if "\n" not in name and name.strip())
    for name, page in zip(STORABLE, nasty[1:], strict=True):
        heading = soup(page).h1
        assert heading is not None
        assert heading.get_text() == _as_shown(name)


def _as_shown(name: str) -> str:
    parts = re.split("([\n\u200c\u200d])", name)
    return "".join(part if part in "\n\u200c\u200d" else printable(part) for part in parts)


def test_a_name_brings_no_tag_and_no_attribute(nasty: list[bytes]) -> None:
    innocent = gallery([f"Person {n}" for n in range(len(STORABLE))], [photo(0, [0, 1])])
    usual = {
        (tag.name, *sorted(tag.attrs)) for tag in soup(event_page(innocent)).find_all(True)
    } | {(tag.name, *sorted(tag.attrs)) for tag in soup(person_page(innocent, 0)).find_all(True)}
    for page in nasty:
        found = {(tag.name, *sorted(tag.attrs)) for tag in soup(page).find_all(True)}
        assert found <= usual | {("nav", "aria-label", "class")}
        assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b\x00-\x09\x0b-\x1f]", page.decode())


def test_nothing_is_asked_for_but_what_lies_beside_the_page(nasty: list[bytes]) -> None:
    for place, page in [("", nasty[0]), *(("../", page) for page in nasty[1:])]:
        for tag in soup(page).find_all(True):
            for name in set(tag.attrs) & set(ADDRESSES):
                for entry in str(tag[name]).split(", "):
                    address = entry.split(" ")[0]
                    assert address.startswith("#") or re.fullmatch(
                        rf"{re.escape(place)}(index\.html|_gallery/[\w./-]+|person%20\d+/IMG%20%23\d+%25\.jpg)",
                        address,
                    ), (name, entry)


def test_the_policy_allows_its_own_script_and_style_alone() -> None:
    page = soup(event_page(gallery(["Ada"], [photo(0, [0])])))
    policy = page.find("meta", {"http-equiv": "Content-Security-Policy"})
    assert isinstance(policy, Tag)
    rules = dict(rule.strip().split(" ", 1) for rule in str(policy["content"]).split(";"))
    for kind in ("script", "style"):
        (tag,) = page.find_all(kind)
        digest = b64encode(hashlib.sha256(tag.get_text().encode()).digest()).decode()
        assert rules[f"{kind}-src"] == f"'sha256-{digest}'"
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert not page.select("[style], [onclick], [onload], link, iframe, object, embed, base")


def test_a_picture_has_its_sizes_and_loads_late() -> None:
    (one,) = shown(event_page(gallery(["Ada"], [photo(7, [0], size=(1365, 2048))])))
    source, image = one.picture.find_all(["source", "img"])  # type: ignore[union-attr]
    assert source["type"] == "image/webp"
    assert source["srcset"] == (
        "_gallery/aa/7-256.webp 256w, _gallery/aa/7-512.webp 512w, _gallery/aa/7-1024.webp 1024w"
    )
    assert image["srcset"].endswith("_gallery/aa/7-1024.jpg 1024w")
    assert (image["width"], image["height"], image["loading"]) == ("1365", "2048", "lazy")
    assert image["alt"] == "Ada, 14 June 2026, 12:00"
    assert unquote(str(one["href"])) == "person 0/IMG #7%.jpg"


def test_without_smaller_versions_the_delivered_photo_is_shown() -> None:
    bare = Photo("00", 640, 480, None, {0: "Ada/a.jpg"})
    (one,) = shown(event_page(gallery(["Ada"], [bare])))
    assert [tag.name for tag in one.picture.find_all(True)] == ["img"]  # type: ignore[union-attr]
    assert one.img is not None
    assert one.img["src"] == "Ada/a.jpg"
    assert one.img["alt"] == "Ada"


def test_the_page_of_a_person_shows_what_they_got_and_who_else_is_in_it() -> None:
    photos = [photo(0, [0, 1]), photo(1, [1, 2]), photo(2, [2])]
    everybody = gallery(["Ada", "Ben", "Cora"], photos)
    page = person_page(everybody, 1)
    assert [unquote(str(one["href"])) for one in shown(page)] == [
        "../person 1/IMG #0%.jpg",
        "../person 1/IMG #1%.jpg",
    ]
    names = [tag.get_text() for tag in soup(page).select(".people .name")]
    assert names == ["Ada", "Cora"]
    assert [len(shown(person_page(everybody, key))) for key in range(3)] == [1, 2, 2]
    assert len(shown(event_page(everybody))) == 3


def test_who_has_no_name_is_called_a_guest_and_has_no_picture() -> None:
    one = Gallery("Event", "index.html", [Person("", "_gallery/_unknown.html")], [photo(0, [0])])
    page = soup(event_page(one))
    assert [tag.get_text() for tag in page.select(".people .name")] == ["Other guests"]
    assert page.select(".people img") == []


def test_other_guests_are_not_counted_as_a_person() -> None:
    people = [Person(name, f"_gallery/{n}.html") for n, name in enumerate(("Ada", "Ben", ""))]
    page = soup(event_page(Gallery("Event", "index.html", people, [photo(0, [0, 1, 2])])))
    assert [tag.get_text() for tag in page.select("header span")][-1] == "2 people"
    assert [tag["data-name"] for tag in page.select("[data-guests]")] == ["Other guests"]


def test_names_keep_their_joiners() -> None:
    names = ["\u0645\u0647\u200c\u0633\u0627", "\u0915\u094d\u200d\u0937", "Ada\u202e\u200b"]
    page = soup(event_page(gallery(names, [photo(0, [0])], title="\U0001f468\u200d\U0001f469")))
    shown_names = [tag.get_text() for tag in page.select(".people .name")]
    assert shown_names == [*names[:2], "Ada\\u202e\\u200b"]
    assert page.h1 is not None
    assert page.h1.get_text() == "\U0001f468\u200d\U0001f469"
    assert str(page.select("a.photo img")[0]["alt"]).startswith(names[0])
    assert plain(names[0]) == names[0].replace("\u200c", "")


def test_names_are_found_as_they_are_sorted() -> None:
    names = ["Zoë", "ÉMILE", "Weiß", "\uff21\uff44\uff41", "ﬁnn"]
    page = soup(event_page(gallery(names, [photo(0, list(range(5)))])))
    assert [tag["data-plain"] for tag in page.select(".people a")] == [plain(n) for n in names]


def test_a_day_is_divided_by_full_hours() -> None:
    def at(minutes: int) -> Photo:
        return photo(minutes, [0], NOON + timedelta(minutes=minutes))

    few = [at(minutes) for minutes in (0, 70, 130, 200)]
    many = [at(minutes) for minutes in range(0, 100, 4)]
    assert [len(part.photos) for part in chapters(few)] == [4]
    assert [len(part.photos) for part in chapters(many)] == [15, 10]
    other_day = [at(0), at(24 * 60), photo(1, [0], None), photo(2, [0], None)]
    assert [len(part.photos) for part in chapters(other_day)] == [1, 1, 2]
    page = event_page(gallery(["Ada"], [*many, photo(999, [0], None)]))
    headings = [tag.get_text() for tag in soup(page).select(".chapter h2")]
    assert headings == [
        "Sunday, 14 June 2026 12:00 \N{EN DASH} 12:56 · 15 photos",
        "Sunday, 14 June 2026 13:00 \N{EN DASH} 13:36 · 10 photos",
        "Without a time · 1 photo",
    ]
    assert [a.get_text() for a in soup(page).select(".times a")] == [
        "12:00", "13:00", "No time",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("last", "words"),
    [
        (NOON, "14 June 2026"),
        (datetime(2026, 6, 15), "14 \N{EN DASH} 15 June 2026"),
        (datetime(2027, 1, 1), "14 June 2026 \N{EN DASH} 1 January 2027"),
    ],
)
def test_days_in_words(last: datetime, words: str) -> None:
    assert days([photo(0, [0]), photo(1, [0], last), photo(2, [0], None)]) == words


def test_photos_of_one_shape_share_a_style_and_odd_ones_are_cut() -> None:
    sizes = [(3000, 2000), (1500, 1000), (2000, 3000), (9000, 100), (10, 9000)]
    page = event_page(gallery(["Ada"], [photo(n, [0], size=s) for n, s in enumerate(sizes)]))
    assert [one["class"][1] for one in shown(page)] == ["r150", "r150", "r67", "r350", "r40"]
    for ratio in (".r40{--r:0.4}", ".r67{--r:0.67}", ".r150{--r:1.5}", ".r350{--r:3.5}"):
        assert page.decode().count(ratio) == 1
