"""The form that offers photos of a person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from facesort.core.text.foreign_text import printable
from facesort.errors import FacesortError


@dataclass(frozen=True, slots=True)
class Press:
    """What the form held when its button was pressed.

    Parameters
    ----------
    folder, path : str
        Empty if not given.
    uploads : sequence of (file name, content)
    """

    name: str
    folder: str = ""
    path: str = ""
    uploads: Sequence[tuple[str, bytes]] = field(default=(), repr=False)


class AddForm(anywidget.AnyWidget):
    """A form that can be filled in again while earlier presses wait or are carried out.

    A press takes the content and clears the fields in the browser at once.  All its messages are in order, so nothing
    that is typed or pressed is lost, however busy the kernel is; a second press of an empty form is refused by the
    browser.

    Parameters
    ----------
    on_press : callable
        Carries out a press; returns whether a reference was added.  The form says why it failed, and gives the content
        back.
    """

    _esm = Path(__file__).with_suffix(".js")
    _css = Path(__file__).with_suffix(".css")
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(self, on_press: Callable[[Press], bool]) -> None:
        super().__init__()
        self._on_press = on_press
        # Photos come in pieces: Jupyter's server closes the connection on a message of more than 10 MB.
        self._photos: dict[str, defaultdict[int, bytearray]] = {}
        self.on_msg(self._on_message)

    def added(self, name: str) -> None:
        """Say that a reference of this person was added after all, so that no photo of them is asked for."""
        self.send({"added": name})

    def _on_message(
        self, _: object, content: dict[str, Any], buffers: Sequence[memoryview]
    ) -> None:
        key = content["press"]
        if "photo" in content:
            self._photos.setdefault(key, defaultdict(bytearray))[content["photo"]] += buffers[0]
            return
        photos = self._photos.pop(key, defaultdict(bytearray))
        uploads = [(name, bytes(photos[number])) for number, name in enumerate(content["photos"])]
        self.send({"press": key})
        try:
            added = self._on_press(
                Press(content["name"], content["folder"], content["path"], uploads)
            )
        except BaseException as error:
            explained = isinstance(error, (FacesortError, OSError))
            why = str(error) if explained else "this was interrupted"
            self.send({"press": key, "failed": printable(why)})
            if not explained:
                raise
        else:
            self.send({"press": key, "done": True, "added": added})
