"""Sliders for STRICT and LOOSE, and the button that applies them."""

from __future__ import annotations

import ipywidgets as widgets

from facesort.errors import FacesortError
from facesort.lab.calibrate.calibrating import Calibrating
from facesort.lab.shared.html import notice
from facesort.lab.shared.words import decimals

_WIDE = {"width": "760px"}


class Controls:
    """Two sliders, and ways back."""

    def __init__(self, desk: Calibrating) -> None:
        self._desk = desk
        self.strict, self.loose = (
            widgets.FloatSlider(
                description=name,
                min=0.0,
                max=2.0,
                step=0.001,
                readout_format=".3f",
                continuous_update=False,
                layout=_WIDE,
            )
            for name in ("STRICT", "LOOSE")
        )
        self.suggested = widgets.Button(description="As suggested", layout={"width": "180px"})
        self.in_force = widgets.Button(description="As a sort uses now", layout={"width": "180px"})
        self.message = widgets.HTML()
        self.widget = widgets.VBox(
            [
                self.strict,
                self.loose,
                widgets.HBox([self.suggested, self.in_force]),
                self.message,
            ]
        )
        self.refresh()
        self.strict.observe(lambda change: self._move(strict=change["new"]), "value")
        self.loose.observe(lambda change: self._move(loose=change["new"]), "value")
        self.suggested.on_click(lambda _: self._back_to("suggested"))
        self.in_force.on_click(lambda _: self._back_to("current"))
        desk.follow("controls", self.refresh)

    def refresh(self) -> None:
        """Stand where the thresholds are."""
        now = self._desk.thresholds
        self.strict.value, self.loose.value = now.strict, now.loose
        self.message.value = notice(self.text())

    def text(self) -> str:
        """Where the thresholds are."""
        now = self._desk.thresholds
        chosen = "chosen by hand" if self._desk.by_hand else "as suggested"
        return f"STRICT {decimals(now.strict)}, LOOSE {decimals(now.loose)}: {chosen}."

    def _move(self, *, strict: float | None = None, loose: float | None = None) -> None:
        self._desk.move(strict=strict, loose=loose)
        self.refresh()  # a slider that was pulled past the other one goes back to it

    def _back_to(self, which: str) -> None:
        there = getattr(self._desk.calibration, which).thresholds
        self._desk.move(strict=there.strict, loose=there.loose)


class ApplyPanel:
    """The button that lets the next sorts use the thresholds."""

    def __init__(self, desk: Calibrating) -> None:
        self._desk = desk
        self.button = widgets.Button(
            button_style="primary", icon="check", layout={"width": "320px"}
        )
        self.message = widgets.HTML()
        self.widget = widgets.VBox([self.button, self.message])
        self.button.on_click(lambda _: self.apply())
        desk.follow("apply", self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Say what would be applied."""
        now = self._desk.thresholds
        self.button.description = (
            f"Apply STRICT {decimals(now.strict)}, LOOSE {decimals(now.loose)}"
        )
        done = self._desk.applied == now
        self.button.disabled = done
        self.message.value = notice(self.text(), good=True if done else None)

    def text(self) -> str:
        """Whether these thresholds are stored."""
        if self._desk.applied == self._desk.thresholds:
            return (
                f"Stored in {self._desk.workspace.root / 'facesort.toml'}; the next sort uses them."
            )
        return "Nothing is stored yet."

    def apply(self) -> None:
        """Store the thresholds; says what went wrong."""
        try:
            self._desk.apply()
        except (FacesortError, OSError) as error:
            self.message.value = notice(str(error), good=False)
