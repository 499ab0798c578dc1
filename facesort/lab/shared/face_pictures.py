"""Pictures of faces in a notebook: shown and saved only if somebody asked for them."""

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
    "No pictures of faces: none were requested. Set `contact_sheet = 24`, or pass `-p contact_sheet 24` on the "
    "command line, to show them."
)
_INTERACTIVE = 24  # faces shown in an interactive notebook
_MAX = 400


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
    if not isinstance(contact_sheet, int) or not 0 <= contact_sheet <= _MAX:
        raise SettingsError(
            f"contact_sheet must be a whole number from 0 to {_MAX}, got {contact_sheet!r}"
        )
    return contact_sheet


def faces_picture(figure: Figure, alt: str) -> Image | widgets.Widget:
    """Render a figure with faces.

    In an interactive notebook it is a widget: JupyterLab saves outputs with the notebook, even automatically, but not
    the state of widgets (unless *Save Widget State Automatically* is on).  An unattended run keeps the picture, because
    it was requested.

    Parameters
    ----------
    alt : str
        Alternative text.
    """
    image = picture(figure, alt)
    if not is_interactive():
        return image
    data = base64.b64encode(image.data).decode("ascii")
    return widgets.HTML(
        f'<img alt="{escape(alt)}" width="{image.width}" src="data:image/png;base64,{data}">'
    )
