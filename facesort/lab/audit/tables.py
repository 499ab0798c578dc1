"""Tables of drop rates, with each 95 % interval drawn and in figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from facesort.core.text.foreign_text import html_text, printable
from facesort.lab.shared.colours import BLUE
from facesort.lab.shared.drop_rate import DropRate
from facesort.lab.shared.tables import Table, percent
from facesort.store.queries.audit.dropped import DropRow

INDEPENDENCE = (
    "Intervals are exact (Clopper and Pearson), 95 %, and take photos for independent. Photos of one burst are not: "
    "where there are many, the real uncertainty is larger than the bar."
)
MAX_ROWS = 40  # of a table that can be read on one page
LISTED = 100  # rows of a list of files
_WIDTH, _HEIGHT, _EDGE = 120, 16, 4  # px
_KINDS = (
    "unknown",
    "awaits review",
    "withheld",
    "no face",
    "duplicate",
    "failed",
)  # of drops, as in DropRow


@dataclass(frozen=True, slots=True)
class Whisker:
    """A rate as a dot on its interval; the dashed line is the rate of all photos.

    Parameters
    ----------
    overall : float
        In [0, 1].
    end : float
        Rate at the right end of the axis, in (0, 1].
    """

    drop: DropRate
    overall: float
    end: float

    def _repr_html_(self) -> str:
        if self.drop.interval is None or self.drop.rate is None:
            return ""
        low, high = map(self._x, self.drop.interval)
        rate, overall, middle = self._x(self.drop.rate), self._x(self.overall), _HEIGHT / 2
        return (
            f'<svg width="{_WIDTH}" height="{_HEIGHT}" style="vertical-align:middle;min-width:{_WIDTH}px" '
            f'role="img" aria-label="{html_text(interval(self.drop))}">'
            f'<line x1="{overall}" x2="{overall}" y1="0" y2="{_HEIGHT}" stroke="currentColor" stroke-dasharray="2 2"/>'
            f'<line x1="{low}" x2="{high}" y1="{middle}" y2="{middle}" stroke="{BLUE}" stroke-width="3"/>'
            f'<circle cx="{rate}" cy="{middle}" r="4" fill="{BLUE}"/></svg>'
        )

    def _x(self, rate: float) -> float:
        return round(_EDGE + (_WIDTH - 2 * _EDGE) * min(rate / self.end, 1.0), 1)

    def __str__(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Sections:
    """Several tables or sentences, each under its heading.

    Parameters
    ----------
    parts : sequence of (heading, table or sentence)
    """

    parts: Sequence[tuple[str, Table | str]]

    def _repr_html_(self) -> str:
        return "".join(
            f'<h4 class="mathjax_ignore" style="margin:18px 4px 4px">{html_text(heading)}</h4>{_html(part)}'
            for heading, part in self.parts
        )

    def __repr__(self) -> str:
        return "\n\n".join(f"{printable(heading)}\n{_text(part)}" for heading, part in self.parts)


def _html(part: Table | str) -> str:
    if isinstance(part, str):
        return f'<p class="mathjax_ignore" style="margin:6px 4px">{html_text(part)}</p>'
    return part._repr_html_()


def _text(part: Table | str) -> str:
    return printable(part) if isinstance(part, str) else repr(part)


def interval(drop: DropRate) -> str:
    """A 95 % interval that does not wrap: ``1.2 to 3.4 %``; empty if nothing is decided."""
    if drop.interval is None:
        return ""
    low, high = drop.interval
    return f"{100 * low:.1f} to {100 * high:.1f} %".replace(" ", "\N{NO-BREAK SPACE}")


def rate_table(what: str, rows: Sequence[DropRow], *, total: DropRow) -> Table:
    """Groups of photos with their drop rates; the rows add up to the total.

    Parameters
    ----------
    what : str
        What the photos of a row have in common, for the heading.
    """
    overall = DropRate(total[2], total[1]).rate or 0.0
    drops = [DropRate(row[2], row[1]) for row in rows]
    end = max([*(drop.interval[1] for drop in drops if drop.interval), overall, 1e-3])
    shown = [i for i, number in enumerate(total[3:]) if number]

    def cells(row: DropRow, drawn: object) -> tuple[object, ...]:
        name, decided, dropped, *kinds = row
        drop = DropRate(dropped, decided)
        rate = percent(dropped, decided)
        return (
            name,
            decided,
            dropped,
            rate,
            drawn,
            interval(drop),
            *(kinds[i] or "" for i in shown),
        )

    return Table(
        (what, "Photos", "Dropped", "Rate", "", "95 % interval", *(_KINDS[i] for i in shown)),
        [cells(row, Whisker(drop, overall, end)) for row, drop in zip(rows, drops, strict=True)],
        cells(total, ""),
    )
