"""What ``01_seed`` shows: a form to add persons, the gallery, and what it is missing."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path

from IPython.display import Markdown
from ipywidgets import Widget

from facesort.core.persons.matching import Thresholds
from facesort.core.text.words import several
from facesort.engine.gallery.view import ClosestPair
from facesort.engine.setup import open_with_pack
from facesort.lab.seed.add_panel import AddPanel
from facesort.lab.seed.gallery_panel import GalleryPanel
from facesort.lab.seed.plots import plot_closest_pair, plot_confusion, shown_persons
from facesort.lab.seed.session import SeedSession
from facesort.lab.shared.face_pictures import faces_picture
from facesort.lab.shared.front_end import is_interactive
from facesort.lab.shared.notebooks import find_folder
from facesort.lab.shared.plots import Plot, picture
from facesort.lab.shared.session import Live
from facesort.lab.shared.tables import Table
from facesort.lab.shared.words import shorten

_MAX_ADVISED = 100
_FEWER_THAN_TWO = "Nobody can be mistaken for anybody: the gallery has fewer than two people."


def open_gallery(workspace: str | Path, *, executor: Executor | None = None) -> SeedSession:
    """Open a workspace to edit its gallery.

    Parameters
    ----------
    workspace : str or Path
    executor : Executor, optional
        Where to analyse photos; default: a process on this machine.

    Raises
    ------
    WorkspaceError, SettingsError, PackError
        If the workspace or its model pack is missing.
    PackMismatchError
        If the gallery was embedded with another pack.
    StoreLockedError
        While a sort is running.
    """
    opened, pack = open_with_pack(find_folder(workspace))
    opened.open_store().close()  # migrates an older database
    session = SeedSession(opened, pack, executor)
    session.view()
    if is_interactive():
        session.prepare()
    return session


def show_add(session: SeedSession) -> Widget:
    """A form to add persons and references."""
    return AddPanel(session).widget


def show_gallery(session: SeedSession) -> Widget:
    """Everybody in the gallery, each with an editor."""
    return GalleryPanel(session).widget


def show_coach(session: SeedSession) -> Live:
    """What each person's references are missing; follows the gallery."""

    def content() -> Table | Markdown:
        cards = session.view().cards
        if not cards:
            return Markdown("Nobody is in the gallery yet: add someone above.")
        rows = [
            (card.person.name, len(card.references), advice.gap.value, advice.text)
            for card in cards
            for advice in card.advice
        ]
        if not rows:
            everybody = several(len(cards), "person", "people")
            return Markdown(f"Nothing is missing for any of {everybody}.")
        fine = sum(not card.advice for card in cards)
        note = "Something is missing for everybody."
        if fine:
            note = f"Nothing is missing for {fine:,} of {len(cards):,}."
        if len(rows) > _MAX_ADVISED:
            note += f" {len(rows) - _MAX_ADVISED:,} more lines are not shown."
        columns = ("Person", "References", "Missing", "What to do")
        return Table(columns, rows[:_MAX_ADVISED], note=note)

    return _live(session, "coach", content)


def show_confusion(session: SeedSession) -> Live:
    """Distances between all people; follows the gallery."""

    def content() -> Plot | Markdown:
        view = session.view()
        if len(view.cards) < 2:
            return Markdown(_FEWER_THAN_TWO)
        shown = len(shown_persons(view.distances))
        figure = plot_confusion(view)
        text = f"Distances between the centroids of {shown:,} people"
        if shown < len(view.cards):
            text += f" with the nearest neighbours, of {len(view.cards):,}"
        nearest = view.closest()
        said = f"; nearest: {_describe(nearest, session.thresholds)}" if nearest else ""
        return picture(figure, f"{text}{said}", above=text)

    return _live(session, "confusion", content)


def show_closest_pair(session: SeedSession) -> Live:
    """The two people most easily mistaken for each other; follows the gallery."""

    def content() -> Plot | Widget | Markdown:
        pair = session.view().closest()
        if pair is None:
            return Markdown(_FEWER_THAN_TWO)
        text = _describe(pair, session.thresholds)
        return faces_picture(plot_closest_pair(pair), text, above=text)

    return _live(session, "closest", content)


def _live(session: SeedSession, key: str, content: Callable[[], object]) -> Live:
    """A display that follows the gallery; where somebody can press it, with undo above."""
    return session.live(
        key, content, above=session.history_line.widget if is_interactive() else None
    )


def _describe(pair: ClosestPair, thresholds: Thresholds) -> str:
    first, second = (shorten(c.person.name, 40) for c in (pair.first, pair.second))
    between = f"{first} and {second} are {pair.distance:.2f} apart"
    if pair.distance <= thresholds.strict:
        return (
            f"{between}, within STRICT: probably one person under two names. Merge them, or check."
        )
    if pair.distance <= thresholds.loose:
        return f"{between}, within LOOSE: a poor photo of one may be taken for the other. More references help."
    return f"{between}, beyond LOOSE; these two of their references are {pair.face_distance:.2f} apart."
