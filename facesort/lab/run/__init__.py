"""Runs notebooks through papermill, and saves them as notebooks and as web pages."""

import sys
from importlib import import_module

from facesort.import_path import IS_THE_COMMAND

# JupyterLab brings a library for addresses in any script. jsonschema imports it where it finds it, and nbformat
# imports jsonschema: its parsers took longer to make than all the rest of the start of a command, and no notebook's
# schema has such an address. For jsonschema it is not there; for anybody who imports it later it is. Only in a process
# of our own, where nobody else has anything to check.
_ADDRESSES = "rfc3987_syntax"
if IS_THE_COMMAND and _ADDRESSES not in sys.modules:
    sys.modules[_ADDRESSES] = None  # type: ignore[assignment]  # documented: nothing of that name is found
    import_module("nbformat")
    del sys.modules[_ADDRESSES]
