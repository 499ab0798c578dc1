"""ROC and DET: error rates over all thresholds, with intervals at a few."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import NDArray

from facesort.core.calibration import Comparisons, OperatingPoint, Rate
from facesort.core.text.words import several, share
from facesort.lab.shared.colours import BLUE, DARK, GREY, ORANGE
from facesort.lab.shared.plots import style

_STEP = 0.0025
_BANDS = 20  # intervals are slow for a large gallery
_WIDTH = 8.4  # inches, of a page
_ENOUGH = 20  # people, below whom a curve has only a few steps
_CROWDED = 4  # decades whose labels would touch
_ZERO = 0.7  # of a decade: the distance of 0 to the smallest rate

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """Rates on a grid of thresholds.

    Parameters
    ----------
    thresholds, fmr, fpir : ndarray of shape (n,), float64
    fnmr, fnir : ndarray of shape (n,), float64, or None
        None without genuine comparisons.
    persons : int
        In the gallery.
    people : int
        Who could be taken for somebody else: what FPIR is of.
    band_at : ndarray of shape (at most 20,), float64
        Thresholds at which FNIR has an interval; without it, FPIR.
    bands : tuple of Rate
        The same rate there.
    """

    thresholds: Numbers
    fmr: Numbers
    fnmr: Numbers | None
    fpir: Numbers
    fnir: Numbers | None
    persons: int
    people: int
    band_at: Numbers
    bands: tuple[Rate, ...]


def curves_of(comparisons: Comparisons) -> Curves:
    """Count errors at every threshold.

    Raises
    ------
    InsufficientTrialsError
        If there is nobody who could be taken for somebody else.
    """
    grid = np.arange(0.0, 2.0 + _STEP / 2, _STEP)
    strangers, known = comparisons.fpir(), comparisons.tells_misses
    banded = comparisons.fnir() if known else strangers
    fmr, fpir = comparisons.fmr().values(grid), strangers.values(grid)
    fnmr, fnir = (comparisons.fnmr().values(grid), banded.values(grid)) if known else (None, None)
    # Intervals where something happens: between the first and the last stranger who is given a name.
    busy = np.flatnonzero((fpir > 0) & (fpir < 1))
    first, last = (busy[0], busy[-1]) if len(busy) else (0, len(grid) - 1)
    band_at = grid[np.unique(np.linspace(max(first - 1, 0), last, _BANDS).astype(int))]
    bands = tuple(banded.rates(band_at.tolist()))
    return Curves(
        grid, fmr, fnmr, fpir, fnir, comparisons.gallery, strangers.independent, band_at, bands
    )


def why_no_curve(curves: Curves, target: float) -> str:
    """What so few people can say, and how many it takes, in sentences; empty if there are enough for a curve."""
    if curves.people >= _ENOUGH:
        return ""
    return (
        f"{several(curves.people, 'person', 'people')} can show rates of 1 in {curves.people} and above, which is no "
        f"curve: ROC and DET take {_ENOUGH} people, and {share(target)} takes {ceil(1 / target - 1e-9) - 1:,}. Add "
        "strangers with --labelled, one folder per person. Until then the distances themselves say more:"
    )


def plot_curves(curves: Curves, point: OperatingPoint, target: float) -> Figure:
    """Draw the ROC of one comparison and the DET of the whole gallery; without genuine comparisons, FPIR alone.

    Parameters
    ----------
    point : OperatingPoint
        Marked in both charts.
    target : float
        Target FPIR; the axes reach below it.
    """
    with mpl.rc_context(style()):
        figure = Figure(figsize=(_WIDTH, 4.4), layout="constrained")
        if curves.fnmr is None or curves.fnir is None or point.fnmr is None or point.fnir is None:
            ax = figure.subplots()
            _plot_fpir(ax, curves, point, target)
        else:
            left, ax = figure.subplots(1, 2)
            _plot_roc(left, curves, (point.fmr, point.fnmr), curves.fnmr)
            _plot_det(ax, curves, (point.fpir, point.fnir), curves.fnir, target)
        figure.legend(
            *ax.get_legend_handles_labels(), loc="outside lower right", ncols=4, fontsize=9
        )
        return figure


def _plot_fpir(ax: Axes, curves: Curves, point: OperatingPoint, target: float) -> None:
    """FPIR over LOOSE: what strangers tell alone."""
    now, loose = point.fpir, point.thresholds.loose
    low, high = zip(*((rate.low, rate.high) for rate in curves.bands), strict=True)
    ax.fill_between(
        curves.band_at, low, high, color=BLUE, alpha=0.15, linewidth=0, label="FPIR, 95 %"
    )
    ax.plot(curves.thresholds, curves.fpir, color=BLUE, linewidth=1.8, label="FPIR")
    ax.axhline(target, color=ORANGE, linewidth=1.4, linestyle=":", label=f"target: {share(target)}")
    _mark(ax, (loose, loose, loose), (now.value, now.low, now.high))
    _rate_axis(ax, "y", min(1 / now.trials, target))
    ends = float(curves.band_at[0]), float(curves.band_at[-1])
    ax.set_xlim(min(*ends, loose) - 0.05, min(max(*ends, loose) + 0.05, 2.0))
    ax.set_title(f"FPIR: a gallery of {curves.persons:,}; FNIR is not known")
    ax.set_xlabel("LOOSE")
    ax.set_ylabel("FPIR: strangers given a name")


def _plot_roc(ax: Axes, curves: Curves, now: tuple[Rate, Rate], missed: Numbers) -> None:
    fmr, fnmr = now
    found = 1 - missed
    ax.plot(curves.fmr, found, color=BLUE, linewidth=1.8)
    _mark(ax, (fmr.value, fmr.low, fmr.high), (1 - fnmr.value, 1 - fnmr.high, 1 - fnmr.low))
    _rate_axis(ax, "x", 1 / fmr.trials)
    shown = found[curves.fmr > 0]
    bottom = min(float(shown.min(initial=1.0)), 1 - fnmr.high)
    ax.set_ylim(max(np.floor(20 * bottom) / 20 - 0.02, 0.0), 1.01)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: share(y)))
    ax.set_title("ROC: one face, one person")
    ax.set_xlabel("FMR: other people accepted")
    ax.set_ylabel("1 - FNMR: the person accepted")


def _plot_det(
    ax: Axes, curves: Curves, now: tuple[Rate, Rate], missed: Numbers, target: float
) -> None:
    fpir, fnir = now
    at = np.interp(curves.band_at, curves.thresholds, curves.fpir)
    low, high = zip(*((rate.low, rate.high) for rate in curves.bands), strict=True)
    ax.fill_between(at, low, high, color=BLUE, alpha=0.15, linewidth=0, label="FNIR, 95 %")
    ax.plot(curves.fpir, missed, color=BLUE, linewidth=1.8, label="FPIR and FNIR")
    ax.axvline(target, color=ORANGE, linewidth=1.4, linestyle=":", label=f"target: {share(target)}")
    _mark(ax, (fpir.value, fpir.low, fpir.high), (fnir.value, fnir.low, fnir.high))
    _rate_axis(ax, "x", min(1 / fpir.trials, target))
    _rate_axis(ax, "y", 1 / fnir.trials)
    ax.set_title(f"DET: a gallery of {curves.persons:,}")
    ax.set_xlabel("FPIR: strangers given a name")
    ax.set_ylabel("FNIR: known faces missed")


def _mark(ax: Axes, x: tuple[float, float, float], y: tuple[float, float, float]) -> None:
    """Draw the operating point; each place is a value with its interval."""
    (across, left, right), (up, low, high) = x, y
    ax.errorbar(
        across,
        up,
        xerr=[[across - left], [right - across]],
        yerr=[[up - low], [high - up]],
        fmt="o",
        color=DARK,
        markersize=6,
        elinewidth=1.2,
        capsize=3,
        label="LOOSE, 95 %",
        zorder=5,
        clip_on=False,
    )


def _rate_axis(ax: Axes, axis: str, smallest: float) -> None:
    """Make an axis logarithmic from about the smallest rate that is not 0 to 1; 0 has its own place before that."""
    first = 10.0 ** np.floor(np.log10(smallest) + 1e-9)
    scale, limits, line, axis_object = (
        (ax.set_xscale, ax.set_xlim, ax.axvline, ax.xaxis)
        if axis == "x"
        else (ax.set_yscale, ax.set_ylim, ax.axhline, ax.yaxis)
    )
    scale("symlog", linthresh=first, linscale=_ZERO)
    limits(0.0, 1.0)
    decades = round(-np.log10(first))
    every = 1 if decades < _CROWDED else 2
    axis_object.set_major_locator(
        FixedLocator([0.0, *(10.0**-n for n in range(0, decades + 1, every))])
    )
    axis_object.set_minor_locator(NullLocator())
    axis_object.set_major_formatter(FuncFormatter(lambda value, _: share(value)))
    line(first, color=GREY, linewidth=1.0, linestyle=(0, (1, 3)))  # where the scale changes
