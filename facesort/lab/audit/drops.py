"""Drops, counted in every way that an audit asks for; each way adds up to the same total."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from IPython.display import Markdown

from facesort.core.audit import AuditedPhoto, day_of, fold, folder_of, group_by, hour_of
from facesort.lab.audit.report import AuditReport
from facesort.lab.audit.tables import INDEPENDENCE, MAX_ROWS, Sections, interval, rate_table
from facesort.lab.shared.drop_rate import DropRate
from facesort.lab.shared.tables import Table, percent
from facesort.lab.shared.words import decimals, explain
from facesort.reasons import PhotoStatus

_NOTHING = "No photo has been decided yet."
_MAX_HOURS = 48

_PLACES: MappingProxyType[str, Callable[[AuditedPhoto], str]] = MappingProxyType(
    {
        "Run": lambda photo: f"run {photo.run_id}",
        "Folder": folder_of,
        "Camera": lambda photo: photo.camera or "not recorded",
        "Format": lambda photo: photo.format or "not read",
    }
)


def show_reasons(report: AuditReport) -> Table | Markdown:
    """How many photos were dropped, why, and whether it adds up."""
    total = report.total
    if not total.decided:
        return Markdown(_NOTHING)
    ranked = sorted(total.reasons.items(), key=lambda item: (-item[1], item[0]))
    drop = DropRate(total.dropped, total.decided)
    return Table(
        ("Reason", "Photos", "Share of decided", "What it means"),
        [(code, n, percent(n, total.decided), explain(code)) for code, n in ranked],
        (
            "dropped",
            drop.dropped,
            percent(drop.dropped, drop.decided),
            f"of {drop.decided:,} decided photos; 95 % interval {interval(drop)}",
        ),
        f"{_check(report)} {INDEPENDENCE}",
    )


def _check(report: AuditReport) -> str:
    """Compare what the rows add up to with what the database counts by itself."""
    total, counts = report.total, report.counts
    matched, pending = counts.photos[PhotoStatus.MATCHED], counts.photos[PhotoStatus.PENDING]
    keys = (*_PLACES.values(), hour_of)
    dropped = {sum(g.dropped for g in group_by(report.photos, key)) for key in keys}
    sums = {total.dropped, sum(report.drops.values())} | dropped
    parts = f"{matched:,} matched + {total.dropped:,} dropped + {pending:,} pending"
    if sums != {total.dropped} or counts.total != matched + total.dropped + pending:
        return (
            f"THE COUNTS DO NOT ADD UP: {counts.total:,} photos, but {parts}; drops {sorted(sums)}. "
            "Please report this."
        )
    return (
        f"Check: {counts.total:,} photos = {parts}; the reasons add up to {total.dropped:,}, and so do the drops "
        "by run, folder, camera, format and hour."
    )


def show_places(report: AuditReport) -> Sections | Markdown:
    """Drop rate by run, folder, camera and format; each table adds up to the same total."""
    if not report.total.decided:
        return Markdown(_NOTHING)
    tables = [
        (
            f"By {what.lower()}",
            rate_table(what, fold(group_by(report.photos, key), MAX_ROWS), total=report.total),
        )
        for what, key in _PLACES.items()
    ]
    return Sections([*tables, ("How to read it", f"Dashed: all photos together. {INDEPENDENCE}")])


def show_hours(report: AuditReport) -> Table | Markdown:
    """Drop rate by the hour of capture; by the day, where the hours are too many."""
    if not report.total.decided:
        return Markdown(_NOTHING)
    groups, what = group_by(report.photos, hour_of), "Hour"
    if len(groups) > _MAX_HOURS:
        groups, what = group_by(report.photos, day_of), "Day"
    if len(groups) > _MAX_HOURS:
        groups = fold(groups, _MAX_HOURS)
    return rate_table(what, groups, total=report.total)


def show_persons(report: AuditReport) -> Table | Markdown:
    """Photos of everyone, beside the dropped photos that came nearest to them."""
    total = report.total
    if not total.decided:
        return Markdown(_NOTHING)
    near: dict[str, list[AuditedPhoto]] = {person.name: [] for person in report.coverage}
    nobody = [photo for photo in report.photos if photo.dropped and photo.person is None]
    for photo in report.photos:
        if photo.dropped and photo.person is not None:
            near.setdefault(photo.person, []).append(photo)
    matched = {person.name: person.photos for person in report.coverage}
    rows = [_person_row(name, matched.get(name, 0), dropped) for name, dropped in near.items()]
    rows.sort(key=lambda row: (-int(str(row[2])), str(row[0])))
    nearest = ("nobody", "", len(nobody), "", "", "", "")
    return Table(
        ("Person", "In photos", "Dropped near them", "Withheld", "Share", "95 % interval", "Nearest drop"),
        [*rows, nearest] if nobody else rows,
        ("dropped", "", total.dropped, "", "", "", ""),
        "A dropped photo counts to the one person whom a face in it came nearest to (or who was not to be delivered), "
        "to nobody if there was no face to compare. Most of those near a person are strangers: look at the ones whose "
        f"distance is just above LOOSE. {INDEPENDENCE}",
    )  # fmt: skip


def _person_row(name: str, matched: int, dropped: list[AuditedPhoto]) -> tuple[object, ...]:
    drop = DropRate(len(dropped), matched + len(dropped))
    withheld = sum(photo.reason == "do_not_deliver" for photo in dropped)
    distances = [
        photo.distance for photo in dropped
        if photo.reason != "do_not_deliver" and photo.distance is not None
    ]  # fmt: skip
    nearest = decimals(min(distances)) if distances else ""
    share = percent(drop.dropped, drop.decided)
    return (name, matched, len(dropped), withheld or "", share, interval(drop), nearest)
