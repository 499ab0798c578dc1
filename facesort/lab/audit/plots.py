"""Figures of the audit: who was photographed when, and photos without a face."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from facesort.core.records import PhotoRef, Pixels
from facesort.lab.shared.plots import BLUE, DARK, shorten, style

_COLUMNS = 6
_FIGURES = 26  # columns beyond which figures in the cells cannot be read


def plot_coverage(
    ax: Axes, people: Mapping[str, int], rows: Sequence[tuple[str, datetime | None, int]]
) -> None:
    """Photos of everyone by the hour on the cameras' corrected clocks, as a heat map with figures in it.

    Parameters
    ----------
    people : mapping of name to photos
        From top to bottom.
    rows : sequence of (name, hour, photos)
        In the order of time; at least one of these people.
    """
    shown = {(name, hour): photos for name, hour, photos in rows if name in people}
    hours = list(dict.fromkeys(hour for _, hour in shown))
    counts = np.array([[shown.get((name, hour), 0) for hour in hours] for name in people])
    shades = LinearSegmentedColormap.from_list("photos", ["white", BLUE])
    ax.pcolormesh(counts, cmap=shades, vmin=0, edgecolors="#E6E6E6", linewidth=0.8)
    if len(hours) <= _FIGURES:
        for row, column in zip(*np.nonzero(counts), strict=True):
            dark = counts[row, column] > 0.8 * counts.max()
            ax.text(
                column + 0.5, row + 0.5, f"{counts[row, column]:,}",
                ha="center", va="center", fontsize=8, color="white" if dark else DARK,
            )  # fmt: skip
    names = [f"{shorten(name, 28)}  {photos:,}" for name, photos in people.items()]
    ax.set_yticks(np.arange(len(names)) + 0.5, names)
    _label_hours(ax, hours)
    ax.invert_yaxis()
    ax.grid(visible=False)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def _label_hours(ax: Axes, hours: Sequence[datetime | None]) -> None:
    """Label as many hours as there is room for; the first of a day also with its date."""
    every = math.ceil(len(hours) / 24)
    shown = range(0, len(hours), every)
    ax.set_xticks(np.asarray(shown) + 0.5, [_hour(hours, at) for at in shown])
    ax.set_xlabel(
        "hour on the cameras' clocks, corrected; hours without any photo of these people are left out"
    )


def _hour(hours: Sequence[datetime | None], at: int) -> str:
    hour = hours[at]
    if hour is None:
        return "no\ntime"
    before = hours[at - 1] if at else None
    begins = before is None or before.date() != hour.date()
    return f"{hour:%H}" + (f"\n{hour:%b} {hour.day}" if begins else "")


def plot_photos(photos: Sequence[tuple[PhotoRef, Pixels]]) -> Figure:
    """Draw photos with their names below.

    Parameters
    ----------
    photos : sequence of (PhotoRef, pixels)
        At least one.
    """
    rows = math.ceil(len(photos) / _COLUMNS)
    with mpl.rc_context(style() | {"font.size": 7}):
        figure = Figure(figsize=(8.4, 1.5 * rows), layout="constrained")
        grid = figure.subplots(rows, _COLUMNS, squeeze=False)
        for ax in grid.flat:
            ax.set_axis_off()
        for ax, (photo, pixels) in zip(grid.flat, photos, strict=False):
            ax.imshow(pixels, aspect="equal")
            name = shorten(photo.shown_name, 24)
            ax.set_title(name, loc="center", y=0, pad=-3, va="top", fontsize=7)
        return figure
