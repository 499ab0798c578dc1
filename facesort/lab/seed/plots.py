"""Figures of the gallery: who could be mistaken for whom."""

from __future__ import annotations

import io
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image, ImageOps
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from facesort.core.persons.matching import Thresholds
from facesort.engine.gallery.view import ClosestPair, GalleryView
from facesort.lab.shared.colours import ORANGE, RED
from facesort.lab.shared.plots import draw_shades, style
from facesort.lab.shared.words import decimals, shorten

_MAX_PERSONS = 40  # that fit on one page
_MAX_WRITTEN = 14  # persons up to which numbers fit into the cells
_SIDE = 320  # px


def shown_persons(distances: NDArray[np.float32]) -> NDArray[np.int64]:
    """Choose the persons with the nearest neighbours, and order them so that similar ones are side by side.

    Parameters
    ----------
    distances : ndarray of shape (n_persons, n_persons), float32

    Returns
    -------
    ndarray of shape (at most 40,), int64
        In the order of an average-linkage tree with optimal leaf ordering (Bar-Joseph et al., "Fast optimal leaf
        ordering for hierarchical clustering", Bioinformatics 2001).
    """
    apart = distances.astype(np.float64)
    np.fill_diagonal(apart, np.inf)
    rows = np.sort(np.argsort(apart.min(axis=1), kind="stable")[:_MAX_PERSONS])
    if len(rows) < 3:
        return rows
    chosen = distances[np.ix_(rows, rows)].astype(np.float64)
    np.fill_diagonal(chosen, 0.0)
    tree = linkage(squareform(chosen, checks=False), "average", optimal_ordering=True)
    return np.asarray(rows[leaves_list(tree)])


def plot_confusion(view: GalleryView) -> Figure:
    """Draw the distances between persons as a matrix; near pairs are dark.

    Parameters
    ----------
    view : GalleryView
        With at least two persons.
    """
    rows = shown_persons(view.distances)
    side = float(np.clip(1.6 + 0.42 * len(rows), 3.4, 8.2))
    with mpl.rc_context(style() | {"axes.grid": False}):
        figure = Figure(figsize=(min(side + 1.6, 8.8), side), layout="constrained")
        ax = figure.add_subplot()
        apart = view.distances[np.ix_(rows, rows)]
        own = [view.cards[row].spread for row in rows]
        _draw_matrix(ax, apart, own, view.thresholds)
        names = [shorten(view.cards[row].person.name, 22) for row in rows]
        _label(ax, names)
        return figure


def _draw_matrix(
    ax: Axes, apart: NDArray[np.float32], own: Sequence[float | None], thresholds: Thresholds
) -> None:
    n = len(apart)
    masked = np.ma.masked_array(apart, mask=np.eye(n, dtype=bool))
    near, far = thresholds.strict, max(float(masked.max()), thresholds.loose + 0.1)
    strengths = np.clip((far - masked.astype(np.float64)) / (far - near), 0.0, 1.0)
    mesh = draw_shades(ax, strengths, written=n <= _MAX_WRITTEN)
    ax.set_aspect("equal")
    for row, column in np.ndindex(n, n):
        value = own[row] if row == column else float(apart[row, column])
        if row != column and value is not None and value <= thresholds.loose:
            colour = RED if value <= thresholds.strict else ORANGE
            ax.add_patch(
                Rectangle((column + 0.03, row + 0.03), 0.94, 0.94, fill=False, ec=colour, lw=2.2)
            )
        if n <= _MAX_WRITTEN:
            ax.text(
                column + 0.5, row + 0.5, "-" if value is None else decimals(value), ha="center", va="center",
                fontsize=8.5, fontstyle="italic" if row == column else "normal",
            )  # fmt: skip
    bar = ax.figure.colorbar(mesh, ax=ax, shrink=0.75, pad=0.02)
    places = np.linspace(0, 1, 5)
    bar.set_ticks(
        places.tolist(), labels=[decimals(far - place * (far - near)) for place in places]
    )
    bar.set_label("distance between persons")
    bar.outline.set_visible(False)
    if bar.solids is not None:
        bar.solids.set_rasterized(False)  # a picture in it would not follow the theme


def _label(ax: Axes, names: Sequence[str]) -> None:
    size = 9 if len(names) <= 20 else 7
    ticks = np.arange(len(names)) + 0.5
    ax.set_xticks(ticks, names, rotation=45, ha="right", rotation_mode="anchor", fontsize=size)
    ax.set_yticks(ticks, names, fontsize=size)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)


def plot_closest_pair(pair: ClosestPair) -> Figure:
    """Draw the nearest pair of references of two persons."""
    with mpl.rc_context(style() | {"axes.grid": False}):
        figure = Figure(figsize=(6.4, 3.6))
        axes = figure.subplots(
            1, 2, gridspec_kw={"left": 0.02, "right": 0.98, "top": 0.98, "bottom": 0.14}
        )
        sides = ((pair.first, pair.first_face), (pair.second, pair.second_face))
        for ax, (card, face) in zip(axes, sides, strict=True):
            with Image.open(io.BytesIO(face.crop)) as image:
                ax.imshow(np.asarray(ImageOps.fit(image.convert("RGB"), (_SIDE, _SIDE))))
            ax.set_axis_off()
            ax.text(0.5, -0.04, shorten(card.person.name, 28), transform=ax.transAxes, ha="center", va="top",
                    fontweight="bold")  # fmt: skip
            ax.text(0.5, -0.12, shorten(face.file_name, 34), transform=ax.transAxes, ha="center",
                    va="top", fontsize=8)  # fmt: skip
        return figure
