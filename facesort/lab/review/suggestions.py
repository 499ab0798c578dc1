"""Groups of unknown faces that may be one person, or somebody in the gallery: one key answers for all their faces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from facesort.engine.review import answers
from facesort.engine.review.answers import Answer
from facesort.engine.review.clusters import MayBeOne
from facesort.lab.review.panel import Panel, faces
from facesort.lab.review.place import Layer, Place
from facesort.lab.review.sheet import CLOSE, GROUPS, ON_TILE, OPEN, UNDO, SheetAction, paginate
from facesort.lab.review.tiles import face_tile, suggestion_tile
from facesort.store.queries.review.shown import faces_with_crops

_ACTIONS = (
    SheetAction("yes", "Yes, all", "y", "good", "one person: all are named, or joined", removes=True),
    SheetAction("no", "No", "n", "bad", "not the same person", removes=True),
    OPEN,
    UNDO,
)  # fmt: skip


class SuggestionBox:
    """The suggestions of a panel."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        self.sheet = panel.face_sheet("suggestions", _ACTIONS, self.on_action, self.turn)
        self.opened = panel.face_sheet(
            "all faces of a suggestion", (CLOSE,), self.close, self.turn_faces
        )
        self.layer = Layer(self.opened)
        self.place = Place(self.sheet, self.layer)
        self._asked: dict[int, MayBeOne] = {}
        self._open: int | None = None

    def show(self, asked: Mapping[int, MayBeOne]) -> None:
        """Show these; an open one stays open as long as it is asked."""
        self._asked = dict(asked)
        self.turn(self.sheet.page)
        self.turn_faces(self.opened.page)

    def turn(self, page: int) -> None:
        """Show another page."""
        page, pages, part = paginate(page, len(self._asked), GROUPS)
        shown = list(self._asked.items())[part]
        some = {number: _typical(each) for number, each in shown}
        ids = [face_id for each in some.values() for face_id in each]
        session = self._panel.session
        found = {f.face_id: f for f in session.read(lambda store: faces_with_crops(store, ids))}
        best = session.best_references({each.person for _, each in shown if each.person})
        tiles = [
            suggestion_tile(number, each, [found[i] for i in some[number]], best.get(each.person))
            for number, each in shown
        ]
        self.sheet.show(tiles, page, pages)

    def turn_faces(self, page: int) -> None:
        """Show another page of the faces of the open suggestion."""
        each = None if self._open is None else self._asked.get(self._open)
        if each is None:
            self._open = None
            self.place.close(self.layer)
            return
        ids = [i for cluster in each.clusters for i in cluster.face_ids.tolist()]
        page, pages, part = paginate(page, len(ids))
        found = self._panel.session.read(lambda store: faces_with_crops(store, ids[part]))
        self.layer.title(f"{faces(len(ids))} that may be {each.person or 'one person'}.")
        self.opened.show([face_tile(face) for face in found], page, pages)

    def close(self, *_: object) -> None:
        """Go back to the suggestions."""
        self._open = None
        self.place.close(self.layer)

    def on_action(self, name: str, numbers: list[int]) -> None:
        """Answer for all faces of the selected suggestions, or open one."""
        asked = {number: self._asked[number] for number in numbers if number in self._asked}
        if name == "undo":
            self._panel.undo()
        elif not asked:  # they have gone meanwhile
            self._panel.refresh()
        elif name == "open":
            self._open = next(iter(asked))
            self.turn_faces(0)
            self.place.open(self.layer)
        else:
            self._answer(cast(Answer, name), asked)

    def _answer(self, answer: Answer, asked: Mapping[int, MayBeOne]) -> None:
        session, persons = self._panel.session, dict[int, str]()
        for number, each in asked.items():
            if each.person:
                ids = (i for cluster in each.clusters for i in cluster.face_ids.tolist())
                persons |= dict.fromkeys(ids, each.person)
            elif answer == "yes":
                session.unknown_groups = session.unknown_groups.joined(each.clusters)
            else:
                session.unknown_groups = session.unknown_groups.without(number)
        groups = len(asked) - sum(bool(each.person) for each in asked.values())
        said = "Joined: name the group below." if answer == "yes" else "Not one person."
        if not persons:
            self._panel.refresh(said)
            return
        whom = ", ".join(sorted(set(persons.values())))
        self._panel.edit(
            lambda: answers.answer_faces(session.workspace, persons, answer, seen=self._panel.seen),
            lambda _: f"{faces(len(persons))}: {answer}, {whom}." + (f" {said}" if groups else ""),
        )


def _typical(asked: MayBeOne) -> list[int]:
    """The most typical faces, as many of each group."""
    each = ON_TILE // len(asked.clusters)
    return [i for cluster in asked.clusters for i in cluster.face_ids[:each].tolist()]
