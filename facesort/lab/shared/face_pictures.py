"""Pictures of faces in a notebook, shown and saved only if requested, and the contact sheet of doubtful faces."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

import ipywidgets as widgets
import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from numpy.typing import NDArray
from PIL import Image, ImageOps

from facesort.core.clips import span
from facesort.core.stored import StoredFace
from facesort.errors import SettingsError
from facesort.lab.shared.front_end import is_interactive
from facesort.lab.shared.notebooks import MAX_FACES
from facesort.lab.shared.plots import Plot, picture, style
from facesort.lab.shared.words import shorten

NOT_REQUESTED = (
    "No pictures of faces: none were requested. Set `contact_sheet = 24`, or pass `-p contact_sheet 24` on the "
    "command line, to show them."
)
_COLUMNS = 4
_SIDE = 160  # px
_PAPER = (238, 238, 238)
_INTERACTIVE = 24  # faces shown in an interactive notebook


def face_limit(contact_sheet: int | None) -> int:
    """How many faces to show.

    Parameters
    ----------
    contact_sheet : int or None
        The notebook's parameter.  None: 24 in an interactive notebook, none in an unattended run, where nobody asked
        for biometric data to be saved.

    Raises
    ------
    SettingsError
        If it is not a whole number from 0 to 400.
    """
    if contact_sheet is None:
        return _INTERACTIVE if is_interactive() else 0
    if not isinstance(contact_sheet, int) or not 0 <= contact_sheet <= MAX_FACES:
        raise SettingsError(
            f"contact_sheet must be a whole number from 0 to {MAX_FACES}, got {contact_sheet!r}"
        )
    return contact_sheet


def faces_picture(figure: Figure, alt: str, *, above: str = "") -> Plot | widgets.Widget:
    """Render a figure with faces.

    In an interactive notebook it is a widget: JupyterLab saves outputs with the notebook, even automatically, but not
    the state of widgets (unless *Save Widget State Automatically* is on).  An unattended run keeps the picture, because
    it was requested.

    Parameters
    ----------
    alt, above : str
        As in `picture`.
    """
    shown = picture(figure, alt, above=above)
    return widgets.HTML(shown._repr_html_()) if is_interactive() else shown


def plot_contact_sheet(faces: Sequence[StoredFace]) -> Figure:
    """Draw pairs: the face in the photo, and the best reference of its person.

    Parameters
    ----------
    faces : sequence of StoredFace
        At least one.
    """
    rows = math.ceil(len(faces) / _COLUMNS)
    with mpl.rc_context(style() | {"font.size": 8}):
        figure = Figure(figsize=(8.4, 1.62 * rows))
        # Absolute margins: a sheet of one row looks like one of six.
        grid = figure.subfigures(rows, _COLUMNS, squeeze=False, wspace=0, hspace=0)
        for cell, face in zip(grid.flat, faces, strict=False):
            _draw_pair(cell, face)
        return figure


def _draw_pair(cell: SubFigure, face: StoredFace) -> None:
    axes = cell.subplots(
        1, 2, gridspec_kw={"left": 0.03, "right": 0.97, "bottom": 0.36, "top": 0.98, "wspace": 0.04}
    )
    for ax, jpeg in zip(axes, (face.crop, face.reference_crop), strict=True):
        _draw_crop(ax, jpeg)
    runner_up = "nobody else to compare with"
    if face.runner_up is not None and face.runner_up_distance is not None:
        runner_up = f"next: {shorten(face.runner_up, 20)} {face.runner_up_distance:.2f}"
    distance = "" if face.distance is None else f" {face.distance:.2f}"
    lines = [
        (f"{shorten(face.person or face.nearest or 'nobody', 22)}{distance}", "bold"),
        (runner_up, "normal"),
        (_where(face), "normal"),
    ]
    for number, (text, weight) in enumerate(lines):
        cell.text(0.03, 0.32 - 0.098 * number, text, va="top", fontweight=weight)


def _where(face: StoredFace) -> str:
    """The file of a face, and when it is seen in a clip."""
    if face.track is None:
        return shorten(face.photo.shown_name, 28)
    time = span(face.track.start_ms, face.track.end_ms)
    return f"{shorten(face.photo.shown_name, 27 - len(time))} {time}"


def _draw_crop(ax: Axes, jpeg: bytes) -> None:
    ax.imshow(_square(jpeg), aspect="equal")
    ax.set_axis_off()


def _square(jpeg: bytes) -> NDArray[np.uint8]:
    """Fit a whole picture into a square; without a picture, an empty one."""
    if not jpeg:
        return np.full((_SIDE, _SIDE, 3), _PAPER, dtype=np.uint8)
    with Image.open(io.BytesIO(jpeg)) as image:
        return np.asarray(ImageOps.pad(image.convert("RGB"), (_SIDE, _SIDE), color=_PAPER))
