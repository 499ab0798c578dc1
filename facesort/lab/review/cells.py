"""What ``04_review`` shows: doubtful matches, persons, strangers, doppelgangers, bursts, history, re-match."""

from __future__ import annotations

from pathlib import Path

from ipywidgets import Widget

from facesort.engine.setup import open_with_pack, refuse_other_pack
from facesort.lab.review.bursts import bursts_table
from facesort.lab.review.doubtful import DoubtfulPanel
from facesort.lab.review.history import HistoryPanel, RematchPanel
from facesort.lab.review.person import PersonPanel
from facesort.lab.review.reviewing import Reviewing
from facesort.lab.review.rivals import RivalsPanel
from facesort.lab.review.strangers import StrangersPanel
from facesort.lab.shared.notebooks import find_folder
from facesort.lab.shared.tables import Table


def open_review(workspace: str | Path) -> Reviewing:
    """Open a workspace to look at what a sort decided, and to correct it.

    Parameters
    ----------
    workspace : str or Path

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
    with opened.open_store() as store:  # brings an older database up to date
        refuse_other_pack(store, pack)
    return Reviewing(opened, pack)


def show_doubtful(review: Reviewing) -> Widget:
    """Matches that somebody should look at: yes, no, or not sure."""
    return DoubtfulPanel(review).widget


def show_person(review: Reviewing) -> Widget:
    """All faces of one person, worst first."""
    return PersonPanel(review).widget


def show_strangers(review: Reviewing) -> Widget:
    """People whom nobody seeded."""
    return StrangersPanel(review).widget


def show_rivals(review: Reviewing) -> Widget:
    """Pairs of people who competed for the same faces."""
    return RivalsPanel(review).widget


def show_bursts(review: Reviewing) -> Table:
    """Photos that look alike, and the sharpest of each burst."""
    return bursts_table(review)


def show_history(review: Reviewing) -> Widget:
    """What was done, with undo and redo."""
    return HistoryPanel(review).widget


def show_rematch(review: Reviewing) -> Widget:
    """The button that carries everything into the output."""
    return RematchPanel(review).widget
