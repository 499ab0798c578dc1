"""What a request that counts once was answered, as text in a row."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from facesort.core.collections.records import Once, Refusal
from facesort.errors import OnceError

Changes = Mapping[str, Refusal | None]
"""What became of each face; None: what was wanted."""


def written(answer: Changes | None) -> str:
    """An answer as text; empty for requests that have none."""
    return json.dumps(dict(answer or {}))


def recalled(rows: Iterable[tuple[str, str]], once: Once) -> Changes | None:
    """The answer that a request got before; None if it has to be carried out.

    Parameters
    ----------
    rows : iterable of (str, str)
        Request and answer of the token, none or one.

    Raises
    ------
    OnceError
        If the token was used for another request.
    """
    for request, answer in rows:
        if request != once.request:
            raise OnceError("this ClientRequestToken was used for another request")
        return {
            face_id: None if refusal is None else Refusal(refusal)
            for face_id, refusal in json.loads(answer).items()
        }
    return None
