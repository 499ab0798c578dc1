"""A machine-readable summary inside a saved notebook.

A notebook displays it under its own MIME type, which front ends ignore; `launch` finds it there and writes it to
``summary.json``.  So a notebook needs no path, and one that is run by hand writes no file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # kernels would spend a second and a half on importing it
    from nbformat import NotebookNode

SUMMARY_MIME = "application/vnd.facesort.summary+json"


@dataclass(frozen=True, slots=True)
class Summary:
    """A text to display, with values for programs.

    Parameters
    ----------
    values : mapping
        JSON types only; never embeddings or crops.
    text : str
        One or two sentences.
    """

    values: Mapping[str, Any]
    text: str

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        return {
            "text/markdown": self.text,
            "text/plain": self.text,
            SUMMARY_MIME: dict(self.values),
        }


def find_summary(notebook: NotebookNode) -> dict[str, Any]:
    """Merge the values of all `Summary` outputs of an executed notebook; later ones win.

    Returns
    -------
    dict
        Empty if there is none.
    """
    found: dict[str, Any] = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            found |= output.get("data", {}).get(SUMMARY_MIME, {})
    return found
