"""A finished sort under review: what is read for the page, and the panels that follow what is done on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import ipywidgets as widgets

from facesort.core.matching import Thresholds
from facesort.core.words import several
from facesort.engine.gallery.action import undo
from facesort.engine.rules import rules_of
from facesort.errors import FacesortError
from facesort.faces.protocol import ModelPack
from facesort.lab.review.sheet import PAGE, page_of
from facesort.lab.shared.html import notice
from facesort.lab.shared.session import Session
from facesort.lab.shared.tables import Table
from facesort.lab.shared.words import decimals
from facesort.reasons import Outcome
from facesort.store.queries import Store, face_sets, reports, review
from facesort.store.queries.gallery import known_person, person_summaries, references_of
from facesort.store.queries.journal import Action
from facesort.workspace import Workspace

NOT_SORTED = "No face is stored yet: run `facesort sort` first."
LOW_QUALITY = 0.2
"""Below it a face says more of the blur than of the person."""

T = TypeVar("T")


class Reviewing(Session):
    """A finished sort under review.  Displays as a table of what is there.

    Nothing is held open: every look and every act opens the database and closes it.

    Parameters
    ----------
    quick : float
        Seconds; a panel that takes longer to look again does not follow every key that is pressed.
    """

    pause_s = 0.8

    def __init__(self, workspace: Workspace, pack: ModelPack, *, quick: float = 0.7) -> None:
        super().__init__(workspace, pack)
        self.quick = quick

    @property
    def thresholds(self) -> Thresholds:
        """That count now."""
        return rules_of(self.workspace.settings, self.pack).thresholds

    def read(self, question: Callable[[Store], T]) -> T:
        """Ask the database something.

        Raises
        ------
        StoreLockedError
            While a sort is running.
        """
        with self._store() as store:
            return question(store)

    @contextmanager
    def _store(self) -> Iterator[Store]:
        with self.lock, self.workspace.open_store(read_only=True) as store:
            yield store

    def sizes(self) -> dict[str, int]:
        """Everybody in the gallery, in the order of the alphabet, and how many faces they have."""
        with self._store() as store:
            found, faces = person_summaries(store), face_sets.count_by_person(store)
        persons = sorted((s.person for s in found), key=lambda person: person.name.casefold())
        return {person.name: faces.get(person.person_id, 0) for person in persons}

    def faces_of(self, name: str, limit: int, offset: int) -> list[review.ReviewFace]:
        """A page of a person's faces, worst first."""
        with self._store() as store:
            person_id = known_person(store, name).person_id
            return review.faces_of_person(store, person_id, limit=limit, offset=offset)

    def faces(self, face_ids: Sequence[int]) -> list[review.ReviewFace]:
        """These faces, in this order."""
        return self.read(lambda store: review.review_faces(store, face_ids))

    def doubtful(self, page: int) -> tuple[int, int, int, list[review.ReviewFace]]:
        """Matches that nobody has answered yet, the most doubtful first: their number, page, pages, and the page."""
        with self._store() as store:
            total = review.count_doubtful(store, low_quality=LOW_QUALITY)
            page, pages, part = page_of(page, total)
            found = review.doubtful_faces(
                store,
                loose=self.thresholds.loose,
                low_quality=LOW_QUALITY,
                limit=PAGE,
                offset=part.start,
            )
        return total, page, pages, found

    def rivals(self, faces_per_pair: int) -> list[review.Doppelgangers]:
        """Pairs of persons who competed for the same faces."""
        loose = self.thresholds.loose
        return self.read(lambda store: review.doppelgangers(store, loose, faces_per_pair))

    def best_crops(self, names: Iterable[str]) -> dict[str, bytes]:
        """The picture of the best reference of each of these persons."""
        with self._store() as store:
            found = {
                name: references_of(store, known_person(store, name).person_id, self.pack.pack_id)
                for name in names
            }
        return {
            name: max(all_, key=lambda r: r.quality).crop for name, all_ in found.items() if all_
        }

    def is_sorted(self) -> bool:
        """Whether there is any face to look at."""
        return sum(self.read(reports.counts).faces.values()) > 0

    def table(self) -> Table:
        """What is there, and by what it was decided."""
        with self._store() as store:
            counts, people_known = reports.counts(store), len(person_summaries(store))
            doubtful = review.count_doubtful(store, low_quality=LOW_QUALITY)
        faces, thresholds = counts.faces, self.thresholds
        return Table(
            ("", "Value", "What it means"),
            (
                ("Workspace", self.workspace.root, "answers and actions are kept here"),
                ("Model pack", self.pack.name, self.pack.licence),
                ("People", people_known, "in the gallery"),
                (
                    "Photos",
                    counts.total,
                    f"{sum(counts.persons.values()):,} copies in the output",
                ),
                ("STRICT", faces[Outcome.STRICT], f"faces within {decimals(thresholds.strict)}"),
                ("LOOSE", faces[Outcome.LOOSE], f"faces within {decimals(thresholds.loose)}"),
                ("Unknown", faces[Outcome.UNKNOWN], "faces of nobody in the gallery"),
                ("Doubtful", doubtful, "matches to look at, below"),
            ),
            note="" if sum(faces.values()) else NOT_SORTED,
        )

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def __repr__(self) -> str:
        return repr(self.table())


class Panel:
    """A part of the page: shows something, does something, and follows what the others do.

    A panel that takes long to look again only says that it is out of date, so that answers stay quick.

    Parameters
    ----------
    key : str
        Its place on the page.
    """

    def __init__(self, review: Reviewing, key: str) -> None:
        self.review = review
        self.message = widgets.HTML()
        self.again = widgets.Button(description="Look again", icon="refresh")
        self.again.on_click(lambda _: self.look())
        self.again.layout.display = "none"
        self.widget = widgets.VBox(layout=widgets.Layout(grid_gap="4px"))
        self._seconds = 0.0
        self.key = key
        review.follow(key, self.follow, deferred=True)

    def compose(self, *parts: widgets.Widget) -> None:
        """Put these below the message, and look for the first time."""
        self.widget.children = (widgets.HBox([self.message, self.again]), *parts)
        self.look()

    def refresh(self) -> str:
        """Look again; returns what there is to see, in a sentence."""
        raise NotImplementedError

    def look(self, said: str = "") -> bool:
        """Look again, and say what was done before; or say why not."""
        started = time.perf_counter()
        try:
            with self.review.lock:
                sentence = self.refresh()
        except FacesortError as error:
            self.say(f"{said} {error}".strip(), good=False)
            return False
        self._seconds = time.perf_counter() - started
        self.again.layout.display = "none"
        self.say(f"{said} {sentence}".strip(), good=True if said else None)
        return True

    def follow(self) -> None:
        """Look again after something was done elsewhere, or offer to."""
        if self._seconds < self.review.quick:
            self.look()
        else:
            self.again.layout.display = ""

    def act(self, edit: Callable[[], T], said: Callable[[T], str]) -> bool:
        """Do something, say it, and let everything follow; or say why it was refused.

        Parameters
        ----------
        said : callable
            Turns what `edit` returned into a sentence.
        """
        try:
            with self.review.lock:
                result = edit()
        except FacesortError as error:
            self.look()
            self.say(str(error), good=False)
            return False
        self.look(said(result))
        self.review.changed(self.key)
        return True

    def undo(self) -> None:
        """Take back what was done last, here or elsewhere on the page."""
        self.act(lambda: undo(self.review.workspace), _undone)

    def say(self, text: str, *, good: bool | None = None) -> None:
        """One line at the top."""
        self.message.value = notice(text, good=good)


def _undone(action: Action | None) -> str:
    return "There is nothing to undo." if action is None else f"Undone: {action.summary}."


def faces(number: int) -> str:
    """``1 face``, ``2 faces``."""
    return several(number, "face")
