"""Where the notebooks are."""

from __future__ import annotations

from pathlib import Path

import facesort
from facesort.errors import NotebookError

__all__ = ["notebook_path"]


def notebook_path(name: str) -> Path:
    """Find a notebook, in an installed package as in a checkout.

    Parameters
    ----------
    name : str
        With or without its suffix: ``03_sort``.

    Returns
    -------
    Path
        Absolute.

    Raises
    ------
    NotebookError
        If there is no such notebook; the message lists those that there are.
    """
    package = Path(facesort.__file__).resolve().parent
    inside = package / "notebooks"  # the wheel carries them there
    folder = inside if inside.is_dir() else package.parent / "notebooks"
    path = folder / f"{name.removesuffix('.ipynb')}.ipynb"
    if not path.is_file():
        there = ", ".join(sorted(found.stem for found in folder.glob("*.ipynb"))) or "none"
        raise NotebookError(f"there is no notebook {name!r} in {folder}; there is: {there}")
    return path
