"""The cells of ``04_review``."""

from __future__ import annotations

from pathlib import Path

from ipywidgets import Widget

from facesort.engine.setup import open_with_pack, refuse_other_pack
from facesort.lab.review.bursts import bursts_table
from facesort.lab.review.doubtful import DoubtfulPanel
from facesort.lab.review.history import HistoryPanel, RematchPanel
from facesort.lab.review.look_alikes import LookAlikesPanel
from facesort.lab.review.person import PersonPanel
from facesort.lab.review.session import ReviewSession
from facesort.lab.review.unknown_people import UnknownPeoplePanel
from facesort.lab.shared.notebooks import find_folder
from facesort.lab.shared.tables import Table


def open_review(workspace: str | Path) -> ReviewSession:
    """Open a workspace, to check and correct what a sort decided.

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
    with opened.open_store(read_only=True) as store:  # beside an audit; an older one is migrated
        refuse_other_pack(store, pack)
    return ReviewSession(opened, pack)


def show_doubtful(session: ReviewSession) -> Widget:
    """Doubtful matches, to answer with yes, no or not sure."""
    return DoubtfulPanel(session).widget


def show_person(session: ReviewSession) -> Widget:
    """All faces of one person, the most distant first."""
    return PersonPanel(session).widget


def show_unknown_people(session: ReviewSession) -> Widget:
    """Groups of unknown faces."""
    return UnknownPeoplePanel(session).widget


def show_look_alikes(session: ReviewSession) -> Widget:
    """Pairs of people who competed for the same faces."""
    return LookAlikesPanel(session).widget


def show_bursts(session: ReviewSession) -> Table:
    """Bursts, and the best photo of each."""
    return bursts_table(session)


def show_history(session: ReviewSession) -> Widget:
    """The newest actions, with undo and redo."""
    return HistoryPanel(session).widget


def show_rematch(session: ReviewSession) -> Widget:
    """The re-match, which brings the output up to date."""
    return RematchPanel(session).widget
