"""A drop-down whose options change while something is chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets


class Choice:
    """Chooses one of several.

    Parameters
    ----------
    chosen : callable
        Called when the user chooses, not when the options change.
    """

    def __init__(self, label: str, chosen: Callable[[], object]) -> None:
        self.widget = widgets.Dropdown(
            description=label, style={"description_width": "70px"}, layout={"width": "420px"}
        )
        self._offering = False
        self.widget.observe(lambda _: None if self._offering else chosen(), "value")

    @property
    def value(self) -> Any:
        """What is chosen; None if nothing can be."""
        return self.widget.value

    def offer(self, options: Sequence[tuple[str, object]]) -> None:
        """Offer these (text, value); what was chosen stays so where it is still there, else the first is."""
        values = [value for _, value in options]
        chosen = self.value if self.value in values else next(iter(values), None)
        self._offering = True
        try:
            self.widget.options = options
            self.widget.value = chosen
        finally:
            self._offering = False
