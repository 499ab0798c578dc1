"""How many photos were dropped, why, where, when, and near whom."""

from __future__ import annotations

from IPython.display import Markdown

from facesort.core.text.meanings import explain
from facesort.lab.audit.report import AuditReport
from facesort.lab.audit.tables import INDEPENDENCE, Sections, interval, rate_table
from facesort.lab.shared.drop_rate import DropRate
from facesort.lab.shared.event import group_sentences
from facesort.lab.shared.tables import Table, percent
from facesort.lab.shared.words import decimals
from facesort.reasons import PhotoStatus

_NOTHING = "No photo has been decided yet."


def show_reasons(report: AuditReport) -> Table | Markdown:
    """How many photos were dropped, why, and whether the counts add up."""
    drop = report.drop_rate
    if not drop.decided:
        return Markdown(_NOTHING)
    return Table(
        ("Reason", "Photos", "Share of decided", "What it means"),
        [
            (code or "(no reason)", n, percent(n, drop.decided), explain(code))
            for code, n in report.reasons.items()
        ],
        (
            "dropped",
            drop.dropped,
            percent(drop.dropped, drop.decided),
            f"of {drop.decided:,} decided photos; 95 % interval {interval(drop)}",
        ),
        "\n".join(
            [
                f"{_check(report)} {INDEPENDENCE}",
                *(
                    f"{sentence}."
                    for sentence in group_sentences(report.counts.by_group, report.counts.in_doubt)
                ),
            ]
        ),
    )


def _check(report: AuditReport) -> str:
    """Compare the sums of all tables with the counts of photos by status."""
    counts, dropped = report.counts, report.drop_rate.dropped
    matched, pending = counts.photos[PhotoStatus.MATCHED], counts.photos[PhotoStatus.PENDING]
    sums = {dropped, sum(report.reasons.values()), sum(row[2] for row in report.persons)}
    sums |= {sum(row[2] for row in rows) for rows in report.drops.values()}
    parts = f"{matched:,} matched + {dropped:,} dropped + {pending:,} pending"
    if counts.same_shot:
        parts += f" + {counts.same_shot:,} linked to another file of their shot (same_shot)"
    if sums != {dropped} or counts.total != matched + dropped + pending + counts.same_shot:
        return (
            f"THE COUNTS DO NOT ADD UP: {counts.total:,} files, but {parts}; drops {sorted(sums)}. "
            "Please report this."
        )
    *most, last = (by.lower() for by in report.drops)
    return (
        f"Check: {counts.total:,} files = {parts}; the reasons add up to {dropped:,}, and so do the drops "
        f"by {', '.join(most)}, {last} and person."
    )


def show_places(report: AuditReport) -> Sections | Markdown:
    """Drop rate by run, folder, camera and format; each table adds up to the same total."""
    if not report.drop_rate.decided:
        return Markdown(_NOTHING)
    tables = [
        (f"By {by.lower()}", rate_table(by, rows, total=report.total))
        for by, rows in report.drops.items()
        if by not in ("Hour", "Day")
    ]
    return Sections([*tables, ("How to read it", f"Dashed: all photos together. {INDEPENDENCE}")])


def show_hours(report: AuditReport) -> Table | Markdown:
    """Drop rate by the hour of capture; by the day, where there are too many hours."""
    if not report.drop_rate.decided:
        return Markdown(_NOTHING)
    by = "Hour" if "Hour" in report.drops else "Day"
    return rate_table(by, report.drops[by], total=report.total)


def show_persons(report: AuditReport) -> Table | Markdown:
    """Everyone's photos, and the dropped photos that came nearest to them."""
    if not report.drop_rate.decided:
        return Markdown(_NOTHING)
    return Table(
        ("Person", "In photos", "Dropped near them", "Withheld", "Share", "95 % interval", "Nearest drop"),
        [_person_row(*row) for row in report.persons],
        ("dropped", "", report.drop_rate.dropped, "", "", "", ""),
        "A dropped photo counts once: for the withheld person in it, else for the person a face in it is nearest to, "
        "else (no face to compare) for nobody. Most of those near a person are strangers: look at the ones whose "
        f"distance is just above LOOSE. {INDEPENDENCE}",
    )  # fmt: skip


def _person_row(
    name: str | None, photos: int, dropped: int, withheld: int, nearest: float | None
) -> tuple[object, ...]:
    if name is None:
        return ("nobody", "", dropped, "", "", "", "")
    drop = DropRate(dropped, photos + dropped)
    distance = "" if nearest is None else decimals(nearest)
    share = percent(drop.dropped, drop.decided)
    return (name, photos, dropped, withheld or "", share, interval(drop), distance)
