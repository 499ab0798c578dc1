"""Charts of a sort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from facesort.core.persons.matching import Thresholds
from facesort.lab.shared.colours import BLUE, DARK, GREY, ORANGE, PAPER
from facesort.lab.shared.words import decimals, shorten
from facesort.reasons import Outcome

_OUTCOMES = MappingProxyType(
    {
        Outcome.STRICT: (BLUE, "matched, STRICT"),
        Outcome.LOOSE: (ORANGE, "matched, LOOSE"),
        Outcome.UNKNOWN: (GREY, "unknown"),
    }
)
_BIN = 0.025  # of distance: the usual thresholds lie on edges of bins


def plot_rate(ax: Axes, edges_s: Sequence[float], photos: Sequence[int]) -> None:
    """Draw the images per second of each batch.

    Parameters
    ----------
    edges_s : sequence of n + 1 float
        0, then the end of each batch in seconds since the start of the run.
    photos : sequence of n int
        Photos of each batch, n >= 1.
    """
    spans = np.maximum(np.diff(np.asarray(edges_s, dtype=float)), 1e-3)
    unit, seconds = ("minutes", 60.0) if edges_s[-1] >= 300 else ("seconds", 1.0)
    edges = np.concatenate([[0.0], np.cumsum(spans)]) / seconds
    mean = sum(photos) / float(spans.sum())
    ax.stairs(np.asarray(photos) / spans, edges, color=BLUE, fill=True, alpha=0.25)
    ax.stairs(np.asarray(photos) / spans, edges, color=BLUE, linewidth=1.4, label="each batch")
    ax.axhline(mean, color=DARK, linestyle="--", linewidth=1.2, label=f"mean {mean:.2f}")
    ax.set(xlim=(0, edges[-1]), xlabel=f"time since the start of the run ({unit})")
    ax.set_ylim(0, float((np.asarray(photos) / spans).max()) * 1.15)
    ax.set_ylabel("images per second")
    ax.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=2, fontsize=9)


def plot_person_files(ax: Axes, files: Mapping[str, int]) -> None:
    """Draw the files per person.

    Parameters
    ----------
    files : mapping of name to number of files
        From top to bottom; not empty.
    """
    names, numbers = list(files), list(files.values())
    bars = ax.barh(range(len(names)), numbers, color=BLUE, height=0.72)
    ax.bar_label(bars, labels=[f"{n:,}" for n in numbers], padding=4, fontsize=9)
    ax.set_yticks(range(len(names)), [shorten(name, 32) for name in names])
    ax.invert_yaxis()
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlim(0, max([*numbers, 1]) * 1.1)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(visible=False, axis="y")
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("files in the person's folder")


def plot_distances(
    ax: Axes, distances: Mapping[Outcome, NDArray[np.float32]], thresholds: Thresholds
) -> None:
    """Draw a histogram of every face's best distance, with the thresholds.

    Parameters
    ----------
    distances : mapping of Outcome to ndarray of shape (n,), float32
        At least one is not empty.
    """
    everything = np.concatenate([distances[outcome] for outcome in _OUTCOMES])
    first = np.floor(min(float(everything.min()), thresholds.strict) / _BIN - 2)
    last = np.ceil(max(float(everything.max()), thresholds.loose) / _BIN + 2)
    edges = np.arange(max(first, 0), min(last, 2 / _BIN) + 1) * _BIN
    ax.hist(
        [distances[outcome] for outcome in _OUTCOMES],
        bins=edges.tolist(),
        stacked=True,
        color=[colour for colour, _ in _OUTCOMES.values()],
        label=[f"{label} ({len(distances[o]):,})" for o, (_, label) in _OUTCOMES.items()],
        edgecolor=PAPER,
        linewidth=0.5,
    )
    ax.margins(y=0.12)
    _draw_threshold(ax, "STRICT", thresholds.strict, "-", "right")
    _draw_threshold(ax, "LOOSE", thresholds.loose, "--", "left")
    ax.set_xlim(float(edges[0]), float(edges[-1]))
    ax.set_xlabel("Euclidean distance to the person (0: identical, 2: opposite)")
    ax.set_ylabel(f"faces per {_BIN:g}")
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=3)


def _draw_threshold(ax: Axes, name: str, value: float, line: str, side: str) -> None:
    """Draw a threshold with its name beside it; the two names point away from each other."""
    ax.axvline(value, color=DARK, linestyle=line, linewidth=1.4)
    ax.annotate(
        f"{name} {decimals(value)}",
        (value, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(-5 if side == "right" else 5, -3),
        textcoords="offset points",
        ha=side,
        va="top",
        fontsize=9,
        fontweight="bold",
    )
