"""The parts of a page as HTML.  Every text goes through `name_text` or `html_text`, every path through `address`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from facesort.core.text.foreign_text import html_text
from facesort.core.text.words import clock_time, plain, several
from facesort.pages.records import Person, Photo
from facesort.pages.times import Chapter, moment, short_day, weekday

NO_NAME = "Other guests"
# A photo as wide as its place in the row, which the browser knows once it loads it; older ones get an estimate.
_SIZES = "auto, (width < 40rem) 50vw, 25vw"
_JOINERS = re.compile("([\u200c\u200d])")
_NARROWEST, _WIDEST = 40, 350  # shapes in which photos are shown, in hundredths; others are cut


def address(file: str, base: str) -> str:
    """The address of a file, from a page in another folder.

    Parameters
    ----------
    base : str
        From the page to the folder that all files are in: empty, or ``../``.
    """
    return html_text(base + quote(file))


def name_text(name: str) -> str:
    """A name or title as HTML: as `html_text`, but with the joiners that Persian, Hindi and emoji are written with."""
    parts = _JOINERS.split(name)
    return "".join(part if _JOINERS.fullmatch(part) else html_text(part) for part in parts)


def shown_name(person: Person) -> str:
    """A person's name, or what stands for it."""
    return person.name or NO_NAME


def face_html(person: Person, base: str) -> str:
    """The person's picture, or the first letter of the name."""
    inside = html_text(shown_name(person)[:1].upper())
    if person.portrait:
        source = address(person.portrait, base)
        inside = (
            f'<img src="{source}" width="300" height="300" alt="" loading="lazy" decoding="async">'
        )
    return f'<span class="face" aria-hidden="true">{inside}</span>'


def people_html(
    people: Mapping[int, Person], photos: Sequence[Photo], title: str, base: str
) -> str:
    """Links to the pages of some people, with the number of photos that they are in."""
    counts = Counter(key for photo in photos for key in photo.copies)
    cards = "\n".join(
        f'<li><a href="{address(person.page, base)}" {_data(key, person)}>{face_html(person, base)}'
        f'<span class="name">{name_text(shown_name(person))}</span> '
        f"<small>{several(counts[key], 'photo')}</small></a></li>"
        for key, person in people.items()
    )
    if not cards:
        return ""
    return f'<h2 id="people">{title}</h2>\n<ul class="people" aria-labelledby="people">\n{cards}\n</ul>'


def heading_html(key: int, person: Person) -> str:
    """The name at the top of a person's own page."""
    return f"<h1 {_data(key, person)}>{name_text(shown_name(person))}</h1>"


def _data(key: int, person: Person) -> str:
    name = shown_name(person)
    return (
        f'data-person="{key}" data-name="{name_text(name)}" data-plain="{html_text(plain(name))}"'
        f"{'' if person.name else ' data-guests'}"
    )


def times_html(parts: Sequence[Chapter]) -> str:
    """Links to the chapters, under their days; none if there is only one."""
    if len(parts) < 2:
        return ""
    links: list[str] = []
    for number, part in enumerate(parts):
        new_day = number == 0 or _day_of(parts[number - 1]) != _day_of(part)
        if new_day and part.first is not None:
            links.append(f"<b>{short_day(part.first)}</b>")
        text = "No time" if part.first is None else f"{part.first:%H:%M}"
        links.append(f'<a href="#t{number}">{text}</a>')
    return f'<nav class="times" aria-label="Times">{"".join(links)}</nav>'


def chapter_html(number: int, part: Chapter, people: Sequence[Person], base: str) -> str:
    """The photos of a chapter below its time."""
    pictures = "\n".join(photo_html(photo, people, base) for photo in part.photos)
    heading = f"{_heading(part)} <small>\N{MIDDLE DOT} {several(len(part.photos), 'photo')}</small>"
    return (
        f'<section class="chapter" id="t{number}" aria-labelledby="h{number}">\n'
        f'<h2 id="h{number}">{heading}</h2>\n<div class="photos">\n{pictures}\n</div>\n</section>'
    )


def _heading(part: Chapter) -> str:
    if part.first is None or part.last is None:
        return "Without a time"
    from_to = f"{part.first:%H:%M}"
    if f"{part.last:%H:%M}" != from_to:
        from_to += f" \N{EN DASH} {part.last:%H:%M}"
    return f"{weekday(part.first)} <time>{from_to}</time>"


def _day_of(part: Chapter) -> object:
    return part.first and part.first.date()


def photo_html(photo: Photo, people: Sequence[Person], base: str) -> str:
    """A link to the first of a photo's copies, showing its smaller versions; the same without a script."""
    names = [shown_name(people[key]) for key in photo.copies]
    time = moment(photo.taken_at) if photo.taken_at is not None else ""
    at = "" if photo.at_ms is None else _at(photo.at_ms)
    alt = ", ".join(part for part in (*names, time, at and f"from a video at {at}") if part)
    told = f"{_told('time', time)}{_told('clip', at)}"
    full = address(next(iter(photo.copies.values())), base)
    return (
        f'<a class="photo r{_ratio(photo)}" id="p{html_text(photo.key)}" href="{full}" '
        f'data-people="{" ".join(map(str, photo.copies))}"{told}>'
        f"<picture>{_sources(photo, base)}{_image(photo, alt, full, base)}</picture></a>"
    )


def _told(name: str, text: str) -> str:
    return f' data-{name}="{text}"' if text else ""


def _at(ms: int) -> str:
    """A time within a clip, as players show it: ``1:02``."""
    hours, minutes, seconds = map(int, clock_time(ms).partition(".")[0].split(":"))
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def _sources(photo: Photo, base: str) -> str:
    formats = dict.fromkeys(made.variant.format for _, made in photo.smaller)
    return "".join(
        f'<source type="image/{name}" srcset="{_candidates(photo, name, base)}" sizes="{_SIZES}">'
        for name in sorted(formats)  # AVIF before WebP: the smaller one
        if name != "jpeg"
    )


def _image(photo: Photo, alt: str, full: str, base: str) -> str:
    candidates = _candidates(photo, "jpeg", base)
    smallest = candidates.partition(" ")[0] or full
    several_sizes = f' srcset="{candidates}" sizes="{_SIZES}"' if candidates else ""
    return (
        f'<img src="{smallest}"{several_sizes} width="{photo.width}" height="{photo.height}" loading="lazy" '
        f'decoding="async" alt="{name_text(alt)}">'
    )


def _candidates(photo: Photo, name: str, base: str) -> str:
    """The versions in one format with their widths, smallest first."""
    made = sorted((m.width, file) for file, m in photo.smaller if m.variant.format == name)
    return ", ".join(f"{address(file, base)} {width}w" for width, file in made)


def _ratio(photo: Photo) -> int:
    return min(max(round(100 * photo.width / photo.height), _NARROWEST), _WIDEST)


def ratio_styles(photos: Sequence[Photo]) -> str:
    """A style for each shape of photo: the page's policy allows none in the elements."""
    return "".join(
        f".r{ratio}{{--r:{ratio / 100:g}}}" for ratio in sorted({_ratio(p) for p in photos})
    )
