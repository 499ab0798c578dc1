"""Errors in the words of Amazon Rekognition."""

from __future__ import annotations

import logging

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
)
from facesort.reasons import Reason
from facesort.serve.access.refusal import RefusedRequest

log = logging.getLogger(__name__)

INTERNAL = "InternalServerError"
THROTTLED = "ThrottlingException"
_NAMES: tuple[tuple[type[FacesortError], str], ...] = (
    (MissingItemError, "ResourceNotFoundException"),
    (ItemExistsError, "ResourceAlreadyExistsException"),
    (ItemConflictError, "ConflictException"),
    (QuotaError, "ServiceQuotaExceededException"),
    (OnceError, "IdempotentParameterMismatchException"),
    (PackMismatchError, "InvalidParameterException"),
    (BusyError, THROTTLED),
)


def invalid(sentence: str) -> RefusedRequest:
    """A parameter that is not valid."""
    return RefusedRequest("InvalidParameterException", sentence)


def refusal_of(error: FacesortError) -> RefusedRequest:
    """What an error of facesort is called in the API."""
    if isinstance(error, ImageError):
        large = error.reason is Reason.TOO_LARGE
        name = "ImageTooLargeException" if large else "InvalidImageFormatException"
        return RefusedRequest(name, f"the image cannot be used: {error}")
    known = next((name for kind, name in _NAMES if isinstance(error, kind)), None)
    if known is None:  # its sentence may name a place on this machine
        log.error("a request failed", exc_info=error)
        return RefusedRequest(
            INTERNAL, "this cannot be done now; the log says more under the id of this request"
        )
    return RefusedRequest(known, str(error))
