"""Colours of charts and results.

They are those of Okabe and Ito, "Color Universal Design" (2008), which colour-blind people can tell apart, or darker
ones that have a contrast of 3:1 on white (WCAG 2.2, 1.4.11).
"""

from __future__ import annotations

from types import MappingProxyType

BLUE, ORANGE, GREY, DARK = "#0072B2", "#C47900", "#8C8C8C", "#222222"
GREEN, RED = "#009E73", "#D55E00"
PAPER, GRID = "#FFFFFE", "#E5E5E5"

# What each colour becomes on a dark page; charts draw with these names only.
ON_DARK = MappingProxyType(
    {
        BLUE: "#56B4E9",
        ORANGE: "#E69F00",
        GREY: "#9A9A9A",
        DARK: "#E4E4E4",
        GREEN: "#2FBF97",
        RED: "#F0803C",
        PAPER: "#111111",  # of JupyterLab's dark theme
        GRID: "#333333",
    }
)
