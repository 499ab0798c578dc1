"""A request that is refused before a room sees it, in the words of the door that it came to."""

from __future__ import annotations

import json

from starlette.types import Scope, Send

from facesort.serve.watch import note


class RefusedRequest(Exception):
    """A request of AWS' clients that is answered with an error.

    Parameters
    ----------
    error : str
        Its name in the API.
    sentence : str
        What is wrong, and what to do.
    """

    def __init__(self, error: str, sentence: str) -> None:
        super().__init__(sentence)
        self.error = error
        self.sentence = sentence


async def refuse(
    scope: Scope, send: Send, status: int, error: str, sentence: str, *, wait_s: int | None = None
) -> None:
    """Answer with an error.

    Parameters
    ----------
    status : int
        Of the plain REST; clients of AWS get 400 and the error's name, for all but 500.
    error : str
        Name of AWS' error.
    wait_s : int or None
        When to try again.
    """
    aws = is_aws(scope)
    kind = "application/x-amz-json-1.1" if aws else "application/json"
    said = {"__type": error, "message": sentence} if aws else {"detail": sentence}
    body = json.dumps(said).encode()
    headers = [
        (b"content-type", kind.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),  # the body may not have been read
    ]
    if wait_s is not None:
        headers.append((b"retry-after", str(wait_s).encode()))
    note(error=error)
    await send(
        {
            "type": "http.response.start",
            "status": 400 if aws and status != 500 else status,
            "headers": headers,
        }
    )
    await send({"type": "http.response.body", "body": body})


def is_aws(scope: Scope) -> bool:
    """Whether a request came to the door of AWS' clients."""
    return bool(scope["method"] == "POST" and scope["path"] == "/")
