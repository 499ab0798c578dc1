"""The doubtful matches: each face beside the best reference of its person; yes, no, or not sure."""

from __future__ import annotations

from types import MappingProxyType
from typing import cast

from facesort.core.words import several
from facesort.engine.review import answers as engine
from facesort.engine.review.answers import Answer
from facesort.lab.review.reviewing import LOW_QUALITY, NOT_SORTED, Panel, Reviewing, faces
from facesort.lab.review.sheet import Act, FaceSheet
from facesort.lab.review.tiles import pair_tile

_ACTS = (
    Act("yes", "Yes, it is", "y", "good", "it is this person", takes=True),
    Act("no", "No", "n", "bad", "it is never given to this person again", takes=True),
    Act("unsure", "Not sure", "u", help="goes to the end of the line", takes=True),
    Act("undo", "Undo", "z", help="takes back what was done last", whole=True),
)
_SAID = MappingProxyType({"yes": "Yes", "no": "No", "unsure": "Not sure"})


class DoubtfulPanel(Panel):
    """Matches that somebody should look at."""

    def __init__(self, review: Reviewing) -> None:
        super().__init__(review, "doubtful")
        self.sheet = FaceSheet("doubtful matches", _ACTS, self.done, self.turn)
        self._persons: dict[int, str] = {}
        self.compose(self.sheet)

    def refresh(self) -> str:
        """Show a page as the answers are now."""
        total, page, pages, found = self.review.doubtful(self.sheet.page)
        self._persons = {f.face_id: f.person for f in found if f.person is not None}
        self.sheet.show([pair_tile(face, low_quality=LOW_QUALITY) for face in found], page, pages)
        if total:
            return f"{several(total, 'match', 'matches')} to look at, the most doubtful first."
        return "No match is doubtful." if self.review.is_sorted() else NOT_SORTED

    def turn(self, page: int) -> None:
        """Show another page."""
        self.sheet.page = page
        self.look()

    def done(self, name: str, face_ids: list[int]) -> None:
        """Answer for the faces that were chosen."""
        if name == "undo":
            self.undo()
            return
        workspace = self.review.workspace
        persons = {i: self._persons[i] for i in face_ids if i in self._persons}
        self.act(
            lambda: engine.answer(workspace, persons, cast(Answer, name)),
            lambda _: f"{_SAID[name]}: {faces(len(persons))}.",
        )
