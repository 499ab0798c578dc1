"""Sorts an event's photos by face into one folder per known person.

``__all__`` lists the public API, `facesort.errors` the exceptions.  Importing this package loads no library: each name
is loaded when it is first used.

Examples
--------
>>> import facesort
>>> with facesort.open("hot_storage") as event:
...     event.persons.select("person, files").fetchall()
[('Person 1', 5), ('Person 2', 6), ('Person 3', 3), ('Person 4', 4)]
"""

import os
import sys

from facesort.import_path import IS_THE_COMMAND, leave_out_current_folder
from facesort.version import __version__ as __version__

if IS_THE_COMMAND:  # before any other import, which the current folder could answer
    leave_out_current_folder()
    # They are asked for in every package that is installed, at every start, and would see what is validated here.
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "1"

TYPE_CHECKING = False  # importing `typing` for it would be such an import
if TYPE_CHECKING:
    from facesort.api import (
        ExportReport,
        FacesortError,
        RematchReport,
        SortResult,
        WorkspaceView,
        export,
        open,
        rematch,
        sort,
    )

__all__ = [
    "ExportReport",
    "FacesortError",
    "RematchReport",
    "SortResult",
    "WorkspaceView",
    "__version__",
    "export",
    "open",
    "rematch",
    "sort",
]

# ONNX Runtime's own wheels report to Microsoft since 1.29, and decide to when they are imported. Here, because nothing
# of facesort is imported before this, in whatever process: the terminal's, a kernel, a worker.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
# `import openvino` tells Google Analytics that it was imported, and makes ~/intel for an id of the user, without being
# asked to; without this package it does neither, and takes a stub of its own.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]


def __getattr__(name: str) -> object:
    """Load a public name when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from facesort import api

    value = getattr(api, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Public names, for completion."""
    return [*globals(), *__all__]
