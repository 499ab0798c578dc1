"""Where the notebooks are, and what they name."""

from __future__ import annotations

from pathlib import Path

from facesort.errors import NotebookError


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
    package = Path(__file__).resolve().parents[2]
    inside = package / "notebooks"  # the wheel carries them there
    folder = inside if inside.is_dir() else package.parent / "notebooks"
    path = folder / f"{name.removesuffix('.ipynb')}.ipynb"
    if not path.is_file():
        there = ", ".join(sorted(found.stem for found in folder.glob("*.ipynb"))) or "none"
        raise NotebookError(f"there is no notebook {name!r} in {folder}; there is: {there}")
    return path


def find_folder(path: str | Path) -> Path:
    """Find a folder that a notebook names: where it runs, else one folder above.

    JupyterLab runs a notebook in the folder it lies in.  In a checkout that is ``notebooks/``, one below the folder in
    which ``facesort init`` makes the workspace.

    Parameters
    ----------
    path : str or Path
        An absolute one is taken as it is.

    Returns
    -------
    Path
        Where neither exists, the one where the notebook runs.
    """
    here, above = Path(str(path)).absolute(), Path.cwd().parent / str(path)
    return above if above.exists() and not here.exists() else here
