"""Look-alikes: pairs of people who competed for the same faces."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from facesort.core.text.words import several
from facesort.engine.review import answers
from facesort.lab.review.panel import Panel, faces
from facesort.lab.review.place import Layer, Place
from facesort.lab.review.session import NOT_SORTED, ReviewSession
from facesort.lab.review.sheet import CLOSE, UNDO, SheetAction, paginate
from facesort.lab.review.tiles import between_tile, look_alikes_tile
from facesort.lab.shared.words import shorten
from facesort.store.queries.review.answers import Said
from facesort.store.queries.review.shown import LookAlikes, look_alikes

_PAIRS = 6  # on a page
_CLOSEST = 24  # faces of a pair
_PAIR_ACTIONS = (
    SheetAction(
        "open", "Show the faces", "Enter", "good", double_click=True, tooltip="or double-click"
    ),
)


class LookAlikesPanel(Panel):
    """Pairs of people, and the faces that were within LOOSE of both."""

    def __init__(self, session: ReviewSession) -> None:
        super().__init__(session, "look-alikes")
        self.pairs = self.face_sheet(
            "pairs of people", _PAIR_ACTIONS, self.open, self.turn, of_groups=True
        )
        self.opened = self.face_sheet("faces between two people", (), self.on_action)
        self.layer = Layer(self.opened)
        self.place = Place(self.pairs, self.layer)
        self._found: list[LookAlikes] = []
        self._open: LookAlikes | None = None
        self.add(self.place.widget)

    def update(self) -> str:
        """Find the pairs again; an open one stays open."""
        loose = self.session.thresholds.loose
        self._found = self.session.read(lambda store: look_alikes(store, loose, _CLOSEST))
        self.turn(self.pairs.page)
        if self._open is not None:
            same = (pair for pair in self._found if pair.names == self._open.names)
            self._open = next(same, None)
        self._show_open()
        if self._found:
            pairs = several(len(self._found), "pair of people", "pairs of people")
            return f"{pairs} with faces within LOOSE of both, the most faces first."
        return "No two people competed for a face." if self.session.is_sorted() else NOT_SORTED

    def turn(self, page: int) -> None:
        """Show another page of pairs."""
        page, pages, part = paginate(page, len(self._found), _PAIRS)
        shown = self._found[part]
        best = self.session.best_references({name for pair in shown for name in pair.names})
        tiles = [
            look_alikes_tile(key, pair, [best[name] for name in pair.names])
            for key, pair in enumerate(shown, part.start)
        ]
        self.pairs.show(tiles, page, pages)

    def open(self, _: str, keys: list[int]) -> None:
        """Show the faces of a pair."""
        self._open = self._found[keys[0]]
        self._show_open()
        self.place.open(self.layer)

    def _show_open(self) -> None:
        pair = self._open
        if pair is None:
            self.place.close(self.layer)
            return
        best = self.session.best_references(pair.names)
        self.opened.actions = [asdict(action) for action in _actions(*pair.names)]
        some = len(pair.faces) < pair.count
        limit = f"; the {len(pair.faces)} closest are shown" if some else ""
        first, second = pair.names
        self.layer.title(f"Between {first} and {second}: {faces(pair.count)}{limit}.")
        self.opened.show([between_tile(face, pair.names, best) for face in pair.faces])

    def on_action(self, name: str, face_ids: list[int]) -> None:
        """Answer for the selected faces."""
        if name == "undo":
            self.undo()
            return
        if name == "close":
            self._open = None
            self._show_open()
        if self._open is None:
            return
        workspace, names = self.session.workspace, self._open.names
        if name == "neither":
            self.edit(
                lambda: self._answer_no(face_ids, names),
                lambda _: f"{faces(len(face_ids))}: neither of the two.",
            )
            return
        person = names[name == "second"]
        self.edit(
            lambda: answers.answer_faces(
                workspace, dict.fromkeys(face_ids, person), "yes", seen=self.seen
            ),
            lambda _: f"{faces(len(face_ids))}: {person}.",
        )

    def _answer_no(self, face_ids: Sequence[int], names: Iterable[str]) -> None:
        seen: Said | None = self.seen
        for name in names:
            persons = dict.fromkeys(face_ids, name)
            answers.answer_faces(self.session.workspace, persons, "no", seen=seen)
            seen = None  # it is the first of these answers that was said since


def _actions(first: str, second: str) -> tuple[SheetAction, ...]:
    return (
        SheetAction("first", f"It is {shorten(first, 24)}", "1", "good"),
        SheetAction("second", f"It is {shorten(second, 24)}", "2", "good"),
        SheetAction("neither", "Neither", "n", "bad", "never given to either of them again"),
        UNDO,
        CLOSE,
    )
