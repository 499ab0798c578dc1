"""The editor of one person: rename, move, choose their picture, remove a reference, merge, remove."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as widgets

from facesort.core.delivery.routing import safe_folder
from facesort.core.text.foreign_text import html_text, printable
from facesort.core.text.words import several
from facesort.engine.gallery import persons as gallery
from facesort.engine.gallery.view import PersonCard
from facesort.errors import FacesortError, GalleryError
from facesort.lab.seed.cards import reference_html
from facesort.lab.seed.session import SeedSession
from facesort.lab.shared.html import notice
from facesort.lab.shared.session import discard

_UNDO = "Undo takes this back."


class PersonEditor:
    """Edits one person; closed if nobody is chosen.

    Parameters
    ----------
    on_open : callable
        Called when the edited person changes, or the editor closes.
    """

    def __init__(self, session: SeedSession, on_open: Callable[[], None]) -> None:
        self._session = session
        self._on_open = on_open
        self.person: str | None = None
        self._agreed: Callable[[], None] | None = None
        self.name, self.folder = (_field(label) for label in ("Name", "Folder"))
        self.into = widgets.Dropdown(
            description="Merge into", style={"description_width": "80px"}, layout={"width": "330px"}
        )
        # Tiles are kept as long as their reference, or a click on one that is replaced at that moment would be lost.
        self._tiles: dict[int, widgets.VBox] = {}
        self.references = widgets.Box(layout=widgets.Layout(flex_flow="row wrap", grid_gap="10px"))
        self.best_face = _button("Show best face", lambda: self.choose_picture(None))
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
                self.best_face,
                widgets.HBox([self.into, _button("Merge…", self.merge)]),
                widgets.HBox(
                    [
                        _button("Remove person…", self.remove),
                        _button("Close", lambda: self.open(None)),
                    ]
                ),
                self.asking,
            ],
            layout=widgets.Layout(
                border="1px solid var(--jp-border-color1, #BBB)", padding="8px", margin="8px 0"
            ),
        )
        self.widget = widgets.VBox([self.message, self.body])
        session.follow("editor", self._refresh)
        self._refresh()

    def open(self, person: str | None) -> None:
        """Edit this person; None closes the editor."""
        self.person = person
        self.message.value = ""
        self.decline()
        self._refresh()
        self._fill()
        self._on_open()

    def rename(self) -> None:
        """Rename the person to the name in the field."""
        old, new = self._chosen(), self.name.value.strip()
        if self._carry_out(lambda: gallery.rename_person(self._session.workspace, old, new), new):
            self.name.value = new
            card = self._session.view().card(new)
            where = "as before" if card is None else f"to {card.person.folder}/"
            self._say(
                f"{old} is now called {new}. New photos go {where}, until you move the folder; files that are in the "
                "output stay where they are."
            )

    def move(self) -> None:
        """Change the person's folder to the one in the field."""
        name, folder = self._chosen(), self.folder.value
        if self._carry_out(
            lambda: gallery.move_folder(self._session.workspace, name, folder), name
        ):
            self.folder.value = safe_folder(folder)
            self._say("Future copies go there. Files already in the output stay where they are.")

    def remove_reference(self, reference_id: int) -> None:
        """Remove one reference."""
        name, workspace = self._chosen(), self._session.workspace
        if self._carry_out(lambda: gallery.remove_reference(workspace, reference_id), name):
            self._say(f"The reference was removed. {_UNDO}")

    def choose_picture(self, reference_id: int | None) -> None:
        """Show the person by this reference; None: by their best face."""
        name, workspace = self._chosen(), self._session.workspace
        if self._carry_out(lambda: gallery.choose_picture(workspace, name, reference_id), name):
            by = "their best face" if reference_id is None else "the chosen reference"
            self._say(f"{name} is shown by {by}. {_UNDO}")

    def merge(self) -> None:
        """Ask whether to merge into the chosen person."""
        name, into = self._chosen(), self.into.value
        if not into:
            self._say(f"Choose the person to merge {name} into.", good=False)
            return
        self._ask(
            f"Merge {name} into {into}? References and learned faces move to {into}, whose name and folder stay. "
            f"Files in the output stay where they are. {_UNDO}",
            lambda: self._merge(name, into),
        )

    def _merge(self, name: str, into: str) -> None:
        workspace = self._session.workspace
        if self._carry_out(lambda: gallery.merge_persons(workspace, name, into), into):
            self._fill()
            self._say(f"{name} was merged into {into}.")

    def remove(self) -> None:
        """Ask whether to remove the person."""
        name = self._chosen()
        card = self._session.view().card(name)
        known = "" if card is None else f" with {several(len(card.references), 'reference')}"
        self._ask(
            f"Remove {name}{known} from the gallery? Later sorts will not find {name}. Files in the output, "
            f"earlier decisions and detected faces stay. {_UNDO}",
            lambda: self._remove(name),
        )

    def _remove(self, name: str) -> None:
        if self._carry_out(lambda: gallery.remove_person(self._session.workspace, name), None):
            self._say(f"{name} was removed from the gallery.")

    def agree(self) -> None:
        """Do what was confirmed."""
        with self._session.lock:  # or a second click may confirm twice
            if self._agreed is not None:
                self._agreed()

    def decline(self) -> None:
        """Close the question and change nothing."""
        self._agreed = None
        self.asking.layout.display = "none"

    def _ask(self, question: str, agreed: Callable[[], None]) -> None:
        self._agreed = agreed
        self.message.value = ""
        self.question.value = notice(question, good=False)
        self.asking.layout.display = ""

    def _chosen(self) -> str:
        if self.person is None:
            raise ValueError("no person is being edited")
        return self.person

    def _carry_out(self, edit: Callable[[], object], then: str | None) -> bool:
        """Edit, refresh everything and continue with person `then`; or show why the edit was refused."""
        names = filter(None, dict.fromkeys((self.person, then)))
        with self._session.lock:
            try:
                self._refuse_changed(*names)
                edit()
            except FacesortError as error:
                self.decline()
                self._say(str(error), good=False)
                if isinstance(error, GalleryError):  # somebody else may have changed the gallery
                    self._session.changed()
                return False
            self.person = then
            self.decline()
            self._session.changed()
            return True

    def _refuse_changed(self, *names: str) -> None:
        """Of two windows, neither changes a person whom it shows as they were before the other one changed them."""
        shown = [self._shown(name) for name in names]
        self._session.catch_up()
        for name, before in zip(names, shown, strict=True):
            if self._shown(name) != before:
                raise GalleryError(
                    f"{name} was changed in another window since shown here: nothing was changed; the page is up to "
                    "date now, look and press again"
                )

    def _shown(self, name: str) -> tuple[object, ...]:
        card = self._session.view().card(name)
        return () if card is None else (card.person, [r.reference_id for r in card.references])

    def _say(self, text: str, *, good: bool = True) -> None:
        self.message.value = notice(text, good=good)

    def _fill(self) -> None:
        """Show the person's name and folder in the fields."""
        card = None if self.person is None else self._session.view().card(self.person)
        if card is not None:
            self.name.value, self.folder.value = card.person.name, card.person.folder

    def _refresh(self) -> None:
        """Show the person as they are in the gallery, and leave what was typed."""
        card = None if self.person is None else self._session.view().card(self.person)
        self.body.layout.display = "none" if card is None else ""
        if card is None:
            self.person = None
            self.decline()
            return
        self.heading.value = f"<b>{html_text(card.person.name)}</b>"
        others = [c.person.name for c in self._session.view().cards if c is not card]
        chosen = self.into.value if self.into.value in others else ""
        self.into.options = [("choose a person", ""), *((printable(n), n) for n in others)]
        self.into.value = chosen
        self._show_references(card)

    def _show_references(self, card: PersonCard) -> None:
        tiles = {}
        for reference, to_rest in zip(card.references, card.to_rest, strict=True):
            key = reference.reference_id
            tile = self._tiles.get(key) or self._tile(key)
            tile.children[0].value = reference_html(reference, to_rest)
            _, remove, show = tile.children
            remove.disabled = len(card.references) == 1
            remove.tooltip = "a person needs one" if remove.disabled else reference.file_name
            show.disabled = reference.chosen
            show.description = "✓ Shown" if reference.chosen else "Show this face"
            show.tooltip = reference.file_name
            tiles[key] = tile
        self.best_face.disabled = not any(r.chosen for r in card.references)
        self.best_face.tooltip = (
            "shown already" if self.best_face.disabled else "of the references and the event"
        )
        before, self._tiles = self._tiles, tiles
        self.references.children = list(tiles.values())
        discard(*(tile for key, tile in before.items() if key not in tiles))

    def _tile(self, reference_id: int) -> widgets.VBox:
        buttons = [
            _button("Remove", lambda: self.remove_reference(reference_id)),
            _button("", lambda: self.choose_picture(reference_id)),
        ]
        for button in buttons:
            button.layout.width = "auto"
        return widgets.VBox([widgets.HTML(), *buttons], layout=widgets.Layout(width="150px"))


def _field(label: str) -> widgets.Text:
    # Sent as a whole when a button takes the focus: of a busy kernel, the last letters would come after the press.
    return widgets.Text(
        description=label,
        continuous_update=False,
        style={"description_width": "80px"},
        layout={"width": "330px"},
    )


def _button(label: str, action: Callable[[], None], style: str = "") -> widgets.Button:
    button = widgets.Button(description=label, button_style=style, layout={"width": "150px"})
    button.on_click(lambda _: action())
    return button
