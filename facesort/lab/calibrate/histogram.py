"""Histograms of distances with the thresholds in them, which can be dragged with the mouse in a notebook.

ipympl draws the interactive chart; its JavaScript comes with the package, so nothing is fetched.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import ipywidgets as widgets
import numpy as np
from ipympl.backend_nbagg import Canvas, FigureManager
from matplotlib.axes import Axes
from matplotlib.backend_bases import Event, LocationEvent, cursors
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from facesort.core.persons.matching import Thresholds
from facesort.lab.calibrate.page_width import PageWidth
from facesort.lab.shared.colours import DARK
from facesort.lab.shared.front_end import is_interactive
from facesort.lab.shared.plots import picture
from facesort.lab.shared.words import decimals

_BIN = 0.025  # of distance, as in the histogram of a sort
_NAME = 0.1  # of distance: room for the name of a threshold beside it
_REACH = 12  # px from a line at which the mouse grabs it
_FRAME = 8  # px that ipympl puts around the drawing
_STEP = 100  # thresholds are set in hundredths, as they are suggested
# The kernel draws on white; a dark theme turns lightness round, and leaves hues as they are.
_ON_DARK = (
    '<style>[data-jp-theme-light="false"] .jupyter-matplotlib canvas'
    "{filter:invert(0.93) hue-rotate(180deg)}</style>"
)


class Group(NamedTuple):
    """Distances of one kind.

    Parameters
    ----------
    scores : ndarray of shape (n,), float32
        Infinite ones are counted but not drawn.
    filled : bool
        False draws an outline.
    """

    label: str
    scores: NDArray[np.float32]
    colour: str
    filled: bool


class ThresholdMark:
    """A movable line with a threshold's name."""

    def __init__(self, ax: Axes, name: str, value: float) -> None:
        self.name = name
        self.value = value
        self._ax = ax
        strict = name == "STRICT"  # the two names point away from each other
        self._line = ax.axvline(value, color=DARK, linestyle="-" if strict else "--", linewidth=1.6)
        self._text = ax.annotate(
            "",
            (value, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(-5 if strict else 5, -3),
            textcoords="offset points",
            ha="right" if strict else "left",
            va="top",
            fontsize=9,
            fontweight="bold",
        )
        self.move(value)

    def move(self, value: float) -> None:
        """Move the line; the chart grows if the line would be outside."""
        self.value = value
        low, high = self._ax.get_xlim()
        if not low + _NAME / 2 <= value <= high - _NAME / 2:
            self._ax.set_xlim(min(low, value - _NAME), max(high, value + _NAME))
        self._line.set_xdata([value, value])
        self._text.xy = (value, 1.0)
        self._text.set_text(f"{self.name} {decimals(value)}")


def plot_groups(ax: Axes, groups: Sequence[Group], thresholds: Thresholds) -> list[ThresholdMark]:
    """Draw histograms of distances, each normalised to its own total, with both thresholds.

    Parameters
    ----------
    groups : sequence of Group
        At least one is not empty.

    Returns
    -------
    list of ThresholdMark
        STRICT and LOOSE.
    """
    finite = [group.scores[np.isfinite(group.scores)] for group in groups]
    names = [thresholds.strict - _NAME, thresholds.loose + _NAME]
    everything = np.concatenate([*finite, names])
    first, last = np.floor(everything.min() / _BIN - 2), np.ceil(everything.max() / _BIN + 2)
    edges = np.arange(max(first, 0), min(last, 2 / _BIN) + 1) * _BIN
    for group, scores in zip(groups, finite, strict=True):
        counts, _ = np.histogram(scores, edges)
        shares = counts / max(len(group.scores), 1)
        label = f"{group.label} ({len(group.scores):,})"
        if group.filled:
            ax.stairs(shares, edges, fill=True, color=group.colour, alpha=0.35)
        line = 1.2 if group.filled else 1.8
        outline = np.where(counts > 0, shares, np.nan)  # no line along the axis
        ax.stairs(outline, edges, color=group.colour, linewidth=line, label=label)
    ax.margins(y=0.16)
    ax.set_ylim(bottom=0)
    ax.set_xlim(float(edges[0]), float(edges[-1]))
    ax.set_xlabel("Euclidean distance (0: identical, 2: opposite)")
    ax.set_ylabel(f"share of each kind per {_BIN:g}")
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{100 * y:g} %"))
    _name_groups(ax, 3)
    return [
        ThresholdMark(ax, "STRICT", thresholds.strict),
        ThresholdMark(ax, "LOOSE", thresholds.loose),
    ]


def _name_groups(ax: Axes, columns: int) -> None:
    ax.legend(
        loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=columns, fontsize=9, frameon=False
    )


def in_words(groups: Sequence[Group], thresholds: Thresholds) -> str:
    """What the histograms show, in numbers."""
    said = []
    for group in groups:
        finite = group.scores[np.isfinite(group.scores)]
        if not len(finite):
            continue
        low, middle, high = (decimals(part) for part in np.quantile(finite, (0, 0.5, 1)))
        within = np.count_nonzero(finite <= np.float32(thresholds.loose))
        said.append(
            f"{group.label}: {len(group.scores):,} distances from {low} to {high}, half below {middle}, "
            f"{within:,} within LOOSE"
        )
    return (
        f"Histograms of distances with STRICT {decimals(thresholds.strict)} and LOOSE {decimals(thresholds.loose)}. "
        f"{'; '.join(said)}."
    )


class DraggableChart:
    """A chart whose STRICT and LOOSE can be dragged with the mouse; a picture in an unattended run.

    Parameters
    ----------
    marks : sequence of ThresholdMark
        STRICT and LOOSE, in one Axes.
    released : callable of (name, value)
        Called when a line is released.
    alt : str
        Alternative text of the picture.
    """

    def __init__(
        self,
        figure: Figure,
        marks: Sequence[ThresholdMark],
        released: Callable[[str, float], None],
        alt: str,
    ) -> None:
        self._figure = figure
        self._strict, self._loose = marks
        self._released = released
        self._alt = alt
        self._held: ThresholdMark | None = None
        with warnings.catch_warnings():  # ipympl's toolbar, which stays hidden
            warnings.filterwarnings("ignore", "Passing unrecognized", DeprecationWarning)
            self.canvas: Any = Canvas(figure)
            FigureManager(self.canvas, 0)
        self.canvas.toolbar_visible = self.canvas.header_visible = False
        self.canvas.footer_visible = self.canvas.resizable = False
        for name, reaction in (
            ("button_press_event", self._grab),
            ("motion_notify_event", self._drag),
            ("button_release_event", self._release),
            ("figure_leave_event", self._release),  # a release outside sends no event
        ):
            self.canvas.mpl_connect(name, reaction)
        self._natural = self.canvas.get_width_height()
        self.page = PageWidth()
        self.page.observe(lambda change: self._fit(change["new"]), "px")

    def _fit(self, page: int) -> None:
        """Draw it no wider than the page, with letters of the same size."""
        natural, height = self._natural
        width = min(page - _FRAME, natural)
        _name_groups(self._figure.axes[0], 3 if width == natural else 1)
        self.canvas.handle_resize({"width": width, "height": height})

    def show(self, strict: float, loose: float) -> None:
        """Move both lines to the thresholds."""
        if (self._strict.value, self._loose.value) != (strict, loose):
            self._strict.move(strict)
            self._loose.move(loose)
            self.canvas.draw_idle()

    def _near(self, event: LocationEvent) -> ThresholdMark | None:
        """The line under the mouse; of two at the same place, the one on the mouse's side."""
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

    def _grab(self, event: Event) -> None:
        if isinstance(event, LocationEvent):
            self._held = self._near(event)

    def _drag(self, event: Event) -> None:
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

    def _release(self, _: Event) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._released(held.name, held.value)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        # Widgets work neither in an unattended run nor in print.
        if is_interactive():
            shown = widgets.VBox([widgets.HTML(_ON_DARK), self.page, self.canvas])
            return shown._repr_mimebundle_(**options)
        return {
            "text/html": picture(self._figure, self._alt)._repr_html_(),
            "text/plain": self._alt,
        }
