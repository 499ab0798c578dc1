"""All faces of one person, the most distant first: take away, make a reference, unlearn."""

from __future__ import annotations

import ipywidgets as widgets

from facesort.engine.review import answers as engine
from facesort.lab.review.choice import Choice
from facesort.lab.review.reviewing import NOT_SORTED, Panel, Reviewing, faces
from facesort.lab.review.sheet import PAGE, Act, FaceSheet, page_of
from facesort.lab.review.tiles import face_tile

_ACTS = (
    Act("take", "Take away", "t", "bad", "never given to this person again", takes=True),
    Act("reference", "Use as reference", "r", "good", "the person is recognised by it from now on"),
    Act(
        "unlearn",
        "Unlearn",
        "l",
        help="a learned face: the person is not recognised by it any more",
    ),
    Act("undo", "Undo", "z", help="takes back what was done last", whole=True),
)


class PersonPanel(Panel):
    """One person's faces."""

    def __init__(self, review: Reviewing) -> None:
        super().__init__(review, "person")
        style, wide = {"description_width": "70px"}, widgets.Layout(width="330px")
        self.who = Choice("Person", lambda: self.turn(0))
        self.to = widgets.Combobox(
            description="It is", placeholder="whose the faces are, if you know",
            style=style, layout=wide, continuous_update=False,
        )  # fmt: skip
        self.sheet = FaceSheet("faces of a person", _ACTS, self.done, self.turn)
        self.compose(widgets.HBox([self.who.widget, self.to]), self.sheet)

    def refresh(self) -> str:
        """Show the faces as they are now."""
        sizes = self.review.sizes()
        self.who.offer([(f"{name} ({size:,})", name) for name, size in sizes.items()])
        self.to.options = [name for name in sizes if name != self.who.value]
        name = self.who.value
        if name is None:
            self.sheet.show([])
            return "Nobody is in the gallery yet."
        page, pages, part = page_of(self.sheet.page, sizes[name])
        found = self.review.faces_of(name, PAGE, part.start)
        self.sheet.show([face_tile(face) for face in found], page, pages)
        if not found and not self.review.is_sorted():
            return NOT_SORTED
        return f"{faces(sizes[name])} of {name}, the least alike first."

    def turn(self, page: int) -> None:
        """Show another page."""
        self.sheet.page = page
        self.look()

    def done(self, name: str, face_ids: list[int]) -> None:
        """Do it with the faces that were chosen."""
        person, workspace = self.who.value, self.review.workspace
        if name == "undo":
            self.undo()
        elif name == "take":
            to = " ".join(self.to.value.split()) or None
            given = f" and given to {to}" if to else ""
            self.act(
                lambda: engine.take_away(workspace, face_ids, person, to),
                lambda _: f"{faces(len(face_ids))} taken away from {person}{given}.",
            )
            self.to.value = ""
        elif name == "reference":
            self.act(lambda: self._use(face_ids), lambda done: f"{faces(done)} made a reference.")
        else:
            self.act(
                lambda: engine.unlearn(workspace, face_ids),
                lambda _: f"{faces(len(face_ids))} unlearned; a re-match decides the faces again.",
            )

    def _use(self, face_ids: list[int]) -> int:
        for face_id in face_ids:
            engine.use_as_reference(self.review.workspace, face_id)
        return len(face_ids)
