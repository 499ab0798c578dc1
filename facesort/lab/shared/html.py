"""Small pieces of HTML that several notebooks show."""

from __future__ import annotations

import re

from facesort.core.text.foreign_text import html_text
from facesort.lab.shared.colours import GREEN, RED

_COMMAND = re.compile(r"`((?:facesort |matching\.|photos\.)[^`]*)`")

TEXT_STYLE = (
    "color:var(--jp-ui-font-color1,#222);line-height:1.35;font-size:13px;overflow-wrap:anywhere"
)
_TRACK = "width:220px;height:8px;border:1px solid var(--jp-ui-font-color2,#666);border-radius:5px;overflow:hidden"
_BAR = f"display:block;height:100%;background:{GREEN}"


def prose(text: str) -> str:
    """A text with its commands and settings, which a terminal shows between backquotes, as code."""
    return _COMMAND.sub(r"<code>\1</code>", html_text(text))


def paragraph(text: str) -> str:
    """Sentences above or below a table or a chart, each line of the text on its own; nothing for none."""
    style = "margin:6px 4px;line-height:1.5;white-space:pre-line"
    return f'<p class="mathjax_ignore" style="{style}">{prose(text)}</p>' if text else ""


def notice(text: str, *, good: bool | None = None) -> str:
    """One line about a result: success, failure, or neither (None)."""
    colour = {None: "#888888", True: GREEN, False: RED}[good]
    return (
        f'<div role="status" class="mathjax_ignore" '
        f'style="{TEXT_STYLE};border-left:4px solid {colour};padding:4px 10px">'
        f"{prose(text)}</div>"
        if text
        else ""
    )


def progress_html(done: int, total: int, what: str) -> str:
    """A bar and its figures, ``212 of 286 looked at``; nothing if there is nothing to do."""
    if not total:
        return ""
    said = f"{done:,} of {total:,} {what}"
    return (
        f'<div class="mathjax_ignore" style="{TEXT_STYLE};display:flex;align-items:center;gap:10px">'
        f'<span role="progressbar" aria-label="{html_text(said)}" '
        f'aria-valuemax="{total}" aria-valuenow="{done}" style="{_TRACK}">'
        f'<span style="{_BAR};width:{100 * done / total:.1f}%"></span></span>{html_text(said)}</div>'
    )
