"""All faces of one person, worst first: take away, make a reference, roll back what was learned."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as widgets

from facesort.engine.review import answers as engine
from facesort.engine.review.roll_back import RestsOn, roll_back, what_rests_on
from facesort.errors import FacesortError
from facesort.lab.review.choice import Choice
from facesort.lab.review.reviewing import NOT_SORTED, Panel, Reviewing, faces
from facesort.lab.review.sheet import PAGE, Act, FaceSheet, page_of
from facesort.lab.review.tiles import face_tile

_ACTS = (
    Act("take", "Take away", "t", "bad", "never given to this person again", takes=True),
    Act("reference", "Use as reference", "r", "good", "the person is recognised by it from now on"),
    Act("back", "Roll back…", "b", help="what was learned from it, and what rests on that"),
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
        self.preview = _Preview(self.roll_back)
        self.compose(widgets.HBox([self.who.widget, self.to]), self.preview.widget, self.sheet)

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
        self.preview.close()
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
            self._ask_back(face_ids)

    def _use(self, face_ids: list[int]) -> int:
        for face_id in face_ids:
            engine.use_as_reference(self.review.workspace, face_id)
        return len(face_ids)

    def _ask_back(self, face_ids: list[int]) -> None:
        if len(face_ids) > 1:
            self.say("Roll back one face at a time: what rests on it is shown first.", good=False)
            return
        try:
            with self.review.lock:
                found = what_rests_on(self.review.workspace, self.review.pack, face_ids[0])
        except FacesortError as error:
            self.say(str(error), good=False)
            return
        self.preview.open(face_ids[0], found)

    def roll_back(self, face_id: int) -> None:
        """Take what was learned from a face back, and everything that rests on it."""
        self.preview.close()
        self.act(
            lambda: roll_back(self.review.workspace, self.review.pack, face_id),
            lambda found: (
                f"{faces(len(found.learned))} unlearned; the next re-match decides "
                f"{faces(len(found.matched))} again."
            ),
        )


class _Preview:
    """What would go with a learned face, and the question whether it shall."""

    def __init__(self, agreed: Callable[[int], None]) -> None:
        self._face_id = 0
        self.text = widgets.HTML()
        self.sheet = FaceSheet("faces that rest on it")
        self.yes = widgets.Button(description="Roll back", button_style="danger")
        self.no = widgets.Button(description="Keep")
        self.yes.on_click(lambda _: agreed(self._face_id))
        self.no.on_click(lambda _: self.close())
        self.widget = widgets.VBox(
            [self.text, widgets.HBox([self.yes, self.no]), self.sheet],
            layout=widgets.Layout(border="1px solid #CCC", padding="8px", display="none"),
        )

    def open(self, face_id: int, found: RestsOn) -> None:
        """Ask about a face."""
        self._face_id = face_id
        others = [face for face in found.learned if face.face_id != face_id]
        matched = [face for face in found.matched if face.face_id != face_id]
        self.text.value = (
            f"<b>Only because this face was learned</b>, {faces(len(others))} more were learned and "
            f"{faces(len(matched))} matched. All of them are shown here; a re-match decides them again."
            if others or matched
            else "<b>Nothing else rests on this face.</b> It stays matched, but is not learned any more."
        )
        shown = {face.face_id: face for face in (*found.learned, *found.matched)}
        self.sheet.show([face_tile(face) for face in list(shown.values())[:PAGE]])
        self.widget.layout.display = ""

    def close(self) -> None:
        """Leave everything as it is."""
        self.widget.layout.display = "none"
