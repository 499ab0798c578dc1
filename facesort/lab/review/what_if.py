"""What if the thresholds were others: who would get and lose how many files, and exactly which faces."""

from __future__ import annotations

import ipywidgets as widgets
import numpy as np
from numpy.typing import NDArray

from facesort.core.matching import Thresholds
from facesort.engine.review.what_if import Change, WhatIf, read_what_if
from facesort.lab.review.choice import Choice
from facesort.lab.review.reviewing import NOT_SORTED, Panel, Reviewing, faces
from facesort.lab.review.sheet import FaceSheet, page_of
from facesort.lab.review.tiles import moving_tile
from facesort.lab.shared.html import notice
from facesort.lab.shared.tables import Table
from facesort.lab.shared.words import decimals

_MAX_ROWS = 100  # people in the table


class WhatIfPanel(Panel):
    """Sliders for STRICT and LOOSE, and what they would change."""

    def __init__(self, review: Reviewing) -> None:
        super().__init__(review, "what_if")
        self.strict, self.loose = (_slider(name) for name in ("STRICT", "LOOSE"))
        self.back = widgets.Button(description="As it is now", layout={"width": "140px"})
        self.table = widgets.HTML()
        self.which = Choice("Show", self._choose)
        self.sheet = FaceSheet("faces that would come or go", (), None, self.turn)
        table = widgets.Box([self.table], layout={"max_height": "300px", "overflow": "auto"})
        self._question: WhatIf | None = None
        self._ids: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self.compose(
            widgets.HBox([self.strict, self.loose, self.back]),
            table,
            self.which.widget,
            self.sheet,
        )
        for slider in (self.strict, self.loose):
            slider.observe(lambda _: self.ask(), "value")
        self.back.on_click(lambda _: self._go_back())

    def refresh(self) -> str:
        """Read the stored distances again."""
        first = self._question is None
        self._question = read_what_if(self.review.workspace, self.review.pack)
        if first:
            self._go_back()
        self.ask()
        count = len(self._question.stored.face_ids)
        return (
            f"{faces(count)} are decided again from their stored distances."
            if count
            else NOT_SORTED
        )

    def _go_back(self) -> None:
        now = self.review.thresholds
        self.strict.value, self.loose.value = now.strict, now.loose

    def ask(self) -> None:
        """Show what these thresholds would change."""
        if self._question is None:
            return
        loose = self.loose.value
        asked = Thresholds(min(self.strict.value, loose), loose, self._question.thresholds.margin)
        changes = [c for c in self._question.changes(asked) if len(c.come) or len(c.go)]
        changes.sort(key=lambda change: -(change.files_come + change.files_go))
        nothing = f"With LOOSE at {decimals(asked.loose)} nothing would come or go."
        self.table.value = _table(changes)._repr_html_() if changes else notice(nothing)
        options = [
            (f"{c.name}: {faces(len(ids))} that would {verb}", (c.name, verb))
            for c in changes
            for verb, ids in (("come", c.come), ("go", c.go))
            if len(ids)
        ]
        self._changes = {c.name: c for c in changes}
        self.which.offer(options)
        self.which.widget.layout.display = "" if options else "none"
        self._choose()

    def _choose(self) -> None:
        if self.which.value is None:
            self._ids = np.empty(0, dtype=np.int64)
        else:
            name, verb = self.which.value
            self._ids = getattr(self._changes[name], verb)
        self.turn(0)

    def turn(self, page: int) -> None:
        """Show a page of faces; only their pictures are read."""
        page, pages, part = page_of(page, len(self._ids))
        if not len(self._ids):
            self.sheet.show([])
            return
        name, _ = self.which.value
        best = self.review.best_crops([name]).get(name, b"")
        found = self.review.faces(self._ids[part].tolist())
        self.sheet.show([moving_tile(face, name, best) for face in found], page, pages)


def _slider(name: str) -> widgets.FloatSlider:
    return widgets.FloatSlider(
        description=name, min=0.0, max=2.0, step=0.01, readout_format=".2f",
        continuous_update=False, layout={"width": "380px"}, style={"description_width": "70px"},
    )  # fmt: skip


def _table(changes: list[Change]) -> Table:
    shown = changes[:_MAX_ROWS]
    more = len(changes) - len(shown)
    note = f"{more:,} more people with smaller changes are not shown." if more else ""
    return Table(
        ("Person", "Files now", "would come", "would go", "then"),
        [
            (c.name, c.files, c.files_come, c.files_go, c.files + c.files_come - c.files_go)
            for c in shown
        ],
        note=note,
    )
