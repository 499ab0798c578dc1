"""Sorts an event's photos by face into one folder per known person.

Importing this package does no work and loads no library: what the notebooks call is in
`facesort.lab`, what the terminal calls is in `facesort.cli`.
"""

from __future__ import annotations

import os

__all__ = ["__version__"]

__version__ = "0.1.0"

# ONNX Runtime's own wheels report to Microsoft since 1.29, and decide to when they are imported. Here, because nothing
# of facesort is imported before this, in whatever process: the terminal's, a kernel, a worker.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
