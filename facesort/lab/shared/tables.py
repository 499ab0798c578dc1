"""Small tables for notebooks, as HTML and as text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from facesort.core.text.foreign_text import html_text, printable
from facesort.lab.shared.html import paragraph, prose

_NUMBER = re.compile(r"[\d.,]+( %)?")
_CELL = "text-align:{align};padding:3px var(--facesort-gap,14px) 3px 4px;vertical-align:{valign};{extra}"
_RULE = "1px solid #888"
_SHORT = 18  # characters
_LONG_WORDS = "overflow-wrap:anywhere;min-width:7em;"  # a path, or a name without a space, must not push others away
# On a narrow page what is short may have a second line too; a table of many columns is scrolled in its box.
_NARROW = (
    "<style>.facesort-box{overflow-x:auto;container-type:inline-size}"
    "@container(max-width:700px){.facesort-box table{--facesort-gap:8px;--facesort-wrap:normal}}</style>"
)


def percent(part: float, whole: float) -> str:
    """Format a share: ``12.3 %``; empty if `whole` is 0."""
    return f"{100 * part / whole:.1f} %" if whole else ""


def _shown(cell: object) -> str:
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings.

    Where the page is narrow, short cells break too.  On a phone, a saved page shows each row of a table with sentences
    as a card, and scrolls a table of short values.

    Parameters
    ----------
    columns : sequence of str
        Headings.
    rows : sequence of rows
        Integers get thousands separators, numbers and shares are right-aligned; objects that have HTML show it.
    total : row, optional
        Set off below the others.
    note : str, optional
        Lines below the table.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    total: Sequence[object] | None = None
    note: str = ""

    def _repr_html_(self) -> str:
        head = self._html_row(self.columns, "th", f"font-weight:bold;border-bottom:{_RULE};")
        body = "".join(self._html_row(row) for row in self.rows)
        if self.total is not None:
            body += self._html_row(self.total, extra=f"font-weight:bold;border-top:{_RULE};")
        short = all(map(self._is_short, range(1, len(self.columns))))
        kind = "facesort-table" if short else "facesort-cards"
        return (
            f'{_NARROW}<div class="facesort-box"><table class="mathjax_ignore {kind}" '
            f'style="border-collapse:collapse;margin-left:0;line-height:1.3"><thead>{head}</thead><tbody>{body}</tbody></table></div>{paragraph(self.note)}'
        )

    def _html_row(self, row: Sequence[object], tag: str = "td", extra: str = "") -> str:
        cells = []
        for number, (heading, cell) in enumerate(zip(self.columns, row, strict=True)):
            numeric = self._is_numeric(number)
            align = "right" if numeric else "left"
            whole = _LONG_WORDS
            if numeric and tag == "td":
                whole = "white-space:nowrap;"
            elif self._is_short(number):
                whole = "white-space:var(--facesort-wrap,nowrap);" if tag == "td" else ""
            valign = "top" if tag == "td" else "bottom"
            style = _CELL.format(align=align, valign=valign, extra=extra + whole)
            html = getattr(cell, "_repr_html_", None)
            shown = html() if html else prose(_shown(cell))
            # A page that folds its tables on a phone says the heading again beside each cell.
            says = f'data-label="{html_text(heading)}"' if tag == "td" else 'scope="col"'
            cells.append(f'<{tag} {says} style="{style}">{shown}</{tag}>')
        return f'<tr style="background:transparent">{"".join(cells)}</tr>'

    def _is_numeric(self, number: int) -> bool:
        cells = [_shown(row[number]) for row in self.rows]
        return bool(cells) and all(cell == "" or _NUMBER.fullmatch(cell) for cell in cells)

    def _is_short(self, number: int) -> bool:
        """Whether all cells of a column fit on one line."""
        return all(len(_shown(row[number])) <= _SHORT for row in self.rows)

    def __repr__(self) -> str:
        rows = [self.columns, *self.rows, *([self.total] if self.total is not None else [])]
        text = [[printable(_shown(cell)) for cell in row] for row in rows]
        widths = [max(len(row[i]) for row in text) for i in range(len(self.columns))]
        lines = [
            "  ".join(
                cell.rjust(width) if self._is_numeric(i) else cell.ljust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in text
        ]
        return "\n".join([*lines, *(map(printable, self.note.split("\n")) if self.note else ())])
