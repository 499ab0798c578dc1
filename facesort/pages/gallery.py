"""The photos of an event as web pages: one of everybody, and one for each person.

A page stands alone: its style and its script are in it, and its policy allows no others.  It needs no server, and
without scripts it still shows all photos.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from string import Template

from facesort.core.text.words import several
from facesort.pages.markup import (
    address,
    chapter_html,
    face_html,
    heading_html,
    name_text,
    people_html,
    ratio_styles,
    shown_name,
    times_html,
)
from facesort.pages.records import Gallery, Photo
from facesort.pages.times import chapters, days

_FILES = Path(__file__).parent
_PAGE = Template((_FILES / "page.html").read_text(encoding="utf-8"))
_STYLE = (_FILES / "gallery.css").read_text(encoding="utf-8")
_SCRIPT = (_FILES / "gallery.js").read_text(encoding="utf-8")


def event_page(gallery: Gallery) -> bytes:
    """The page of everybody, with all photos."""
    base = _base(gallery.page)
    people = dict(enumerate(gallery.people))
    what = [days(gallery.photos), several(len(gallery.photos), "photo")]
    if named := sum(bool(person.name) for person in gallery.people):
        what.append(several(named, "person", "people"))
    head = f"<h1>{name_text(gallery.title)}</h1>\n<p>{_facts(what)}</p>"
    cards = people_html(people, gallery.photos, "People", base)
    return _page(gallery, gallery.photos, gallery.title, head, cards, base)


def person_page(gallery: Gallery, key: int) -> bytes:
    """The page of one person: the photos they got, and who else is in these.

    Parameters
    ----------
    key : int
        Place in `gallery.people`.
    """
    person, base = gallery.people[key], _base(gallery.people[key].page)
    photos = [
        replace(photo, copies={key: photo.copies[key], **photo.copies})
        for photo in gallery.photos
        if key in photo.copies
    ]
    there = {other for photo in photos for other in photo.copies} - {key}
    with_them = {other: gallery.people[other] for other in sorted(there)}
    head = (
        f'<a class="back" href="{address(gallery.page, base)}">\N{LEFTWARDS ARROW} {name_text(gallery.title)}</a>\n'
        f"{face_html(person, base)}\n{heading_html(key, person)}\n"
        f"<p>{_facts([days(photos), several(len(photos), 'photo')])}</p>"
    )
    cards = people_html(with_them, photos, "Also in these photos", base)
    title = f"{shown_name(person)} \N{MIDDLE DOT} {gallery.title}"
    return _page(gallery, photos, title, head, cards, base)


def _page(
    gallery: Gallery, photos: Sequence[Photo], title: str, head: str, people: str, base: str
) -> bytes:
    parts = chapters(photos)
    style = _STYLE + ratio_styles(photos)
    page = _PAGE.substitute(
        policy=_policy(style),
        title=name_text(title),
        style=style,
        script=_SCRIPT,
        head=head,
        times=times_html(parts),
        people=people,
        chapters="\n".join(
            chapter_html(number, part, gallery.people, base) for number, part in enumerate(parts)
        ),
    )
    return page.encode("utf-8")


def _policy(style: str) -> str:
    """What the page may do: run and wear what is in it, and show pictures that lie beside it.

    ``'self'`` is the server that the pages may be put on; a page on a stick has no server, hence ``file:``.
    """
    script, style = (
        f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for text in (_SCRIPT, style)
    )
    return (
        f"default-src 'none'; script-src {script}; style-src {style}; img-src 'self' file:; base-uri 'none'; "
        "form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _base(page: str) -> str:
    """From a page to the folder that all files are in."""
    return "../" * page.count("/")


def _facts(parts: Sequence[str]) -> str:
    return " \N{MIDDLE DOT} ".join(f"<span>{part}</span>" for part in parts if part)
