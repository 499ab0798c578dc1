"""The result of an executed ``02_calibrate``; needs nothing that draws."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from facesort.files import replace_json


def write_calibration(notebook: Path) -> dict[str, Any]:
    """Write ``calibration.json`` beside an executed notebook, from the ``summary.json`` there; returns its content."""
    summary = json.loads(notebook.with_name("summary.json").read_text(encoding="utf-8"))
    found: dict[str, Any] = summary["calibration"]
    replace_json(notebook.with_name("calibration.json"), found)
    return found
