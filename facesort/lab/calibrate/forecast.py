"""The chart of a forecast."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from facesort.core.calibration import Forecast
from facesort.core.persons.matching import Thresholds
from facesort.core.text.words import share
from facesort.lab.calibrate.histogram import ThresholdMark
from facesort.lab.shared.colours import BLUE, DARK
from facesort.lab.shared.plots import style

_POINTS = 41
_BANDS = 20  # intervals are slow
_WIDTH = 8.4  # inches, of a page


def plot_forecast(forecast: Forecast, thresholds: Thresholds) -> Figure:
    """Draw the expected drop rate for every LOOSE and the share of faces learned for every STRICT.

    Parameters
    ----------
    forecast : Forecast
        Of a sample with at least one photo.
    thresholds : Thresholds
        Marked in the chart.
    """
    with mpl.rc_context(style()):
        figure = Figure(figsize=(_WIDTH, 3.8), layout="constrained")
        left, right = figure.subplots(1, 2)
        finite = forecast.nearest[np.isfinite(forecast.nearest)]
        low = min(float(finite.min(initial=thresholds.strict)), thresholds.strict) - 0.05
        high = min(max(float(finite.max(initial=thresholds.loose)), thresholds.loose) + 0.05, 2.0)
        grid = np.linspace(max(low, 0.0), high, _POINTS)
        drops = [forecast.drops(loose) for loose in grid.tolist()]
        _band(left, grid, [(d.low, d.high) for d in drops], grid, [d.value for d in drops])
        now = forecast.drops(thresholds.loose)
        ThresholdMark(left, "LOOSE", thresholds.loose)
        left.plot(thresholds.loose, now.value, "o", color=DARK, clip_on=False, zorder=5)
        left.set_title(f"Dropped: {share(now.value)}{_between(now.low, now.high)}")
        left.set_xlabel("LOOSE")
        left.set_ylabel("photos that reach no folder")
        _plot_learned(right, forecast, thresholds, grid)
        for ax in (left, right):
            ax.set_xlim(float(grid[0]), float(grid[-1]))
            ax.set_ylim(0, 1.12)
            ax.set_yticks([0, 0.25, 0.5, 0.75, 1.0])
            ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{100 * y:g} %"))
        return figure


def _plot_learned(
    ax: Axes, forecast: Forecast, thresholds: Thresholds, grid: NDArray[np.float64]
) -> None:
    ax.set_xlabel("STRICT")
    ax.set_ylabel("faces that would be learned")
    ThresholdMark(ax, "STRICT", thresholds.strict)
    learned = forecast.learned()
    if not len(learned):
        ax.set_title("No face in the sample")
        return
    places = np.linspace(grid[0], grid[-1], _BANDS)
    bands = [(rate.low, rate.high) for rate in learned.rates(places.tolist())]
    _band(ax, places, bands, grid, learned.values(grid).tolist())
    now = learned.at(thresholds.strict)
    ax.plot(thresholds.strict, now.value, "o", color=DARK, clip_on=False, zorder=5)
    ax.set_title(f"Learned: {share(now.value)}{_between(now.low, now.high)}")


def _between(low: float, high: float) -> str:
    return "" if low == high else f" ({share(low)} to {share(high)})"


def _band(
    ax: Axes,
    at: NDArray[np.float64],
    band: Sequence[tuple[float, float]],
    grid: NDArray[np.float64],
    values: Sequence[float],
) -> None:
    low, high = zip(*band, strict=True)
    ax.fill_between(at, low, high, color=BLUE, alpha=0.18, linewidth=0, label="95 %")
    ax.plot(grid, values, color=BLUE, linewidth=1.8)
