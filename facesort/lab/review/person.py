"""All faces of one person, the most distant first: take away, use as reference, unlearn."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import ipywidgets as widgets

from facesort.engine.review import answers
from facesort.lab.review.chain import SHOW_CHAIN, ChainBox
from facesort.lab.review.filter_bar import FilterBar, of_all, set_options
from facesort.lab.review.panel import Panel, faces
from facesort.lab.review.place import Place
from facesort.lab.review.session import NOT_SORTED, ReviewSession
from facesort.lab.review.sheet import PAGE, UNDO, SheetAction, paginate
from facesort.lab.review.tiles import face_tile
from facesort.store.queries import Store
from facesort.store.queries.gallery import known_person
from facesort.store.queries.review.shown import count_faces_of, faces_of_person

_ACTIONS = (
    SheetAction("take", "Take away", "t", "bad", "never given to this person again", removes=True),
    SheetAction("reference", "Use as reference", "r", "good", "matches the person from now on"),
    SheetAction("unlearn", "Unlearn", "l", tooltip="takes a learned face out of the gallery"),
    SHOW_CHAIN,
    UNDO,
)


class PersonPanel(Panel):
    """One person's faces."""

    def __init__(self, session: ReviewSession) -> None:
        super().__init__(session, "person")
        style = {"description_width": "70px"}
        self.person = widgets.Dropdown(description="Person", style=style, layout={"width": "420px"})
        self.to = widgets.Combobox(
            description="It is", placeholder="whose the faces are, if you know",
            style=style, layout={"width": "330px"}, continuous_update=False,
        )  # fmt: skip
        self.sheet = self.face_sheet("faces of a person", _ACTIONS, self.on_action, self.turn)
        self.chain = ChainBox(self)
        self.place = Place(self.sheet, self.chain.layer)
        self._setting_options = False
        self.person.observe(lambda _: None if self._setting_options else self.turn(0), "value")
        self.filter = FilterBar(lambda: self.turn(0), usual="the most distant first")
        row = widgets.Layout(flex_flow="row wrap")
        fields = widgets.Box([self.person, self.to], layout=row)
        self.add(fields, self.filter.widget, self.place.widget)

    def update(self) -> str:
        """Show the page of faces."""
        counts = self.session.face_counts()
        self._offer(counts)
        name = self.person.value
        self.to.options = [other for other in counts if other != name]
        self.chain.refresh(name)
        if name is None:
            self.sheet.show([])
            return "Nobody is in the gallery yet."
        self.filter.offer(self.session.origins())
        chosen = self.filter.chosen()

        def faces_on_page(store: Store) -> int:
            person_id = known_person(store, name).person_id
            some = counts[name] if chosen.is_all else count_faces_of(store, person_id, chosen)
            page, pages, part = paginate(self.sheet.page, some)
            found = faces_of_person(store, person_id, chosen, limit=PAGE, offset=part.start)
            self.sheet.show(self.session.tiles(store, found, face_tile), page, pages)
            return some

        some = self.session.read(faces_on_page)
        if not counts[name] and not self.session.is_sorted():
            return NOT_SORTED
        what = f"{of_all(some, counts[name], 'face')} of {name}"
        if chosen.is_all:
            return f"{what}." if chosen.order else f"{what}, the most distant first."
        return f"{what} shown."

    def _offer(self, counts: Mapping[str, int]) -> None:
        self._setting_options = True
        try:
            persons = [(f"{name} ({count:,})", name) for name, count in counts.items()]
            set_options(self.person, persons)
        finally:
            self._setting_options = False

    def turn(self, page: int) -> None:
        """Show another page."""
        self.sheet.page = page
        self.refresh()

    def on_action(self, name: str, face_ids: list[int]) -> None:
        """Carry out an action on the selected faces."""
        person, workspace = self.person.value, self.session.workspace
        if name == "undo":
            self.undo()
        elif name == "chain":
            self.chain.open(face_ids[0], self.place)
        elif name == "take":
            to = " ".join(self.to.value.split()) or None
            given = f" and given to {to}" if to else ""
            taken = self.edit(
                lambda: answers.take_away(workspace, face_ids, person, to, seen=self.seen),
                lambda _: f"{faces(len(face_ids))} taken away from {person}{given}.",
            )
            if taken and to:
                self.warn_of_alike(to)
            self.to.value = ""
        elif name == "reference":
            with self.together(len(face_ids)):
                for face_id in face_ids:
                    use = partial(answers.use_as_reference, workspace, face_id, seen=self.seen)
                    self.edit(use, lambda _: "1 face made a reference.")
        else:
            self.edit(
                lambda: answers.unlearn(workspace, face_ids, seen=self.seen),
                lambda _: f"{faces(len(face_ids))} unlearned; a re-match decides all faces again.",
            )
