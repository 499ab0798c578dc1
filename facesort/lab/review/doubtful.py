"""Doubtful matches: each face beside the best reference of its person; yes, no, or not sure."""

from __future__ import annotations

from types import MappingProxyType
from typing import cast

from facesort.core.words import several
from facesort.engine.review import answers
from facesort.engine.review.answers import Answer
from facesort.lab.review.panel import Panel, faces
from facesort.lab.review.session import LOW_QUALITY, NOT_SORTED, ReviewSession
from facesort.lab.review.sheet import PAGE, UNDO, FaceSheet, SheetAction, paginate
from facesort.lab.review.tiles import pair_tile
from facesort.store.queries.review import count_doubtful, doubtful_faces

_LABELS = MappingProxyType({"yes": "Yes", "no": "No", "unsure": "Not sure"})
_ACTIONS = (
    SheetAction("yes", "Yes", "y", "good", "it is this person", removes=True),
    SheetAction("no", "No", "n", "bad", "never matched to this person again", removes=True),
    SheetAction("unsure", "Not sure", "u", tooltip="moves to the end of the list", removes=True),
    UNDO,
)


class DoubtfulPanel(Panel):
    """Matches that somebody should check."""

    def __init__(self, session: ReviewSession) -> None:
        super().__init__(session, "doubtful")
        self.sheet = FaceSheet("doubtful matches", _ACTIONS, self.on_action, self.turn)
        self._persons: dict[int, str] = {}
        self.add(self.sheet)

    def update(self) -> str:
        """Show the page of matches that have no answer yet."""
        total = self.session.read(lambda store: count_doubtful(store, low_quality=LOW_QUALITY))
        page, pages, part = paginate(self.sheet.page, total)
        loose = self.session.thresholds.loose
        found = self.session.read(
            lambda store: doubtful_faces(
                store, loose=loose, low_quality=LOW_QUALITY, limit=PAGE, offset=part.start
            )
        )
        self._persons = {f.face_id: f.person for f in found if f.person is not None}
        self.sheet.show([pair_tile(face, low_quality=LOW_QUALITY) for face in found], page, pages)
        if total:
            return f"{several(total, 'match', 'matches')} to check, the most doubtful first."
        return "No match is doubtful." if self.session.is_sorted() else NOT_SORTED

    def turn(self, page: int) -> None:
        """Show another page."""
        self.sheet.page = page
        self.refresh()

    def on_action(self, name: str, face_ids: list[int]) -> None:
        """Answer for the selected faces."""
        if name == "undo":
            self.undo()
            return
        persons = {i: self._persons[i] for i in face_ids if i in self._persons}
        self.edit(
            lambda: answers.answer_faces(self.session.workspace, persons, cast(Answer, name)),
            lambda _: f"{_LABELS[name]}: {faces(len(persons))}.",
        )
