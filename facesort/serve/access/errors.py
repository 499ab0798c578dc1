"""What facesort's errors are in plain HTTP: one shape for all rooms but that of AWS' clients."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from facesort.errors import (
    BusyError,
    FacesortError,
    ImageError,
    ItemConflictError,
    ItemExistsError,
    MissingItemError,
    OnceError,
    PackMismatchError,
    QuotaError,
    RefusedReferenceError,
    ServiceError,
)
from facesort.reasons import Reason
from facesort.serve.service import RETRY_S
from facesort.serve.watch import note

log = logging.getLogger(__name__)


class FieldsError(ServiceError):
    """Fields that are not as they must be.

    Parameters
    ----------
    fields : dict of str to str
        A sentence for each, by the field's name.
    """

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("; ".join(fields.values()))
        self.fields = dict(fields)


# Their sentences are about what the client sent; others may name a place on this machine.
_STATUSES: dict[type[FacesortError], int] = {
    MissingItemError: 404,
    ItemExistsError: 409,
    ItemConflictError: 409,
    QuotaError: 409,
    OnceError: 409,
    PackMismatchError: 409,
    ImageError: 422,
    RefusedReferenceError: 422,
    BusyError: 503,
    FieldsError: 422,
}
_WHEN = {
    401: "The token is missing or wrong.",
    404: "There is no such collection, or job.",
    409: "The collection was made with another model pack.",
    413: "It is larger than the service takes.",
    422: "The image or a parameter cannot be used.",
    503: "Too much is waiting already: try again after Retry-After seconds.",
}


class Refusal(BaseModel):
    """An error, in every answer with a status from 400."""

    detail: str = Field(description="What is wrong, and what to do.")
    reason: Reason | None = Field(
        default=None, description="Code of the reason, if it is about an image."
    )
    fields: dict[str, str] | None = Field(
        default=None, description="What is wrong with each field, if it is about some."
    )


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """How routes declare the errors that they answer."""
    return {code: {"model": Refusal, "description": _WHEN[code]} for code in statuses}


def explain_errors(app: FastAPI) -> None:
    """Let an application answer facesort's errors, and parameters that are not valid, as `Refusal`."""
    app.add_exception_handler(FacesortError, _explained)
    app.add_exception_handler(RequestValidationError, _invalid)


def _explained(request: Request, error: Exception) -> JSONResponse:
    del request
    note(error=type(error).__name__)
    status = next((code for kind, code in _STATUSES.items() if isinstance(error, kind)), None)
    if status is None:
        log.error("a request failed", exc_info=error)
        return _answer(
            503, "this cannot be done now; the log says more under the id of this request"
        )
    reason, fields = getattr(error, "reason", None), getattr(error, "fields", None)
    return _answer(status, getattr(error, "detail", str(error)), reason, fields)


def _invalid(request: Request, error: Exception) -> JSONResponse:
    del request
    note(error=type(error).__name__)
    found = error.errors() if isinstance(error, RequestValidationError) else ()
    fields = {".".join(map(str, one["loc"][1:])): one["msg"] for one in found}
    return _answer(422, "; ".join(": ".join(one) for one in fields.items()), fields=fields)


def _answer(
    status: int,
    sentence: str,
    reason: Reason | None = None,
    fields: dict[str, str] | None = None,
) -> JSONResponse:
    refusal = Refusal(detail=sentence, reason=reason, fields=fields)
    body = refusal.model_dump(mode="json", exclude_none=True)
    headers = {"Retry-After": str(RETRY_S)} if status == 503 else None
    return JSONResponse(body, status, headers)
