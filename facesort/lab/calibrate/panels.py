"""Sliders for STRICT and LOOSE, and the button that applies them."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as widgets

from facesort.errors import FacesortError
from facesort.lab.calibrate.session import CalibrationSession
from facesort.lab.calibrate.slider import ThresholdSlider
from facesort.lab.shared.html import notice
from facesort.lab.shared.words import decimals


class Controls:
    """Sliders for both thresholds, and buttons that reset them."""

    def __init__(self, session: CalibrationSession) -> None:
        self._session = session
        self.strict, self.loose = ThresholdSlider("STRICT"), ThresholdSlider("LOOSE")
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
    """The buttons that store the thresholds for the next sorts, and take that back."""

    def __init__(self, session: CalibrationSession) -> None:
        self._session = session
        self.button = widgets.Button(
            button_style="primary", icon="check", layout={"width": "340px", "max_width": "100%"}
        )
        self.undo = widgets.Button(description="Undo", icon="undo", layout={"width": "120px"})
        self.message = widgets.HTML()
        self.widget = widgets.VBox([widgets.HBox([self.button, self.undo]), self.message])
        self.button.on_click(lambda _: self._try(self._session.apply))
        self.undo.on_click(lambda _: self._try(self._session.take_back))
        session.follow("apply", self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what the buttons would do."""
        session = self._session
        self.button.description = f"Apply {self._thresholds()}"
        done = session.applied == session.thresholds
        self.button.disabled = done
        self.undo.disabled = not session.can_take_back
        self.message.value = notice(self.text(), good=True if done else None)

    def text(self) -> str:
        """Whether these thresholds are stored, and what to do next."""
        session = self._session
        if session.applied == session.thresholds:
            file = session.workspace.root / "facesort.toml"
            return (
                f"{self._thresholds()} stored in {file}; the next sort uses them. For photos that are sorted: "
                f"`facesort rematch`. {self._loose()}"
            )
        if session.applied is not None:
            return f"These thresholds are not stored. {self._loose()}"
        return f"Nothing is stored yet. {self._loose()}"

    def _thresholds(self) -> str:
        """What is stored, in few words."""
        now = self._session.thresholds
        loose = decimals(now.loose)
        if not self._session.rules_if_applied.loose_is_given:
            loose = "of the event" if self._session.rules.groups else "of the pack"
        return f"STRICT {decimals(now.strict)}, LOOSE {loose}"

    def _loose(self) -> str:
        """What becomes of LOOSE."""
        rules = self._session.rules_if_applied
        if not rules.loose_is_given:
            own = "A sort finds it from the event's own faces." if rules.groups else ""
            return f"LOOSE is not stored, because there were too few people to measure it. {own}"
        if rules.groups:
            return "A LOOSE that is stored replaces the event's own: groups of faces end there too."
        return ""

    def _try(self, action: Callable[[], None]) -> None:
        """Do it, or show the error."""
        try:
            action()
        except (FacesortError, OSError) as error:
            self.message.value = notice(str(error), good=False)
