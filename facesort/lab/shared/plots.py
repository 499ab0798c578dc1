"""The common style of all charts, and how a notebook shows them.

No global matplotlib state is touched.  The colours are those of Okabe and Ito, "Color Universal Design" (2008), which
colour-blind people can tell apart.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from textwrap import wrap
from types import MappingProxyType
from typing import Any

import matplotlib as mpl
from IPython.display import Image
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import get_font_names

from facesort.core.foreign_text import printable

BLUE, ORANGE, GREY, DARK = "#0072B2", "#E69F00", "#B3B3B3", "#222222"
GREEN, RED = "#009E73", "#D55E00"

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
        "text.parse_math": False,  # a name may hold dollar signs
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
_DPI = 160
_LINE = 112  # characters of the text above a figure


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


def headline(figure: Figure, text: str) -> None:
    """Write sentences above a figure of a page's width; each line of the text begins a new one."""
    lines = [line for part in text.split("\n") for line in wrap(part, _LINE)]
    figure.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=10, color=DARK)


def shorten(text: str, length: int) -> str:
    """Shorten a text to one printable line, cut in the middle because file names differ at their ends."""
    line = printable(" ".join(text.split()))
    if len(line) <= length:
        return line
    tail = (length - 1) // 2
    return f"{line[: length - 1 - tail]}…{line[len(line) - tail :]}"
