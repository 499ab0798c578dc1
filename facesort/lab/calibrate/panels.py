"""Sliders for STRICT and LOOSE, and the button that applies them."""

from __future__ import annotations

import ipywidgets as widgets

from facesort.errors import FacesortError
from facesort.lab.calibrate.session import CalibrationSession
from facesort.lab.shared.html import notice
from facesort.lab.shared.words import decimals

_WIDE = {"width": "760px"}


class Controls:
    """Sliders for both thresholds, and buttons that reset them."""

    def __init__(self, session: CalibrationSession) -> None:
        self._session = session
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
        in_force = "As the pack has them" if session.finds_loose else "As a sort uses now"
        self.in_force = widgets.Button(description=in_force, layout={"width": "180px"})
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
        self.suggested.on_click(lambda _: self._reset("suggested"))
        self.in_force.on_click(lambda _: self._reset("current"))
        session.follow("controls", self.refresh)

    def refresh(self) -> None:
        """Move the sliders to the thresholds."""
        now = self._session.thresholds
        self.strict.value, self.loose.value = now.strict, now.loose
        self.message.value = notice(self.text())

    def text(self) -> str:
        """The thresholds in words."""
        now = self._session.thresholds
        chosen = "chosen by hand" if self._session.by_hand else "as suggested"
        return f"STRICT {decimals(now.strict)}, LOOSE {decimals(now.loose)}: {chosen}."

    def _move(self, *, strict: float | None = None, loose: float | None = None) -> None:
        self._session.move(strict=strict, loose=loose)
        self.refresh()  # a slider moved past the other one returns to it

    def _reset(self, which: str) -> None:
        point = getattr(self._session.calibration, which).thresholds
        self._session.move(strict=point.strict, loose=point.loose)


class ApplyPanel:
    """The button that stores the thresholds for the next sorts."""

    def __init__(self, session: CalibrationSession) -> None:
        self._session = session
        self.button = widgets.Button(
            button_style="primary", icon="check", layout={"width": "320px"}
        )
        self.message = widgets.HTML()
        self.widget = widgets.VBox([self.button, self.message])
        self.button.on_click(lambda _: self.apply())
        session.follow("apply", self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what the button would store."""
        now = self._session.thresholds
        self.button.description = (
            f"Apply STRICT {decimals(now.strict)}, LOOSE {decimals(now.loose)}"
        )
        done = self._session.applied == now
        self.button.disabled = done
        self.message.value = notice(self.text(), good=True if done else None)

    def text(self) -> str:
        """Whether these thresholds are stored."""
        session = self._session
        groups = ""
        if session.rules.groups:
            groups = (
                " A LOOSE that is stored replaces the event's own: groups of faces end there too."
            )
        if session.applied == session.thresholds:
            return f"Stored in {session.workspace.root / 'facesort.toml'}; the next sort uses them.{groups}"
        return f"Nothing is stored yet.{groups}"

    def apply(self) -> None:
        """Store the thresholds, or show the error."""
        try:
            self._session.apply()
        except (FacesortError, OSError) as error:
            self.message.value = notice(str(error), good=False)
