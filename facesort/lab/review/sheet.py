"""A page of faces in the notebook: look, choose some with mouse or keyboard, act.

anywidget carries the page's JavaScript from this package into JupyterLab: nothing is built, nothing is fetched.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import anywidget
import traitlets

PAGE = 48
"""Faces on one page: more would take the browser long, and the eye longer."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One face, or one group of faces, on a page.

    Parameters
    ----------
    id : int
        What an action is told.
    pictures : sequence of bytes
        JPEG; an empty one leaves its place empty.
    lines : sequence of str
        Below the title.
    badges : sequence of str
        Beside the title.
    alts : sequence of str
        What stands on each picture, where it has to be said.
    layout : str
        ``one``, ``pair`` or ``many`` pictures.
    hint : str
        Where the mouse rests.
    """

    id: int
    pictures: Sequence[bytes]
    title: str
    lines: Sequence[str] = ()
    badges: Sequence[str] = ()
    alts: Sequence[str] = ()
    layout: str = "one"
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Act:
    """What can be done with the faces that are chosen, or else with the one under the cursor.

    Parameters
    ----------
    label : str
        On the button.
    key : str
        As browsers call it, a letter in lower case; empty for none.
    tone : str
        ``good``, ``bad`` or nothing.
    help : str
        Where the mouse rests.
    takes : bool
        Whether the faces leave the page.
    opens : bool
        Whether a double click means it.
    whole : bool
        Whether it is not about the faces that are chosen.
    """

    name: str
    label: str
    key: str = ""
    tone: str = ""
    help: str = ""
    takes: bool = False
    opens: bool = False
    whole: bool = False


def page_of(number: int, total: int, size: int = PAGE) -> tuple[int, int, slice]:
    """The page of that number, or the last one there is; how many there are; and what is on it.

    Examples
    --------
    >>> page_of(9, 100)
    (2, 3, slice(96, 144, None))
    """
    pages = max(1, math.ceil(total / size))
    number = min(max(number, 0), pages - 1)
    return number, pages, slice(number * size, (number + 1) * size)


class FaceSheet(anywidget.AnyWidget):
    """A page of faces.

    Arrows move, space or a click chooses, with shift everything between; Ctrl+A chooses all, Escape none.

    Parameters
    ----------
    label : str
        What the page shows, for those who cannot see it.
    acts : sequence of Act
    done : callable of (name of the act, ids), optional
    turned : callable of (page), optional
    """

    _esm = Path(__file__).with_suffix(".js")
    _css = Path(__file__).with_suffix(".css")
    label = traitlets.Unicode().tag(sync=True)
    actions = traitlets.List(traitlets.Any()).tag(sync=True)
    tiles = traitlets.List(traitlets.Any()).tag(sync=True)
    chosen = traitlets.List(traitlets.Any()).tag(sync=True)
    page = traitlets.Int(0).tag(sync=True)
    pages = traitlets.Int(1).tag(sync=True)
    drawn = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        label: str,
        acts: Sequence[Act] = (),
        done: Callable[[str, list[int]], object] | None = None,
        turned: Callable[[int], object] | None = None,
    ) -> None:
        super().__init__(label=label, actions=[asdict(act) for act in acts])
        self._done, self._turned = done, turned
        self.on_msg(self._hear)

    def show(self, tiles: Sequence[Tile], page: int = 0, pages: int = 1) -> None:
        """Show these; what was chosen stays chosen where it is still there."""
        with self.hold_sync():
            self.tiles = [asdict(tile) for tile in tiles]
            self.page, self.pages = page, pages
            self.drawn += 1

    def _hear(self, _: object, content: dict[str, Any], __: object) -> None:
        if content["action"] == "page":
            if self._turned is not None:
                self._turned(int(content["page"]))
        elif self._done is not None:
            self._done(content["action"], [int(key) for key in content["ids"]])
