"""Pictures of faces in a notebook: whether they were asked for, and that they are not saved unasked."""

from __future__ import annotations

import base64
from html import escape

import ipywidgets as widgets
from IPython.display import Image
from matplotlib.figure import Figure

from facesort.errors import SettingsError
from facesort.lab.shared.front_end import is_interactive
from facesort.lab.shared.plots import picture

NOT_REQUESTED = (
    "Left out: nobody asked for pictures of faces in this notebook. `contact_sheet = 24`, or `-p contact_sheet 24` "
    "at the terminal, shows them."
)
_WATCHED = 24  # faces that are shown to somebody who sits before the notebook
_MAX = 400  # more nobody can look at


def face_limit(contact_sheet: int | None) -> int:
    """How many faces to show.

    Parameters
    ----------
    contact_sheet : int or None
        What the notebook's parameter says.  None: 24 where somebody watches, but none in a run that nobody watches:
        nobody asked for biometric data in what is saved.

    Raises
    ------
    SettingsError
        If it is no whole number from 0 to 400.
    """
    if contact_sheet is None:
        return _WATCHED if is_interactive() else 0
    if not isinstance(contact_sheet, int) or not 0 <= contact_sheet <= _MAX:
        raise SettingsError(
            f"contact_sheet must be a whole number from 0 to {_MAX}, got {contact_sheet!r}"
        )
    return contact_sheet


def faces_picture(figure: Figure, alt: str) -> Image | widgets.Widget:
    """Render a figure with faces.

    Where somebody watches it is a widget: JupyterLab saves outputs with the notebook, also by itself, but not the
    state of widgets (unless *Save Widget State Automatically* is on).  A run that nobody watches was asked for it, and
    keeps it.

    Parameters
    ----------
    alt : str
        What it shows, for those who cannot see it.
    """
    image = picture(figure, alt)
    if not is_interactive():
        return image
    data = base64.b64encode(image.data).decode("ascii")
    return widgets.HTML(
        f'<img alt="{escape(alt)}" width="{image.width}" src="data:image/png;base64,{data}">'
    )
