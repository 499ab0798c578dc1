"""Finds notebooks, and the folders that they name; limits of their parameters."""

from __future__ import annotations

from pathlib import Path

from facesort.errors import NotebookError

MAX_FACES = 400  # in a contact sheet
MAX_MINIMUM = 1_000_000  # photos that everyone should be in


def notebook_path(name: str) -> Path:
    """Find a notebook, in an installed package or a checkout.

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
        If there is no such notebook; the message lists the existing ones.
    """
    package = Path(__file__).resolve().parents[2]
    inside = package / "notebooks"  # in a wheel
    folder = inside if inside.is_dir() else package.parent / "notebooks"
    path = folder / f"{name.removesuffix('.ipynb')}.ipynb"
    if not path.is_file():
        there = ", ".join(sorted(found.stem for found in folder.glob("*.ipynb"))) or "none"
        raise NotebookError(f"there is no notebook {name!r} in {folder}; there are: {there}")
    return path


def find_folder(path: str | Path) -> Path:
    """Find a folder that a notebook names: in its own folder, or else in the parent folder.

    JupyterLab runs a notebook in its own folder.  In a checkout that is ``notebooks/``, one below the folder in which
    ``facesort init`` creates the workspace.

    Parameters
    ----------
    path : str or Path
        Absolute paths are returned unchanged.

    Returns
    -------
    Path
        If neither exists, the one in the notebook's folder.
    """
    here, above = Path(str(path)).absolute(), Path.cwd().parent / str(path)
    return above if above.exists() and not here.exists() else here
