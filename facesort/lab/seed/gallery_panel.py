"""The gallery as cards, with an editor for the chosen person."""

from __future__ import annotations

import ipywidgets as widgets

from facesort.core.text.words import plain, several
from facesort.engine.gallery.view import PersonCard
from facesort.lab.seed.cards import person_html
from facesort.lab.seed.person_editor import PersonEditor
from facesort.lab.seed.session import SeedSession
from facesort.lab.shared.html import notice

_PAGE = 48  # more cards make the browser slow
_HEIGHT = "620px"  # two rows of cards, so that the editor below them is visible when it opens


class GalleryPanel:
    """The gallery as cards, and the editor below."""

    def __init__(self, session: SeedSession) -> None:
        self._session = session
        self.editor = PersonEditor(session, self.refresh)
        self.find = widgets.Text(description="Find a name", style={"description_width": "initial"})
        self.find.observe(lambda _: self.refresh(), "value")
        self.summary = widgets.HTML()
        self.cards = widgets.Box(
            layout=widgets.Layout(
                flex_flow="row wrap", grid_gap="12px", max_height=_HEIGHT, overflow="hidden auto"
            )
        )
        # Reused, so that the browser keeps the scroll position.
        self._tiles: dict[str, widgets.VBox] = {}
        self.widget = widgets.VBox(
            [
                session.history_line.widget,
                widgets.HBox([self.find, self.summary]),
                self.cards,
                self.editor.widget,
            ]
        )
        session.follow("gallery", self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the current gallery."""
        everybody = self._session.view().cards
        wanted = plain(self.find.value.strip())
        found = [card for card in everybody if wanted in plain(card.person.name)]
        shown = found[:_PAGE]
        text = several(len(found), "person", "people")
        if len(found) > len(shown):
            text += f", the first {len(shown)} are shown: search for a name"
        self.summary.value = notice(text if everybody else "Nobody is in the gallery yet.")
        self.cards.children = [self._card(card) for card in shown]

    def _card(self, card: PersonCard) -> widgets.VBox:
        name = card.person.name
        if name not in self._tiles:
            button = widgets.Button(
                description="Edit", tooltip=f"Edit {name}", layout={"width": "auto"}
            )
            button.on_click(lambda _: self.editor.open(name))
            self._tiles[name] = widgets.VBox([widgets.HTML(), button], layout={"width": "190px"})
        tile = self._tiles[name]
        tile.children[0].value = person_html(card, chosen=name == self.editor.person)
        return tile
