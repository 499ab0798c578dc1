"""What a run notebook says about itself to programs: a summary that travels inside the saved notebook.

The notebook displays it under a MIME type of its own, which front ends ignore; whoever launched the notebook
finds it there and writes it to ``summary.json``.  So a notebook needs to know no path, and one that is run by
hand writes no file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nbformat import NotebookNode

SUMMARY_MIME = "application/vnd.facesort.summary+json"


@dataclass(frozen=True, slots=True)
class Summary:
    """Something to display, with a summary for programs behind it.

    Parameters
    ----------
    values : mapping
        Of what JSON can hold; never embeddings or crops.
    text : str
        One or two sentences for people.
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
    """Everything that the cells of an executed notebook displayed as a `Summary`; later ones win.

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
