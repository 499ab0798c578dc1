"""The editor of one person: rename, move, remove a reference, merge, remove."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import ipywidgets as widgets

from facesort.core.words import several
from facesort.engine.gallery import persons as gallery
from facesort.engine.gallery.view import PersonCard
from facesort.errors import FacesortError, GalleryError
from facesort.lab.seed.cards import reference_html
from facesort.lab.seed.seeding import Seeding
from facesort.lab.shared.front_end import on_press
from facesort.lab.shared.html import notice

_UNDO = "`facesort undo`, or 04_review, takes it back."


class PersonEditor:
    """Edits one person; closed where nobody is chosen.

    Parameters
    ----------
    on_open : callable, optional
        Told when another person is edited, or nobody any more.
    """

    def __init__(self, seeding: Seeding, on_open: Callable[[], None] | None = None) -> None:
        self._seeding = seeding
        self._on_open = on_open
        self.person: str | None = None
        self._agreed: Callable[[], None] | None = None
        self.name, self.folder = (_field(label) for label in ("Name", "Folder"))
        self.into = widgets.Dropdown(
            description="Merge into", style={"description_width": "80px"}, layout={"width": "330px"}
        )
        self.references = widgets.Box(layout=widgets.Layout(flex_flow="row wrap", grid_gap="10px"))
        self.message = widgets.HTML()
        self.question = widgets.HTML()
        self.yes, self.no = _button("Yes, do it", self.agree, "danger"), _button("No", self.decline)
        self.asking = widgets.VBox([self.question, widgets.HBox([self.yes, self.no])])
        self.heading = widgets.HTML()
        self.body = widgets.VBox(
            [
                self.heading,
                widgets.HBox([self.name, _button("Rename", self.rename)]),
                widgets.HBox([self.folder, _button("Move", self.move)]),
                self.references,
                widgets.HBox([self.into, _button("Merge…", self.merge)]),
                widgets.HBox(
                    [
                        _button("Remove person…", self.remove, "warning"),
                        _button("Close", lambda: self.open(None)),
                    ]
                ),
                self.asking,
            ],
            layout=widgets.Layout(border="1px solid #CCC", padding="8px", margin="8px 0"),
        )
        self.widget = widgets.VBox([self.message, self.body])
        self._refresh()

    def open(self, person: str | None) -> None:
        """Edit this person; None closes the editor."""
        self.person = person
        self.message.value = ""
        self._refresh()
        if self._on_open is not None:
            self._on_open()

    def rename(self) -> None:
        """Take the name in the field."""
        old, new = self._chosen(), self.name.value.strip()
        if self._carry_out(lambda: gallery.rename_person(self._seeding.workspace, old, new), new):
            self._say(f"{old} is called {new} now. Their folder keeps its name.")

    def move(self) -> None:
        """Take the folder in the field."""
        name, folder = self._chosen(), self.folder.value
        if self._carry_out(
            lambda: gallery.move_folder(self._seeding.workspace, name, folder), name
        ):
            self._say("The next copies go there. What is in the output already stays where it is.")

    def remove_reference(self, reference_id: int) -> None:
        """Take one reference out."""
        name, workspace = self._chosen(), self._seeding.workspace
        if self._carry_out(lambda: gallery.remove_reference(workspace, reference_id), name):
            self._say(f"The reference is out of the gallery. {_UNDO}")

    def merge(self) -> None:
        """Ask whether to merge into the person chosen."""
        name, into = self._chosen(), self.into.value
        if not into:
            self._say(f"Choose into whom {name} is merged.", good=False)
            return
        self._ask(
            f"Merge {name} into {into}? References and learned faces move to {into}, who keeps name and folder. "
            f"Files in the output stay where they are. {_UNDO}",
            lambda: self._merge(name, into),
        )

    def _merge(self, name: str, into: str) -> None:
        workspace = self._seeding.workspace
        if self._carry_out(lambda: gallery.merge_persons(workspace, name, into), into):
            self._say(f"{name} is {into} now.")

    def remove(self) -> None:
        """Ask whether to remove the person."""
        name = self._chosen()
        card = self._seeding.view().card(name)
        known = "" if card is None else f" with {several(len(card.references), 'reference')}"
        self._ask(
            f"Remove {name}{known} from the gallery? Later sorts will not find {name}. Files in the output stay, "
            f"and so do earlier decisions and the faces that sorts have found. {_UNDO}",
            lambda: self._remove(name),
        )

    def _remove(self, name: str) -> None:
        if self._carry_out(lambda: gallery.remove_person(self._seeding.workspace, name), None):
            self._say(f"{name} is out of the gallery.")

    def agree(self) -> None:
        """Do what was asked."""
        with self._seeding.lock:  # else a second click may find the question still open
            if self._agreed is not None:
                self._agreed()

    def decline(self) -> None:
        """Leave everything as it is."""
        self._agreed = None
        self.asking.layout.display = "none"

    def _ask(self, question: str, agreed: Callable[[], None]) -> None:
        self._agreed = agreed
        self.message.value = ""
        self.question.value = notice(question, good=False)
        self.asking.layout.display = ""

    def _chosen(self) -> str:
        if self.person is None:
            raise ValueError("nobody is being edited")
        return self.person

    def _carry_out(self, edit: Callable[[], object], then: str | None) -> bool:
        """Edit, let everything follow, and go on with a person; or say why it was refused."""
        with self._seeding.lock:
            try:
                edit()
            except FacesortError as error:
                self.decline()
                self._say(str(error), good=False)
                if isinstance(error, GalleryError):
                    self._look_again()
                return False
            self.person = then
            self._seeding.changed()
            self._refresh()
            return True

    def _look_again(self) -> None:
        """Show the gallery as it is, but leave what was typed: another notebook or the terminal may have changed it."""
        typed = self.name.value, self.folder.value
        self._seeding.changed()
        self._refresh()
        self.name.value, self.folder.value = typed

    def _say(self, text: str, *, good: bool = True) -> None:
        self.message.value = notice(text, good=good)

    def _refresh(self) -> None:
        """Fill the fields with what the gallery says."""
        self.decline()
        card = None if self.person is None else self._seeding.view().card(self.person)
        self.body.layout.display = "none" if card is None else ""
        if card is None:
            self.person = None
            return
        self.name.value, self.folder.value = card.person.name, card.person.folder
        self.heading.value = f"<b>{escape(card.person.name)}</b>"
        others = [c.person.name for c in self._seeding.view().cards if c is not card]
        choice = [(name, name) for name in sorted(others, key=str.casefold)]
        self.into.options = [("choose a person", ""), *choice]
        self.into.value = ""
        self.references.children = self._reference_tiles(card)

    def _reference_tiles(self, card: PersonCard) -> list[widgets.Widget]:
        tiles = []
        for reference, to_rest in zip(card.references, card.to_rest, strict=True):
            key = reference.reference_id
            button = _button("Remove", lambda key=key: self.remove_reference(key))  # type: ignore[misc]
            button.layout.width = "auto"
            button.disabled = len(card.references) == 1
            button.tooltip = "a person needs one" if button.disabled else reference.file_name
            html = widgets.HTML(reference_html(reference, to_rest))
            tiles.append(widgets.VBox([html, button], layout=widgets.Layout(width="150px")))
        return tiles


def _field(label: str) -> widgets.Text:
    return widgets.Text(
        description=label, style={"description_width": "80px"}, layout={"width": "330px"}
    )


def _button(label: str, action: Callable[[], None], style: str = "") -> widgets.Button:
    button = widgets.Button(description=label, button_style=style, layout={"width": "150px"})
    on_press(button, action)
    return button
