"""What the browser sends to a page of faces."""

from __future__ import annotations

from typing import Any

from facesort.lab.review.session import ReviewSession
from facesort.lab.review.sheet import FaceSheet
from facesort.lab.review.whole_photo import whole_photo


def send(sheet: FaceSheet, *acts: dict[str, Any]) -> list[int]:
    """What was pressed while an earlier message was under way comes in one; returns which acts were refused."""
    sheet._handle_custom_msg({"view": "1", "number": 1, "acts": list(acts)}, [])
    assert (sheet.heard["view"], sheet.heard["number"]) == ("1", 1)
    refused: list[int] = sheet.heard["refused"]
    return refused


def photo_of(session: ReviewSession, face_id: int) -> tuple[dict[str, Any], list[bytes]]:
    """What is shown of the photo of a face in the end."""
    shown: list[tuple[dict[str, Any], list[bytes]]] = []
    whole_photo(session, face_id, lambda about, pictures: shown.append((about, pictures)))
    return shown[-1]
