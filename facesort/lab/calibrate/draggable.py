"""A chart in the notebook whose threshold lines are dragged with the mouse; unattended, a picture.

ipympl draws it, whose JavaScript comes with its package: nothing is fetched.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from ipympl.backend_nbagg import Canvas, FigureManager
from matplotlib.backend_bases import Event, LocationEvent, cursors
from matplotlib.figure import Figure

from facesort.lab.calibrate.plots import ThresholdMark
from facesort.lab.shared.front_end import is_interactive
from facesort.lab.shared.plots import picture

_REACH = 12  # px from a line at which the mouse takes it
_STEP = 1000  # thresholds are set in thousandths, as they are suggested


class DraggableChart:
    """A figure with STRICT and LOOSE in it, to be taken with the mouse.

    Parameters
    ----------
    marks : sequence of ThresholdMark
        STRICT and LOOSE, in one Axes.
    dropped : callable of (name, value)
        Called when a line was let go.
    alt : str
        What the picture shows, for those who cannot see it.
    """

    def __init__(
        self,
        figure: Figure,
        marks: Sequence[ThresholdMark],
        dropped: Callable[[str, float], None],
        alt: str,
    ) -> None:
        self._figure = figure
        self._strict, self._loose = marks
        self._dropped = dropped
        self._alt = alt
        self._held: ThresholdMark | None = None
        with warnings.catch_warnings():  # ipympl's toolbar, which stays hidden
            warnings.filterwarnings("ignore", "Passing unrecognized", DeprecationWarning)
            self.canvas: Any = Canvas(figure)
            FigureManager(self.canvas, 0)
        self.canvas.toolbar_visible = self.canvas.header_visible = False
        self.canvas.footer_visible = self.canvas.resizable = False
        for name, reaction in (
            ("button_press_event", self._take),
            ("motion_notify_event", self._pull),
            ("button_release_event", self._let_go),
            ("figure_leave_event", self._let_go),  # outside nobody would hear the release
        ):
            self.canvas.mpl_connect(name, reaction)

    def show(self, strict: float, loose: float) -> None:
        """Put both lines where the thresholds are."""
        if (self._strict.value, self._loose.value) != (strict, loose):
            self._strict.move(strict)
            self._loose.move(loose)
            self.canvas.draw_idle()

    def _near(self, event: LocationEvent) -> ThresholdMark | None:
        """The line under the mouse; of two that lie together, the one on the mouse's side."""
        if event.inaxes is None:
            return None
        place = event.inaxes.transData.transform
        gaps = [
            (abs(event.x - place((mark.value, 0))[0]), mark) for mark in (self._strict, self._loose)
        ]
        gap, mark = min(gaps, key=lambda pair: pair[0])
        if gaps[0][0] == gaps[1][0] and event.xdata is not None and event.xdata > mark.value:
            mark = self._loose
        return mark if gap <= _REACH else None

    def _take(self, event: Event) -> None:
        if isinstance(event, LocationEvent):
            self._held = self._near(event)

    def _pull(self, event: Event) -> None:
        if not isinstance(event, LocationEvent):
            return
        if self._held is None:
            near = self._near(event) is not None
            self.canvas.set_cursor(cursors.RESIZE_HORIZONTAL if near else cursors.POINTER)
        elif event.xdata is not None:
            value = round(float(event.xdata) * _STEP) / _STEP
            low = 0.0 if self._held is self._strict else self._strict.value
            high = 2.0 if self._held is self._loose else self._loose.value
            self._held.move(min(max(value, low), high))
            self.canvas.draw_idle()

    def _let_go(self, _: Event) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._dropped(held.name, held.value)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        # A picture wherever no widget would work: in a run that nobody watches, and when it is printed.
        if is_interactive():
            return self.canvas._repr_mimebundle_(**options)
        return picture(self._figure, self._alt)._repr_mimebundle_()
