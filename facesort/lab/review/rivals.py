"""Doppelgangers: pairs of people who competed for the same faces."""

from __future__ import annotations

from dataclasses import asdict

import ipywidgets as widgets

from facesort.core.words import several
from facesort.engine.review import answers as engine
from facesort.lab.review.reviewing import NOT_SORTED, Panel, Reviewing
from facesort.lab.review.sheet import Act, FaceSheet, page_of
from facesort.lab.review.tiles import between_tile, rivals_tile
from facesort.lab.shared.plots import shorten
from facesort.store.queries.review import Doppelgangers

_PAIRS = 6  # on a page
_CLOSEST = 24  # faces of a pair
_PAIR_ACTS = (
    Act("open", "Show the faces", "Enter", "good", opens=True, help="also: double click"),
)


class RivalsPanel(Panel):
    """Pairs of people, and the faces that were within reach of both."""

    def __init__(self, review: Reviewing) -> None:
        super().__init__(review, "rivals")
        self.pairs = FaceSheet("pairs of people", _PAIR_ACTS, self.open, self.turn)
        self.heading = widgets.HTML()
        self.opened = FaceSheet("faces between two people", (), self.done)
        self.box = widgets.VBox([self.heading, self.opened], layout={"display": "none"})
        self._found: list[Doppelgangers] = []
        self._open: Doppelgangers | None = None
        self.compose(self.pairs, self.box)

    def refresh(self) -> str:
        """Look for pairs again; who was open stays open."""
        self._found = self.review.rivals(_CLOSEST)
        self.turn(self.pairs.page)
        was, self._open = self._open, None
        for rivals in self._found:
            if was is not None and (rivals.first, rivals.second) == (was.first, was.second):
                self._open = rivals
        self._show()
        if self._found:
            pairs = several(len(self._found), "pair of people", "pairs of people")
            return f"{pairs} with faces within LOOSE of both, those with most faces first."
        return "No two people competed for a face." if self.review.is_sorted() else NOT_SORTED

    def turn(self, page: int) -> None:
        """Show another page of pairs."""
        page, pages, part = page_of(page, len(self._found), _PAIRS)
        shown = self._found[part]
        best = self.review.best_crops({name for r in shown for name in (r.first, r.second)})
        tiles = [
            rivals_tile(key, rivals, (best.get(rivals.first, b""), best.get(rivals.second, b"")))
            for key, rivals in enumerate(shown, part.start)
        ]
        self.pairs.show(tiles, page, pages)

    def open(self, _: str, keys: list[int]) -> None:
        """Show the faces of a pair."""
        self._open = self._found[keys[0]]
        self._show()

    def _show(self) -> None:
        self.box.layout.display = "none" if self._open is None else ""
        if self._open is None:
            self.opened.show([])
            return
        first, second = self._open.first, self._open.second
        best = self.review.best_crops({first, second})
        self.opened.actions = [asdict(act) for act in _acts(first, second)]
        shown = self._open.faces
        more = (
            "" if len(shown) == self._open.count else f"; the {len(shown)} closest calls are shown"
        )
        self.heading.value = f"<b>Between the two: {several(self._open.count, 'face')}{more}</b>"
        sides = (best.get(first, b""), best.get(second, b""))
        self.opened.show([between_tile(face, (first, second), sides) for face in shown])

    def done(self, act: str, face_ids: list[int]) -> None:
        """Say whose the faces are that were chosen."""
        if act == "undo":
            self.undo()
            return
        if self._open is None:
            return
        names = [self._open.first, self._open.second]
        workspace, count = self.review.workspace, several(len(face_ids), "face")
        if act == "neither":
            self.act(
                lambda: self._neither(face_ids, names), lambda _: f"{count}: neither of the two."
            )
            return
        name = names[act == "second"]
        self.act(
            lambda: engine.answer(workspace, dict.fromkeys(face_ids, name), "yes"),
            lambda _: f"{count}: {name}.",
        )

    def _neither(self, face_ids: list[int], names: list[str]) -> None:
        for name in names:
            engine.answer(self.review.workspace, dict.fromkeys(face_ids, name), "no")


def _acts(first: str, second: str) -> tuple[Act, ...]:
    return (
        Act("first", f"It is {shorten(first, 24)}", "1", "good"),
        Act("second", f"It is {shorten(second, 24)}", "2", "good"),
        Act("neither", "Neither", "n", "bad", "never given to either of them again"),
        Act("undo", "Undo", "z", help="takes back what was done last", whole=True),
    )
