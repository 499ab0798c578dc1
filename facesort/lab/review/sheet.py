"""A page of faces in the notebook: select some with mouse or keyboard, and act on them.

anywidget loads the page's JavaScript from this package into JupyterLab: no build step, no download.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, fields
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from facesort.core.text.foreign_text import printable
from facesort.lab.shared.front_end import is_unattended

ShowPhoto = Callable[[dict[str, Any], list[bytes]], object]
OnPhoto = Callable[[int, ShowPhoto], object]

PAGE = 48
"""Faces on one page."""

ON_TILE = 4
"""Faces on the tile of a group."""

GROUPS = PAGE // ON_TILE
"""Groups on one page."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One face, or one group of faces.

    Parameters
    ----------
    id : int
        Passed to the action.
    pictures : sequence of bytes
        JPEGs; an empty one leaves its place empty.
    lines : sequence of str
        Below the title.
    badges : sequence of str
        Beside the title.
    captions : sequence of str
        On the pictures.
    layout : str
        ``one``, ``pair``, ``trio`` or ``many`` pictures, or ``group``: the first one large, and four.
    """

    id: int
    pictures: Sequence[bytes]
    title: str
    lines: Sequence[str] = ()
    badges: Sequence[str] = ()
    captions: Sequence[str] = ()
    layout: str = "one"
    tooltip: str = ""


@dataclass(frozen=True, slots=True)
class SheetAction:
    """An action on the selected tiles; or, if none is selected, on the one under the cursor.

    Parameters
    ----------
    name : str
        Passed to the callback.
    label : str
        On the button.
    key : str
        The browser's name of the shortcut key, a letter in lower case; empty for none.
    tone : str
        Colour of the button: ``good``, ``bad`` or empty.
    removes : bool
        Whether the tiles leave the page.
    double_click : bool
        Whether a double click on a tile starts it.
    whole_page : bool
        Whether it does not depend on the selection.
    """

    name: str
    label: str
    key: str = ""
    tone: str = ""
    tooltip: str = ""
    removes: bool = False
    double_click: bool = False
    whole_page: bool = False


UNDO = SheetAction("undo", "Undo", "z", tooltip="undoes the newest action", whole_page=True)
CLOSE = SheetAction("close", "Close", "Escape", whole_page=True)
OPEN = SheetAction("open", "Show all faces", "Enter", double_click=True, tooltip="or double-click")


def paginate(page: int, total: int, size: int = PAGE) -> tuple[int, int, slice]:
    """The page, or the nearest one there is; the number of pages; and the slice of the items on it.

    Examples
    --------
    >>> paginate(9, 100)
    (2, 3, slice(96, 144, None))
    """
    pages = max(1, math.ceil(total / size))
    page = min(max(page, 0), pages - 1)
    return page, pages, slice(page * size, (page + 1) * size)


_TEXTS = [field.name for field in fields(Tile) if field.name not in ("id", "pictures")]


def _shown(part: object) -> object:
    """Texts as printable lines; the browser takes none of them for HTML."""
    if isinstance(part, str):
        return printable(part)
    return [_shown(each) for each in part] if isinstance(part, (list, tuple)) else part


def _key(picture: bytes) -> str:
    """Name of a picture by its content; empty for none."""
    return blake2b(picture, digest_size=12).hexdigest() if picture else ""


def _scripts(*names: str) -> str:
    """One module of several files: the browser loads a widget's script as one."""
    return "\n".join(Path(__file__).with_name(name).read_text(encoding="utf-8") for name in names)


class FaceSheet(anywidget.AnyWidget):
    """A page of faces.

    Arrow keys move the cursor; space or a click selects, with shift a range; Ctrl+A selects all, Escape none.

    What a user presses is sent in order, one message at a time; what is pressed while the kernel works goes into the
    next one.  The tiles stay grey until the kernel has heard it, and a page that no kernel hears takes no answer.

    Parameters
    ----------
    label : str
        For screen readers.
    on_action : callable of (name, ids), optional
        Returns False if nothing was done: the tiles stay selected.
    on_page : callable of (page), optional
    together : callable of (number), optional
        Returns a context in which that many acts of one message are carried out.
    on_photo : callable of (id, show), optional
        Shows the whole photo of a tile, at once or later: `show` takes what to say of it, and its pictures.  Enter or a
        double click opens it.
    """

    _esm = _scripts("exchange.js", "clip.js", "photo.js", "keys.js", "sheet.js")
    _css = Path(__file__).with_suffix(".css")
    label = traitlets.Unicode().tag(sync=True)
    actions = traitlets.List(traitlets.Any()).tag(sync=True)
    tiles = traitlets.List(traitlets.Any()).tag(sync=True)
    pictures = traitlets.Dict().tag(sync=True)  # by key; those that were not shown just before
    photos = traitlets.Bool(False).tag(sync=True)
    page = traitlets.Int(0).tag(sync=True)
    pages = traitlets.Int(1).tag(sync=True)
    revision = traitlets.Int(0).tag(sync=True)  # the browser redraws when it changes
    heard = traitlets.Dict().tag(sync=True)  # the newest message that was carried out

    def __init__(
        self,
        label: str,
        actions: Sequence[SheetAction] = (),
        on_action: Callable[[str, list[int]], object] | None = None,
        on_page: Callable[[int], object] | None = None,
        together: Callable[[int], AbstractContextManager[object]] = nullcontext,
        on_photo: OnPhoto | None = None,
    ) -> None:
        shown = [asdict(action) for action in actions]
        super().__init__(label=label, actions=shown, photos=on_photo is not None)
        self._on_photo = on_photo
        self._on_action, self._on_page, self._together = on_action, on_page, together
        self._pictures: dict[str, bytes] = {}
        self.on_msg(self._on_message)

    def show(self, tiles: Iterable[Tile], page: int = 0, pages: int = 1) -> None:
        """Show these tiles; those that were selected before stay selected."""
        found: dict[str, bytes] = {}
        drawn: list[Any] = []
        for tile in tiles:
            keys = [_key(picture) for picture in tile.pictures]
            found |= zip(keys, tile.pictures, strict=True)
            texts = {name: _shown(getattr(tile, name)) for name in _TEXTS}
            drawn.append({"id": tile.id, "pictures": keys} | texts)
        found.pop("", None)
        if is_unattended():  # papermill saves the state of widgets, and nobody asked for faces
            found.clear()
        with self.hold_sync():
            self.tiles, self.page, self.pages = drawn, page, pages
            self.pictures = {key: found[key] for key in found.keys() - self._pictures.keys()}
            self.revision += 1
        self._pictures = found

    def focus(self, *, move: bool = False) -> None:
        """Give this sheet the keyboard if nothing else has it.

        Parameters
        ----------
        move : bool
            Whatever has it now, and the page moves here: only for what a user opened.
        """
        self.send({"focus": True, "move": move})

    def _on_message(self, _: object, content: dict[str, Any], __: object) -> None:
        acts, refused = content["acts"], []
        try:
            with self._together(len(acts)):
                for number, act in enumerate(acts):
                    if self._carry_out(act) is False:
                        refused.append(number)
        finally:
            heard = {name: content[name] for name in ("view", "number")}
            self.heard = heard | {"refused": refused}

    def _carry_out(self, act: Mapping[str, Any]) -> object:
        if act["action"] == "pictures":
            keys = [key for key in act["keys"] if key in self._pictures]
            self.send({"pictures": keys}, [self._pictures[key] for key in keys])
        elif act["action"] == "photo":
            if self._on_photo is not None:
                (face_id,) = act["ids"]
                self._on_photo(int(face_id), partial(self._show_photo, face_id))
        elif act["action"] == "page":
            if self._on_page is not None:
                self._on_page(int(act["page"]))
        elif self._on_action is not None:
            return self._on_action(act["action"], [int(key) for key in act["ids"]])
        return None

    def _show_photo(self, face_id: int, about: dict[str, Any], pictures: list[bytes]) -> None:
        self.send({"photo": face_id} | about, pictures)
