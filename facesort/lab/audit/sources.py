"""What the sources hold: files, whether the clocks of their cameras agree, and places."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from IPython.display import Markdown

from facesort.core.moments.clocks import Suggestion, suggest_offsets
from facesort.core.moments.correlogram import WINDOW
from facesort.core.moments.offsets import offset_text
from facesort.core.moments.places import RADIUS, Place, find_places
from facesort.lab.audit.report import AuditReport
from facesort.lab.audit.tables import MAX_ROWS, Sections
from facesort.lab.shared.remarks import remarks
from facesort.lab.shared.tables import Table
from facesort.store.queries.audit.cameras import Camera, CameraClock

_NOT_RECORDED = "not recorded"
_PLAIN = re.compile(r"[\w.][\w.+-]*")
_QUOTABLE = re.compile(r"[\w.][\w .,()+/-]*")  # what no shell changes inside double quotes
_COUNTS_AT_ONCE = (
    "The clock of the camera with most photos is taken to be right: if another one is, set the others by it, with the "
    "signs turned round. An offset counts at once, in bursts and in every count by time; run this audit again."
)
_NOT_COMPARED = (
    "No two cameras have enough photos of the same people at the same moments to compare their clocks. If you know by "
    "how much one is wrong: `facesort source clock NAME +1h3m`."
)
_SAME = 2.0  # seconds: smaller differences change nothing


def show_sources(report: AuditReport) -> Sections | Markdown:
    """What each source holds and held before, whether the clocks of its cameras agree, and where they were."""
    if not report.sources:
        return Markdown("No source was looked at yet.")
    return Sections(
        (("Files", _files(report)), ("Clocks", _clocks(report)), ("Places", _places(report)))
    )


def _files(report: AuditReport) -> Table:
    counts = report.counts
    status = {
        "clips": counts.clips,
        "same_shot": counts.same_shot,
        "absent": counts.absent,
        "skipped": counts.skipped,
        "remarks": counts.remarks,
    }
    return Table(
        ("Source", "Files", "Photos", "Pending", "Gone", "Replaced", "First taken", "Last taken", "Cameras"),
        [
            (*numbers, _minute(first), _minute(last), ", ".join(cameras) or _NOT_RECORDED)
            for *numbers, first, last, cameras in report.sources
        ],
        note="\n".join(f"{sentence}." for sentence in remarks(status)),
    )  # fmt: skip


def _clocks(report: AuditReport) -> Table | str:
    """What is added to the times of each camera, and what should be: by the people whom two cameras saw at once."""
    if not report.clocks:
        return "No photo has been decided yet."
    if len(report.clocks) == 1 and not report.clocks[0].seconds:
        return "There is one camera, and nothing to compare its clock with."
    suggested = suggest_offsets(report.sightings)
    now = {(clock.source, clock.camera): clock.seconds for clock in report.clocks}
    return Table(
        ("Source", "Camera", "Photos", "Without time", "Added now", "Should be", "Why", "How to set it"),
        [_clock(clock, suggested, now) for clock in report.clocks],
        note=_COUNTS_AT_ONCE if suggested else _NOT_COMPARED,
    )  # fmt: skip


def _clock(
    clock: CameraClock, suggested: Mapping[Camera, Suggestion[Camera]], now: Mapping[Camera, int]
) -> tuple[object, ...]:
    key = clock.source, clock.camera
    should_be, why, how = "not known", "", ""
    if key in suggested:
        reference, offset = suggested[key].reference, suggested[key].offset
        wanted = now[reference] + offset.seconds
        fits = abs(wanted - clock.seconds) <= max(_SAME, 2 * offset.spread)
        should_be = "as it is" if fits else offset_text(wanted)
        how = "" if fits else _command(clock, wanted, now)
        why = (
            f"{offset.pairs:,} pairs with photos of {_name(*reference)} show the same people within {WINDOW:g} s, of "
            f"{offset.moments:.0f} moments; by chance {offset.expected:.1f} would. "
            f"Good to {2 * offset.spread:.0f} s."
        )
    elif key in {found.reference for found in suggested.values()}:
        should_be, why = "as it is", "Others are compared with it."
    return (
        clock.source,
        clock.camera or _NOT_RECORDED,
        clock.photos,
        clock.without_time or "",
        offset_text(clock.seconds),
        should_be,
        why,
        how,
    )


def _name(source: str, camera: str) -> str:
    return f"{source} ({camera or _NOT_RECORDED})"


def _command(clock: CameraClock, seconds: int, known: Iterable[Camera]) -> str:
    """To be copied into a shell: a camera's name is what anybody wrote into a file."""
    alone = sum(source == clock.source for source, _ in known) == 1
    if not alone and not clock.camera:
        return "Cameras without a name cannot be set apart from others of their source."
    names = [_quoted(name) for name in ([clock.source] if alone else [clock.source, clock.camera])]
    words = [name or "NAME" for name in names]
    words.insert(1, offset_text(seconds))
    words[2:] = [f"--camera {name}" for name in words[2:]]
    hint = "" if all(names) else " (put the NAME that `facesort source list` shows in quotes)"
    return f"facesort source clock {' '.join(words)}{hint}"


def _quoted(text: str) -> str:
    """A word for any shell; empty for names that one of them would misread."""
    if _PLAIN.fullmatch(text):
        return text
    return f'"{text}"' if _QUOTABLE.fullmatch(text) else ""


def _places(report: AuditReport) -> Table | str:
    if not report.positions:
        return "No photo has a position."
    places = find_places(report.positions)
    shown = places[: MAX_ROWS if len(places) <= MAX_ROWS else MAX_ROWS - 1]
    rest = len(places) - len(shown)
    photos = sum(clock.photos for clock in report.clocks)
    return Table(
        ("Latitude, longitude", "Photos", "First", "Last", "Altitude"),
        [
            (
                f"{place.latitude:.4f}, {place.longitude:.4f}",
                place.photos,
                _minute(place.first),
                _minute(place.last),
                _altitude(place),
            )
            for place in shown
        ]
        + (
            [(f"{rest:,} others", sum(p.photos for p in places[-rest:]), "", "", "")]
            if rest
            else []
        ),
        note=f"{len(report.positions):,} of {photos:,} photos have a position. A place is all within {RADIUS:g} m of "
        "where most photos were taken.",
    )


def _minute(time: datetime | None) -> str:
    return _NOT_RECORDED if time is None else f"{time:%Y-%m-%d %H:%M}"


def _altitude(place: Place) -> str:
    if place.lowest is None or place.highest is None:
        return ""
    low, high = round(place.lowest), round(place.highest)
    return f"{low} m" if low == high else f"{low} to {high} m"
