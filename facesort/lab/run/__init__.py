"""Runs notebooks through papermill, and saves them as notebooks and as web pages."""

import sys

from facesort.import_path import IS_THE_COMMAND

# What libraries import where they find it, and no notebook here has a use for: jsonschema a grammar for addresses in
# any script, which took longer to make than all the rest of the start of a command, and a parser of durations;
# papermill the clients of remote stores. While papermill is imported they are not there; for anybody who imports them
# later they are. Only in a process of our own, where nobody else has anything to check or to store.
_UNUSED = ("rfc3987_syntax", "isoduration", "boto3", "azure", "gcsfs", "github", "pyarrow")
if IS_THE_COMMAND:
    _hidden = [name for name in _UNUSED if name not in sys.modules]
    for _name in _hidden:
        sys.modules[_name] = None  # type: ignore[assignment]  # documented: nothing of that name is found
    import papermill as papermill

    for _name in _hidden:
        del sys.modules[_name]
