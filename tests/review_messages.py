"""What the browser sends to a page of faces."""

from __future__ import annotations

from typing import Any

from facesort.lab.review.sheet import FaceSheet


def send(sheet: FaceSheet, *acts: dict[str, Any]) -> list[int]:
    """What was pressed while an earlier message was under way comes in one; returns which acts were refused."""
    sheet._handle_custom_msg({"view": "1", "number": 1, "acts": list(acts)}, [])
    assert (sheet.heard["view"], sheet.heard["number"]) == ("1", 1)
    refused: list[int] = sheet.heard["refused"]
    return refused
