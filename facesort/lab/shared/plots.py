"""The common style of all charts, and how a notebook shows them: in the colours of a light and of a dark theme.

No global matplotlib state is touched.
"""

from __future__ import annotations

import base64
import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import get_font_names
from numpy.typing import NDArray

from facesort.core.text.foreign_text import html_text, printable
from facesort.lab.shared.colours import BLUE, DARK, GRID, ON_DARK, PAPER
from facesort.lab.shared.html import paragraph

_STYLE = MappingProxyType(
    {
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.grid": True,
        "axes.titlelocation": "left",
        "axes.titlesize": 11,
        "axes.titlepad": 12,
        "figure.facecolor": PAPER,
        "axes.facecolor": PAPER,
        "grid.color": GRID,
        "font.size": 10,
        "legend.frameon": False,
        **dict.fromkeys(
            ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), DARK
        ),
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
_COMMENT = re.compile("<!--.*?-->", re.DOTALL)
_SHADES = 64  # of a heat map
_READABLE = 0.55  # strength of a shade on which figures can be read
_PAGE = 96  # px of an inch, in CSS
_READABLE_PX = 620  # a narrower page scrolls a chart: its letters would be too small

THEME = (
    "<style>"
    '[data-jp-theme-light="false"] .facesort-plot{color-scheme:dark}'
    "@media print{.facesort-plot{color-scheme:light!important}}"
    "</style>"
)
"""JupyterLab's theme for plots; elsewhere they follow the page's ``color-scheme``."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A chart as a drawing that takes the colours of the page's theme, light or dark.

    It brings its own background, so that it can be read where the page's theme is not known.

    Parameters
    ----------
    svg : str
    width : int
        In px.
    alt : str
        What it shows, with the numbers.
    above : str
        Sentences above it.
    """

    svg: str
    width: int
    alt: str
    above: str = ""

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.svg.encode()).decode("ascii")
        return (
            f'{THEME}{paragraph(self.above)}<div class="facesort-plot" style="overflow-x:auto">'
            f'<img alt="{html_text(self.alt)}" '
            f'style="width:{self.width}px;max-width:max(100%,{_READABLE_PX}px);height:auto" '
            f'src="data:image/svg+xml;base64,{data}"></div>'
        )

    def __repr__(self) -> str:
        return printable(self.alt)


def picture(figure: Figure, alt: str, *, above: str = "") -> Plot:
    """Render a figure for a notebook.

    Parameters
    ----------
    alt : str
        Alternative text: what the figure shows, with the numbers.
    above : str
        Sentences above it, which break where the page is narrow.
    """
    buffer = io.StringIO()
    with warnings.catch_warnings(), mpl.rc_context({"svg.hashsalt": "facesort"}):
        # Scripts without an installed font show as boxes; summary.json has the text.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font")
        figure.savefig(buffer, format="svg", metadata={"Date": None}, facecolor=PAPER)
    drawing = _COMMENT.sub("", buffer.getvalue())  # every text again, as a comment
    return Plot(_themed(drawing), round(figure.get_figwidth() * _PAGE), alt, above)


def _themed(svg: str) -> str:
    """Let colours be variables that a dark theme changes."""
    light = {f"--c{number}": colour.lower() for number, colour in enumerate(ON_DARK)}
    dark = dict(zip(light, ON_DARK.values(), strict=True))
    for name, colour in light.items():
        svg = svg.replace(colour, f"var({name})")
    on_light, on_dark = (
        ";".join(f"{name}:{colour}" for name, colour in theme.items()) for theme in (light, dark)
    )
    ink = next(name for name, colour in light.items() if colour == DARK)  # where nothing is said
    rules = f":root{{{on_light};fill:var({ink})}}@media(prefers-color-scheme:dark){{:root{{{on_dark}}}}}"
    at = svg.index(">", svg.index("<svg")) + 1
    return f"{svg[:at]}<style>{rules}</style>{svg[at:]}"


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


def draw_shades(ax: Axes, strengths: NDArray[np.float64], *, written: bool) -> QuadMesh:
    """Draw a matrix from top to bottom: the stronger, the more blue over the page's own colour.

    Parameters
    ----------
    strengths : ndarray of shape (rows, columns), float64
        In [0, 1]; cells that are masked are left empty.
    written : bool
        Whether figures will stand in the cells: then no shade is so strong that they could not be read.
    """
    strongest = _READABLE if written else 1.0
    shades = ListedColormap([(BLUE, strongest * step / _SHADES) for step in range(_SHADES + 1)])
    mesh = ax.pcolormesh(
        strengths, cmap=shades, vmin=0, vmax=1, edgecolors=GRID, linewidth=0.8, antialiased=True
    )
    ax.invert_yaxis()
    return mesh
