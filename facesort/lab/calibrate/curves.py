"""ROC and DET: error rates over all thresholds, with intervals at a few."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from facesort.core.calibration import Comparisons, OperatingPoint, Rate
from facesort.lab.shared.plots import BLUE, DARK, GREY, ORANGE, style
from facesort.lab.shared.words import share

_STEP = 0.0025
_BANDS = 20  # intervals are slow for a large gallery
_WIDTH = 8.4  # inches, of a page

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
    return Curves(grid, fmr, fnmr, fpir, fnir, comparisons.gallery, band_at, bands)


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
        figure = Figure(figsize=(_WIDTH, 4.3), layout="constrained")
        if curves.fnmr is None or curves.fnir is None or point.fnmr is None or point.fnir is None:
            _plot_fpir(figure.subplots(), curves, point, target)
            return figure
        left, right = figure.subplots(1, 2)
        _plot_roc(left, curves, (point.fmr, point.fnmr), curves.fnmr)
        _plot_det(right, curves, (point.fpir, point.fnir), curves.fnir, target)
        return figure


def _plot_fpir(ax: Axes, curves: Curves, point: OperatingPoint, target: float) -> None:
    """FPIR over LOOSE: what strangers tell alone."""
    now, loose = point.fpir, point.thresholds.loose
    floor = _decade(min(1 / now.trials, target / 2))
    low = np.maximum([rate.low for rate in curves.bands], floor)
    high = np.maximum([rate.high for rate in curves.bands], floor)
    ax.fill_between(curves.band_at, low, high, color=BLUE, alpha=0.15, linewidth=0, label="95 %")
    ax.plot(
        curves.thresholds, np.maximum(curves.fpir, floor), color=BLUE, linewidth=1.8, label="FPIR"
    )
    ax.axhline(target, color=ORANGE, linewidth=1.4, linestyle=":", label=f"target: {share(target)}")
    ax.plot(loose, max(now.value, floor), "o", color=DARK, label="LOOSE", clip_on=False, zorder=5)
    _log_axis(ax, "y", floor, now.trials)
    ends = float(curves.band_at[0]), float(curves.band_at[-1])
    ax.set_xlim(min(*ends, loose) - 0.05, min(max(*ends, loose) + 0.05, 2.0))
    ax.set_title(f"FPIR: a gallery of {curves.persons:,}; FNIR is not known")
    ax.set_xlabel("LOOSE")
    ax.set_ylabel("FPIR: strangers given a name")
    ax.legend(loc="lower right", fontsize=8)


def _plot_roc(ax: Axes, curves: Curves, now: tuple[Rate, Rate], missed: Numbers) -> None:
    fmr, fnmr = now
    floor = _decade(min(1 / fmr.trials, 1e-4))
    found = 1 - missed
    ax.plot(np.maximum(curves.fmr, floor), found, color=BLUE, linewidth=1.8)
    _mark(ax, (fmr, floor), (fnmr, 0.0), flip=True)
    _log_axis(ax, "x", floor, fmr.trials)
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
    floor = _decade(min(1 / fpir.trials, target / 2))
    floor_y = _decade(1 / fnir.trials)
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
        np.maximum(missed, floor_y),
        color=BLUE,
        linewidth=1.8,
        label="FPIR and FNIR",
    )
    ax.axvline(target, color=ORANGE, linewidth=1.4, linestyle=":", label=f"target: {share(target)}")
    _mark(ax, (fpir, floor), (fnir, floor_y))
    _log_axis(ax, "x", floor, fpir.trials)
    _log_axis(ax, "y", floor_y, fnir.trials)
    ax.set_title(f"DET: a gallery of {curves.persons:,}")
    ax.set_xlabel("FPIR: strangers given a name")
    ax.set_ylabel("FNIR: known faces missed")
    ax.legend(loc="upper right", fontsize=8)


def _decade(value: float) -> float:
    """Round down to a power of ten."""
    return float(10.0 ** np.floor(np.log10(value) - 1e-9))


def _mark(ax: Axes, x: tuple[Rate, float], y: tuple[Rate, float], *, flip: bool = False) -> None:
    """Draw the operating point with its intervals; rates below the floor of an axis are drawn on the floor."""
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
    """Make an axis logarithmic from the floor to 1; shade rates below one error in all trials."""
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
