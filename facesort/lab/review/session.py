"""The session of the review page: a finished sort, and what its panels read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from facesort.core.matching import Thresholds
from facesort.core.words import several
from facesort.engine.rules import rules_of
from facesort.lab.shared.session import Session
from facesort.lab.shared.tables import Table
from facesort.lab.shared.words import decimals
from facesort.reasons import Outcome
from facesort.store.queries import Store, face_sets, reports, review
from facesort.store.queries.gallery import person_summaries

NOT_SORTED = "No face is stored yet: run `facesort sort` first."
LOW_QUALITY = 0.2
"""Below this quality a match is doubtful whatever its distance."""

T = TypeVar("T")


class ReviewSession(Session):
    """A finished sort under review.  Displays as a table of its figures.

    The database is opened for each read and each edit, and is closed in between.

    Attributes
    ----------
    slow_s : float
        A panel that takes longer than this to refresh does not refresh by itself.
    """

    pause_s = 0.8
    slow_s = 0.7

    @property
    def thresholds(self) -> Thresholds:
        """The current thresholds."""
        return rules_of(self.workspace.settings, self.pack).thresholds

    def read(self, query: Callable[[Store], T]) -> T:
        """Query the database.

        Raises
        ------
        StoreLockedError
            While a sort is running.
        """
        with self.lock, self.workspace.open_store(read_only=True) as store:
            return query(store)

    def face_counts(self) -> dict[str, int]:
        """Number of faces of each person in the gallery, in alphabetical order."""
        persons = [s.person for s in self.read(person_summaries)]
        counts = self.read(face_sets.count_by_person)
        persons.sort(key=lambda person: person.name.casefold())
        return {person.name: counts.get(person.person_id, 0) for person in persons}

    def is_sorted(self) -> bool:
        """Whether any face is stored."""
        return sum(self.read(reports.counts).faces.values()) > 0

    def table(self) -> Table:
        """Figures of the sort."""
        counts, persons = self.read(reports.counts), self.read(person_summaries)
        doubtful = self.read(lambda store: review.count_doubtful(store, low_quality=LOW_QUALITY))
        faces, thresholds = counts.faces, self.thresholds
        return Table(
            ("", "Value", "What it means"),
            (
                ("Workspace", self.workspace.root, "answers and edits are stored here"),
                ("Model pack", self.pack.name, self.pack.licence),
                ("People", len(persons), "in the gallery"),
                (
                    "Photos",
                    counts.total,
                    f"{several(sum(counts.persons.values()), 'copy', 'copies')} in the output",
                ),
                ("STRICT", faces[Outcome.STRICT], f"faces within {decimals(thresholds.strict)}"),
                ("LOOSE", faces[Outcome.LOOSE], f"faces within {decimals(thresholds.loose)}"),
                ("Unknown", faces[Outcome.UNKNOWN], "faces of nobody in the gallery"),
                ("Doubtful", doubtful, "matches to check, below"),
            ),
            note="" if sum(faces.values()) else NOT_SORTED,
        )

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def __repr__(self) -> str:
        return repr(self.table())
