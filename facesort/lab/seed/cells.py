"""What ``01_seed`` shows: a panel to add persons, the gallery, and what a coach says about it."""

from __future__ import annotations

from concurrent.futures import Executor
from pathlib import Path

from IPython.display import Image, Markdown
from ipywidgets import Widget

from facesort.core.words import several
from facesort.engine.gallery.view import ClosestPair
from facesort.engine.setup import open_with_pack
from facesort.lab.seed.add_panel import AddPanel
from facesort.lab.seed.gallery_panel import GalleryPanel
from facesort.lab.seed.plots import plot_closest_pair, plot_confusion, shown_persons
from facesort.lab.seed.seeding import Seeding
from facesort.lab.shared.face_pictures import faces_picture
from facesort.lab.shared.live import Live
from facesort.lab.shared.notebooks import find_folder
from facesort.lab.shared.plots import picture
from facesort.lab.shared.tables import Table

_MAX_ADVISED = 100
_ALONE = "Nobody could be mistaken for anybody: there are fewer than two people in the gallery."


def open_seeding(workspace: str | Path, *, executor: Executor | None = None) -> Seeding:
    """Open a workspace to edit its gallery.

    Parameters
    ----------
    workspace : str or Path
    executor : Executor, optional
        Where to analyse photos; a process on this machine by default.

    Raises
    ------
    WorkspaceError, SettingsError, PackError
        If the workspace or its model pack is not there.
    PackMismatchError
        If the gallery was embedded with another pack.
    StoreLockedError
        While a sort is running.
    """
    opened, pack = open_with_pack(find_folder(workspace))
    opened.open_store().close()  # brings an older database up to date
    seeding = Seeding(opened, pack, executor)
    seeding.view()
    return seeding


def show_add(seeding: Seeding) -> Widget:
    """A form to add persons and references."""
    return AddPanel(seeding).widget


def show_gallery(seeding: Seeding) -> Widget:
    """Everybody in the gallery, each with an editor."""
    return GalleryPanel(seeding).widget


def show_coach(seeding: Seeding) -> Live:
    """What is missing, per person; follows the gallery."""
    return seeding.live("coach", lambda: coach_table(seeding))


def coach_table(seeding: Seeding) -> Table | Markdown:
    """What is missing, per person."""
    cards = seeding.view().cards
    if not cards:
        return Markdown("Nobody is in the gallery yet: add someone above.")
    rows = [
        (card.person.name, len(card.references), advice.gap.value, advice.text)
        for card in cards
        for advice in card.advice
    ]
    fine = sum(not card.advice for card in cards)
    if not rows:
        return Markdown(f"Nothing is missing for any of {several(len(cards), 'person', 'people')}.")
    note = f"Nothing is missing for {fine:,} of {len(cards):,}."
    if len(rows) > _MAX_ADVISED:
        note += f" {len(rows) - _MAX_ADVISED:,} more lines are not shown."
    return Table(("Person", "References", "Missing", "What to do"), rows[:_MAX_ADVISED], note=note)


def show_confusion(seeding: Seeding) -> Live:
    """How far everybody is from everybody; follows the gallery."""
    return seeding.live("confusion", lambda: confusion_picture(seeding))


def confusion_picture(seeding: Seeding) -> Image | Markdown:
    """How far everybody is from everybody."""
    view = seeding.view()
    if len(view.cards) < 2:
        return Markdown(_ALONE)
    shown = len(shown_persons(view.distances))
    figure = plot_confusion(view)
    text = f"Distances between the centroids of {shown:,} people"
    if shown < len(view.cards):
        text += f" with the nearest neighbours, of {len(view.cards):,}"
    figure.suptitle(text, x=0.01, ha="left", fontsize=10)
    return picture(figure, text)


def show_closest_pair(seeding: Seeding) -> Live:
    """The two people who could most easily be mistaken for each other; follows the gallery."""
    return seeding.live("closest", lambda: closest_picture(seeding))


def closest_picture(seeding: Seeding) -> Image | Widget | Markdown:
    """The two people who could most easily be mistaken for each other."""
    pair = seeding.view().closest()
    if pair is None:
        return Markdown(_ALONE)
    text = _verdict(pair, seeding)
    return faces_picture(plot_closest_pair(pair, text), text)


def _verdict(pair: ClosestPair, seeding: Seeding) -> str:
    first, second, thresholds = pair.first.person.name, pair.second.person.name, seeding.thresholds
    between = f"{first} and {second} are {pair.distance:.2f} apart"
    if pair.distance <= thresholds.strict:
        return f"{between}, within STRICT:\nmost likely one person under two names. Merge them, or check."
    if pair.distance <= thresholds.loose:
        return f"{between}, within LOOSE:\na poor photo of one may be taken for the other. More references help."
    return f"{between}, beyond LOOSE;\nthese two references of theirs are {pair.face_distance:.2f} apart."
