"""The common style of all charts, and how a notebook shows them.

No global matplotlib state is touched.  The colours are those of Okabe and Ito, "Color Universal Design" (2008), which
colour-blind people can tell apart.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import matplotlib as mpl
import numpy as np
from IPython.display import Image
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import get_font_names
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from facesort.core.matching import Thresholds
from facesort.lab.shared.words import decimals
from facesort.reasons import Outcome

BLUE, ORANGE, GREY, DARK = "#0072B2", "#E69F00", "#B3B3B3", "#222222"
GREEN, RED = "#009E73", "#D55E00"

_OUTCOMES = MappingProxyType(
    {
        Outcome.STRICT: (BLUE, "matched, STRICT"),
        Outcome.LOOSE: (ORANGE, "matched, LOOSE"),
        Outcome.UNKNOWN: (GREY, "unknown"),
    }
)
_STYLE = MappingProxyType(
    {
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.grid": True,
        "axes.titlelocation": "left",
        "axes.titlesize": 11,
        "axes.titlepad": 12,
        "grid.color": "#E6E6E6",
        "font.size": 10,
        "legend.frameon": False,
        "text.color": DARK,
        "axes.labelcolor": DARK,
    }
)
# Names may be in any script; the first of these fonts that has a character draws it.
_FONTS = (
    "DejaVu Sans",
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "PingFang SC",
    "Hiragino Sans",
    "Microsoft YaHei",
    "Yu Gothic",
    "Malgun Gothic",
    "Arial Unicode MS",
    "Noto Sans Arabic",
    "Noto Sans Devanagari",
    "Noto Sans Hebrew",
)
_BIN = 0.025  # of distance: the usual thresholds lie on edges of bins
_DPI = 160


def picture(figure: Figure, alt: str) -> Image:
    """Render a figure for a notebook.

    Parameters
    ----------
    alt : str
        Alternative text.
    """
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # Scripts without an installed font show as boxes; summary.json has the text.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font")
        figure.savefig(buffer, format="png", dpi=_DPI, facecolor="white")
    width = round(figure.get_figwidth() * 96)
    return Image(data=buffer.getvalue(), format="png", width=width, alt=alt)


def style() -> dict[Any, Any]:
    """Settings for ``matplotlib.rc_context`` that all figures of the lab use."""
    installed = set(get_font_names())
    return {**_STYLE, "font.family": [name for name in _FONTS if name in installed]}


def chart(draw: Callable[[Axes], object], *, height: float = 3.6) -> Figure:
    """Make a figure with one chart.

    Parameters
    ----------
    draw : callable of Axes
    height : float
        In inches; the width is that of a page.
    """
    with mpl.rc_context(style()):
        figure = Figure(figsize=(8.4, height), layout="constrained")
        draw(figure.add_subplot())
        return figure


def shorten(text: str, length: int) -> str:
    """Shorten a text to one line, cut in the middle because file names differ at their ends."""
    line = " ".join(text.split())
    if len(line) <= length:
        return line
    tail = (length - 1) // 2
    return f"{line[: length - 1 - tail]}…{line[len(line) - tail :]}"


def plot_rate(ax: Axes, edges_s: Sequence[float], photos: Sequence[int]) -> None:
    """Images per second, batch by batch.

    Parameters
    ----------
    edges_s : sequence of n + 1 float
        Seconds since the start of the run at which batches ended, the start first.
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
    ax.legend(loc="lower right", ncols=2)


def plot_person_files(ax: Axes, files: Mapping[str, int]) -> None:
    """Files per person.

    Parameters
    ----------
    files : mapping of name to number of files
        From top to bottom; not empty.
    """
    names, numbers = list(files), list(files.values())
    bars = ax.barh(range(len(names)), numbers, color=BLUE, height=0.72)
    ax.bar_label(bars, labels=[f"{n:,}" for n in numbers], padding=4, fontsize=9)
    ax.set_yticks(range(len(names)), [shorten(name, 32) for name in names])
    for label in ax.get_yticklabels():
        label.set_parse_math(False)  # a name may hold dollar signs
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
    """Histogram of each face's best distance, with the thresholds drawn in.

    Parameters
    ----------
    distances : mapping of Outcome to ndarray of shape (n,), float32
        At least one of them not empty.
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
        edgecolor="white",
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
    """Draw one threshold with its name beside it; the two names point away from each other."""
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
