"""Small pieces of HTML that several notebooks show."""

from __future__ import annotations

from facesort.core.foreign_text import html_text
from facesort.lab.shared.colours import GREEN, RED

TEXT_STYLE = (
    "color:var(--jp-ui-font-color1,#222);line-height:1.35;font-size:13px;overflow-wrap:anywhere"
)


def notice(text: str, *, good: bool | None = None) -> str:
    """One line about a result: success, failure, or neither (None)."""
    colour = {None: "#888888", True: GREEN, False: RED}[good]
    return (
        f'<div role="status" class="mathjax_ignore" '
        f'style="{TEXT_STYLE};border-left:4px solid {colour};padding:4px 10px">'
        f"{html_text(text)}</div>"
        if text
        else ""
    )


def progress_html(done: int, total: int, what: str) -> str:
    """A bar and its figures, ``212 of 286 looked at``; nothing if there is nothing to do."""
    if not total:
        return ""
    said = f"{done:,} of {total:,} {what}"
    return (
        f'<label class="mathjax_ignore" style="{TEXT_STYLE};display:flex;align-items:center;gap:10px">'
        f'<progress max="{total}" value="{done}" style="width:220px;accent-color:{GREEN}"></progress>'
        f"{html_text(said)}</label>"
    )
