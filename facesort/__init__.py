"""Sorts an event's photos by face into one folder per known person.

Importing this package does no work and loads no library: what the notebooks call is in
`facesort.lab`, what the terminal calls is in `facesort.cli`.
"""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
