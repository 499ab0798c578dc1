"""What the audit's tables are made of: rates with their intervals, drawn and in figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from types import MappingProxyType

from facesort.core.audit import Group
from facesort.lab.shared.drop_rate import DropRate
from facesort.lab.shared.plots import BLUE, DARK
from facesort.lab.shared.tables import Table, percent
from facesort.reasons import Reason

INDEPENDENCE = (
    "Intervals are Wilson's, 95 %, and take photos for independent. Photos of one burst are not: "
    "where there are many, the truth is wider than the bar."
)
MAX_ROWS = 40  # of a table that can be read on one page
_WIDTH, _HEIGHT, _EDGE = 120, 16, 4  # px
_KINDS = MappingProxyType(
    {
        "unknown": Reason.ONLY_UNKNOWN_FACES,
        "withheld": Reason.DO_NOT_DELIVER,
        "no face": Reason.NO_FACE,
        "duplicate": Reason.DUPLICATE,
    }
)


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
            f'<svg width="{_WIDTH}" height="{_HEIGHT}" style="vertical-align:middle" role="img" '
            f'aria-label="{escape(interval(self.drop))}">'
            f'<line x1="{overall}" x2="{overall}" y1="0" y2="{_HEIGHT}" stroke="{DARK}" stroke-dasharray="2 2"/>'
            f'<line x1="{low}" x2="{high}" y1="{middle}" y2="{middle}" stroke="{BLUE}" stroke-width="3"/>'
            f'<circle cx="{rate}" cy="{middle}" r="4" fill="{BLUE}"/></svg>'
        )

    def _x(self, rate: float) -> float:
        return round(_EDGE + (_WIDTH - 2 * _EDGE) * min(rate / self.end, 1.0), 1)

    def __str__(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Sections:
    """Several small tables or sentences below each other, each under its heading.

    Parameters
    ----------
    parts : sequence of (heading, table or sentence)
    """

    parts: Sequence[tuple[str, Table | str]]

    def _repr_html_(self) -> str:
        return "".join(
            f'<h4 style="margin:18px 4px 4px">{escape(heading)}</h4>{_html(part)}'
            for heading, part in self.parts
        )

    def __repr__(self) -> str:
        return "\n\n".join(f"{heading}\n{part}" for heading, part in self.parts)


def _html(part: Table | str) -> str:
    if isinstance(part, str):
        return f'<p style="margin:6px 4px">{escape(part)}</p>'
    return part._repr_html_()


def interval(drop: DropRate) -> str:
    """A 95 % interval in words that stay on one line: ``1.2 to 3.4 %``; nothing for a rate of nothing."""
    if drop.interval is None:
        return ""
    low, high = drop.interval
    return f"{100 * low:.1f} to {100 * high:.1f} %".replace(" ", "\N{NO-BREAK SPACE}")


def rate_table(what: str, groups: Iterable[Group], *, total: Group) -> Table:
    """Groups of photos with their drop rates; the rows add up to the total.

    Parameters
    ----------
    what : str
        What the groups have in common, for the heading.
    groups : iterable of Group
    """
    listed, overall = list(groups), _rate(total).rate or 0.0
    ends = [drop.interval[1] for drop in map(_rate, listed) if drop.interval is not None]
    end = max([*ends, overall, 1e-3])
    kinds = [kind for kind, number in _kinds(total).items() if number]
    return Table(
        (what, "Photos", "Dropped", "Rate", "", "95 % interval", *kinds),
        [_row(group, Whisker(_rate(group), overall, end), kinds) for group in listed],
        _row(total, "", kinds),
    )


def _rate(group: Group) -> DropRate:
    return DropRate(group.dropped, group.decided)


def _row(group: Group, drawn: object, kinds: Sequence[str]) -> tuple[object, ...]:
    drop = _rate(group)
    rate = percent(drop.dropped, drop.decided)
    numbers = _kinds(group)
    shown = (numbers[kind] or "" for kind in kinds)
    return (group.name, group.decided, group.dropped, rate, drawn, interval(drop), *shown)


def _kinds(group: Group) -> dict[str, int]:
    """Drops by kind; what is no other kind is a file that failed."""
    known = {word: group.reasons.get(code, 0) for word, code in _KINDS.items()}
    return known | {"failed": group.dropped - sum(known.values())}
