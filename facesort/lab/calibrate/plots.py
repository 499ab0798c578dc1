"""Charts of a calibration, as one would print them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from facesort.core.calibration import OperatingPoint, Rate
from facesort.core.matching import Thresholds
from facesort.lab.calibrate.curves import Curves
from facesort.lab.shared.plots import BLUE, DARK, GREY, ORANGE, style
from facesort.lab.shared.words import decimals, share

_BIN = 0.025  # of distance, as in the histogram of a sort
_NAME = 0.1  # of distance: room for the name of a threshold beside it
_WIDTH = 8.4  # inches: that of a page


class Group(NamedTuple):
    """Distances of one kind.

    Parameters
    ----------
    scores : ndarray of shape (n,), float32
        What is infinite is not drawn.
    filled : bool
        Else an outline.
    """

    label: str
    scores: NDArray[np.float32]
    colour: str
    filled: bool


class ThresholdMark:
    """One threshold as a line with its name, which can be moved."""

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
        """Put the line elsewhere; the chart grows where it would be outside."""
        self.value = value
        low, high = self._ax.get_xlim()
        if not low + _NAME / 2 <= value <= high - _NAME / 2:
            self._ax.set_xlim(min(low, value - _NAME), max(high, value + _NAME))
        self._line.set_xdata([value, value])
        self._text.xy = (value, 1.0)
        self._text.set_text(f"{self.name} {decimals(value)}")


def plot_groups(ax: Axes, groups: Sequence[Group], thresholds: Thresholds) -> list[ThresholdMark]:
    """Histograms of distances, each as shares of its own number, with both thresholds.

    Parameters
    ----------
    groups : sequence of Group
        At least one of them not empty.

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
        ax.stairs(shares, edges, color=group.colour, linewidth=line, label=label)
    ax.margins(y=0.16)
    ax.set_ylim(bottom=0)
    ax.set_xlim(float(edges[0]), float(edges[-1]))
    ax.set_xlabel("Euclidean distance (0: identical, 2: opposite)")
    ax.set_ylabel(f"share of each kind per {_BIN:g}")
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{100 * y:g} %"))
    ax.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=3, fontsize=9)
    return [
        ThresholdMark(ax, "STRICT", thresholds.strict),
        ThresholdMark(ax, "LOOSE", thresholds.loose),
    ]


def plot_curves(curves: Curves, point: OperatingPoint, target: float) -> Figure:
    """ROC of one comparison, and DET of the whole gallery.

    Parameters
    ----------
    point : OperatingPoint
        Marked in both.
    target : float
        FPIR that was asked for; both axes reach below it.
    """
    with mpl.rc_context(style()):
        figure = Figure(figsize=(_WIDTH, 4.3), layout="constrained")
        left, right = figure.subplots(1, 2)
        _plot_roc(left, curves, point)
        _plot_det(right, curves, point, target)
        return figure


def _plot_roc(ax: Axes, curves: Curves, point: OperatingPoint) -> None:
    floor = _decade(min(1 / curves.impostors, 1e-4))
    found = 1 - curves.fnmr
    ax.plot(np.maximum(curves.fmr, floor), found, color=BLUE, linewidth=1.8)
    _mark(ax, (point.fmr, floor), (point.fnmr, 0.0), flip=True)
    _log_axis(ax, "x", floor, curves.impostors)
    shown = found[curves.fmr > 0]
    bottom = min(float(shown.min(initial=1.0)), 1 - point.fnmr.high)
    ax.set_ylim(max(np.floor(20 * bottom) / 20 - 0.02, 0.0), 1.01)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: share(y)))
    ax.set_title("ROC: one face, one person")
    ax.set_xlabel("FMR: other people accepted")
    ax.set_ylabel("1 - FNMR: the person accepted")


def _plot_det(ax: Axes, curves: Curves, point: OperatingPoint, target: float) -> None:
    floor = _decade(min(1 / curves.strangers, target / 2))
    floor_y = _decade(1 / curves.mated)
    at = np.interp(curves.band_at, curves.thresholds, curves.fpir)
    low = np.array([rate.low for rate in curves.bands])
    high = np.array([rate.high for rate in curves.bands])
    ax.fill_between(
        np.maximum(at, floor),
        np.maximum(low, floor_y),
        high,
        color=BLUE,
        alpha=0.15,
        linewidth=0,
        label="FNIR, 95 %",
    )
    ax.plot(
        np.maximum(curves.fpir, floor),
        np.maximum(curves.fnir, floor_y),
        color=BLUE,
        linewidth=1.8,
        label="FPIR and FNIR",
    )
    ax.axvline(
        target, color=ORANGE, linewidth=1.4, linestyle=":", label=f"asked for: {share(target)}"
    )
    _mark(ax, (point.fpir, floor), (point.fnir, floor_y))
    _log_axis(ax, "x", floor, curves.strangers)
    _log_axis(ax, "y", floor_y, curves.mated)
    ax.set_title(f"DET: a gallery of {curves.persons:,}")
    ax.set_xlabel("FPIR: strangers given a name")
    ax.set_ylabel("FNIR: known faces missed")
    ax.legend(loc="upper right", fontsize=8)


def _decade(value: float) -> float:
    """The power of ten below a rate."""
    return float(10.0 ** np.floor(np.log10(value) - 1e-9))


def _mark(ax: Axes, x: tuple[Rate, float], y: tuple[Rate, float], *, flip: bool = False) -> None:
    """The operating point with both of its intervals; rates below the floor of an axis stand on it."""
    (across, floor_x), (up, floor_y) = x, y
    sides = [max(r, floor_x) for r in (across.value, across.low, across.high)]
    ends = [max(r, floor_y) for r in (up.value, up.low, up.high)]
    if flip:
        ends = [1 - end for end in (ends[0], ends[2], ends[1])]
    ax.errorbar(
        sides[0],
        ends[0],
        xerr=[[sides[0] - sides[1]], [sides[2] - sides[0]]],
        yerr=[[ends[0] - ends[1]], [ends[2] - ends[0]]],
        fmt="o",
        color=DARK,
        markersize=6,
        elinewidth=1.2,
        capsize=3,
        label="LOOSE, 95 %",
        zorder=5,
        clip_on=False,
    )


def _log_axis(ax: Axes, axis: str, floor: float, trials: int) -> None:
    """A logarithmic axis from the floor to 1; what lies below one error in all trials is shaded."""
    scale, limits, line, axis_object = (
        (ax.set_xscale, ax.set_xlim, ax.axvspan, ax.xaxis)
        if axis == "x"
        else (ax.set_yscale, ax.set_ylim, ax.axhspan, ax.yaxis)
    )
    scale("log")
    limits(floor, 1.0)
    line(floor, 1 / trials, color=GREY, alpha=0.3, linewidth=0)
    axis_object.set_major_formatter(FuncFormatter(lambda value, _: share(value)))
    axis_object.set_minor_formatter(FuncFormatter(lambda *_: ""))
