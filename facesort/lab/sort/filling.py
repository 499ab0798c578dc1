"""How the folders of persons fill while a sort runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import monotonic

from IPython.display import HTML, display

from facesort.core.text.foreign_text import html_text
from facesort.engine.job.progress import read_progress
from facesort.lab.shared.front_end import is_interactive
from facesort.lab.shared.html import paragraph
from facesort.lab.shared.members import member_sentences
from facesort.lab.shared.remarks import clips_remark
from facesort.workspace import Workspace

_EVERY_S = 1.0
_SHOWN = 40  # persons
_BAR = "height:0.8em;min-width:1px;background:var(--jp-brand-color1,#0072B2)"


@contextmanager
def filling(
    workspace: Workspace, clock: Callable[[], float] = monotonic
) -> Iterator[Callable[[], None]]:
    """Show each person's files so far below the progress bar, to a user; a saved run has a chart instead.

    The numbers are those of the progress file: a sort holds the database.

    Yields
    ------
    callable
        Call it after every photo: it does something once a second.
    """
    if not is_interactive():
        yield lambda: None
        return
    place = display(HTML(""), display_id=True)
    last = clock()

    def photo_done() -> None:
        nonlocal last
        if clock() - last < _EVERY_S:
            return
        last = clock()
        progress = read_progress(workspace.state)
        if progress is not None:
            clips = paragraph(clips_remark(progress.get("clips", {})))
            workers = "".join(map(paragraph, member_sentences(progress.get("workers", ()))))
            place.update(HTML(persons_html(progress["persons"]) + clips + workers))

    try:
        yield photo_done
    finally:
        place.update(HTML(""))


def persons_html(files: Mapping[str, int]) -> str:
    """Bars of the persons with the most files, in the order of the gallery."""
    most = max(files.values(), default=0)
    shown = set(sorted(files, key=lambda name: -files[name])[:_SHOWN])
    rows = "".join(
        f'<tr style="background:transparent"><td style="text-align:left;overflow-wrap:anywhere">{html_text(name)}</td>'
        f'<td style="text-align:right">{number:,}</td>'
        f'<td style="width:60%"><div style="{_BAR};width:{100 * number / max(most, 1):.1f}%"></div></td></tr>'
        for name, number in files.items()
        if name in shown
    )
    more = len(files) - len(shown)
    note = f"<p>{more:,} more people have fewer.</p>" if more else ""
    return (
        '<table class="mathjax_ignore" style="width:100%;max-width:700px;margin-left:0">'
        f'<caption style="text-align:left;padding:3px">Files so far</caption><tbody>{rows}</tbody></table>{note}'
    )
