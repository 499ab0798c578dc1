"""The image of a request: its body, or the field `image` of a form."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from facesort.errors import ImageError
from facesort.reasons import Reason
from facesort.serve.service import MOST_IMAGE_BYTES

_FIELD = "image"
_BINARY = {"schema": {"type": "string", "format": "binary", "minLength": 1}}
IMAGE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": f"A photo, of at most {MOST_IMAGE_BYTES:,} bytes.",
        "content": {
            "application/octet-stream": _BINARY,
            "image/*": _BINARY,
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {_FIELD: {"type": "string", "format": "binary"}},
                    "required": [_FIELD],
                }
            },
        },
    }
}
"""How the OpenAPI description tells it."""


async def image_of(request: Request) -> bytes:
    """The image of a request, as a dependency.

    Raises
    ------
    ImageError
        If there is none, or it is too large.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    image = await (_uploaded(request) if kind == "multipart/form-data" else request.body())
    if not image:
        raise ImageError(
            Reason.EMPTY_FILE,
            f"send the image as the body of the request, or as the field {_FIELD} of a form",
        )
    if len(image) > MOST_IMAGE_BYTES:
        raise ImageError(Reason.TOO_LARGE, f"an image has at most {MOST_IMAGE_BYTES:,} bytes")
    return image


async def _uploaded(request: Request) -> bytes:
    try:
        async with request.form(max_files=1, max_fields=0) as form:
            file = form.get(_FIELD)
            return await file.read() if isinstance(file, UploadFile) else b""
    except HTTPException as error:
        raise ImageError(
            Reason.NOT_AN_IMAGE,
            f"the form cannot be read ({error.detail}): it holds the image alone, parameters belong into the address",
        ) from error
