"""Figures of the audit: who was photographed when, and photos without a face."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from facesort.core.records import PhotoRef, Pixels
from facesort.lab.shared.plots import draw_shades, style
from facesort.lab.shared.words import shorten

_COLUMNS = 6
_FIGURES = 26  # columns beyond which figures in the cells cannot be read
_MAX_HOURS = 48
_CHART, _DATE = 6.4, 0.5  # inches: width of the cells, and of a date


def plot_coverage(
    ax: Axes, people: Mapping[str, int], rows: Sequence[tuple[str, datetime | None, int]]
) -> None:
    """Photos of everyone by the time on the cameras' corrected clocks, as a heat map with figures in it.

    Parameters
    ----------
    people : mapping of name to photos
        From top to bottom.
    rows : sequence of (name, hour, photos)
        In the order of time; at least one of these people.
    """
    of_these = [row for row in rows if row[0] in people]
    by_day = not _have_room(list(dict.fromkeys(hour for _, hour, _ in of_these)))
    shown = Counter[tuple[str, datetime | None]]()
    for name, hour, photos in of_these:
        shown[name, hour and hour.replace(hour=0) if by_day else hour] += photos
    times = sorted({time for _, time in shown}, key=lambda time: (time is None, time))
    counts = np.array([[shown[name, time] for time in times] for name in people])
    draw_shades(ax, counts / counts.max(), written=len(times) <= _FIGURES)
    if len(times) <= _FIGURES:
        for row, column in zip(*np.nonzero(counts), strict=True):
            ax.text(
                column + 0.5, row + 0.5, f"{counts[row, column]:,}", ha="center", va="center", fontsize=8
            )  # fmt: skip
    names = [f"{shorten(name, 28)}  {photos:,}" for name, photos in people.items()]
    ax.set_yticks(np.arange(len(names)) + 0.5, names)
    unit = "day" if by_day else "hour"
    _label_days(ax, times) if by_day else _label_hours(ax, times)
    ax.set_xlabel(
        f"{unit} on the cameras' clocks, corrected; {unit}s without any photo of these people are left out"
    )
    ax.grid(visible=False)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def _have_room(hours: Sequence[datetime | None]) -> bool:
    """Whether there are few enough hours for a column each, and a date below the first of each day."""
    starts = [at for at in range(len(hours)) if _begins(hours, at)] + [len(hours)]
    room = _CHART / max(len(hours), 1) * min(np.diff(starts), default=1)
    return len(hours) <= _MAX_HOURS and (room >= _DATE or len(starts) <= 2)


def _begins(hours: Sequence[datetime | None], at: int) -> bool:
    hour, before = hours[at], hours[at - 1] if at else None
    return hour is not None and (before is None or before.date() != hour.date())


def _label_hours(ax: Axes, hours: Sequence[datetime | None]) -> None:
    """Label as many hours as there is room for; the first of a day with its date."""
    every = math.ceil(len(hours) / 24)
    labels = []
    for at, hour in enumerate(hours):
        label = "no\ntime" if hour is None else f"{hour:%H}" if at % every == 0 else ""
        if hour is not None and _begins(hours, at):
            label = f"{hour:%H}\n{hour:%b} {hour.day}\n{hour.year}"
        labels.append(label)
    ax.set_xticks(np.arange(len(hours)) + 0.5, labels)


def _label_days(ax: Axes, days: Sequence[datetime | None]) -> None:
    """Label as many days as there is room for."""
    every = math.ceil(len(days) / 40)
    labels = [
        "no time" if day is None else f"{day:%Y-%m-%d}" if at % every == 0 else ""
        for at, day in enumerate(days)
    ]
    slope = 90 if len(days) > 6 else 0
    ax.set_xticks(np.arange(len(days)) + 0.5, labels, rotation=slope, fontsize=9)


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
