"""What an object store's errors mean: for the whole job, for one object, or only for this moment."""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError as BotoConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    SSLError,
)
from botocore.parsers import ResponseParserError
from urllib3.exceptions import NameResolutionError

from facesort.core.delivery.objects import Destination
from facesort.engine.publishing.content import UnsentError
from facesort.errors import PublishError
from facesort.reasons import Reason

_CHECK_KEY = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile in ~/.aws"
_REGION = "is in another region: set AWS_DEFAULT_REGION to it"
_EXPIRED = "says that the credentials have expired: get new ones (`aws sso login` or as you did)"
_DENIED = (
    "does not let this key in: it needs the permissions ListBucket, GetObject and PutObject there, "
    "ListMultipartUploadParts and AbortMultipartUpload for files over 8 MB, and DeleteObject for unpublish"
)
_FULL = "has no space left: make room there"
# What every object would meet in the same way.
_OF_THE_JOB = {
    "InvalidAccessKeyId": f"does not know this access key: {_CHECK_KEY}",
    "SignatureDoesNotMatch": f"says that the secret key is wrong: {_CHECK_KEY}",
    "AccessDenied": _DENIED,
    "AllAccessDisabled": _DENIED,
    "UnauthorizedAccess": _DENIED,
    "Forbidden": _DENIED,
    "403": _DENIED,
    "401": f"asks for other credentials: {_CHECK_KEY}",
    "ExpiredToken": _EXPIRED,
    "InvalidToken": _EXPIRED,
    "TokenRefreshRequired": _EXPIRED,
    "RequestTimeTooSkewed": "says that the clock of this computer is wrong: set it",
    "NoSuchBucket": "has no such bucket: make it there first, or check the name",
    "InvalidBucketName": "says that no bucket can have this name: check it",
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "301": _REGION,
    "InsufficientStorage": _FULL,
    "XMinioStorageFull": _FULL,
    "QuotaExceeded": _FULL,
    "507": _FULL,
}
_THROTTLED = {
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
    "RequestLimitExceeded",
    "429",
}
_FOR_A_MOMENT = {"RequestTimeout", "ConditionalRequestConflict", "OperationAborted", "408"}


def code_of(error: ClientError) -> str:
    """The server's own code, or the HTTP status where it sent none."""
    return str(error.response.get("Error", {}).get("Code", "") or _status(error))


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def for_a_moment(error: BaseException) -> Reason | None:
    """Why the same might succeed if it is tried again; None if it would not."""
    if isinstance(error, UnsentError):
        return error.reason if error.reason in (Reason.NOT_AS_SENT, Reason.SERVER_ERROR) else None
    if isinstance(error, ClientError):
        status, code = _status(error), code_of(error)
        if code in _OF_THE_JOB:
            return None
        if status == 429 or code in _THROTTLED:
            return Reason.THROTTLED
        return Reason.SERVER_ERROR if status >= 500 or code in _FOR_A_MOMENT else None
    if isinstance(error, SSLError) or _is_unknown_name(error):
        return None
    if isinstance(error, BotoConnectionError | HTTPClientError | IncompleteReadError):
        return Reason.CONNECTION_LOST
    return Reason.SERVER_ERROR if isinstance(error, ResponseParserError) else None


def of_the_job(error: BaseException, destination: Destination) -> PublishError | None:
    """What ends the job, as a sentence; None if it is only about one object, or for a moment."""
    if isinstance(error, ClientError):
        words = _OF_THE_JOB.get(code_of(error))
        return None if words is None else PublishError(f"the server of {destination} {words}")
    if isinstance(error, NoCredentialsError | PartialCredentialsError | CredentialRetrievalError):
        return PublishError(
            f"there are no credentials for {destination}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or make a "
            "profile in ~/.aws (facesort keeps none)"
        )
    if isinstance(error, SSLError):
        return PublishError(
            f"the server of {destination} cannot prove who it is ({first_line(error)}): check the endpoint, or "
            "name its certificate authority in AWS_CA_BUNDLE"
        )
    if _is_unknown_name(error):
        return PublishError(
            f"the server of {destination} is not found: check the endpoint and the connection"
        )
    if isinstance(error, BotoCoreError) and for_a_moment(error) is None:
        return PublishError(f"{destination} cannot be used: {first_line(error)}")
    return None


def refusal(error: ClientError) -> UnsentError:
    """Why a server does not take one object."""
    said = error.response.get("Error", {}).get("Message", "")
    return UnsentError(Reason.REFUSED, f"{code_of(error)} {said}".strip())


def _is_unknown_name(error: BaseException) -> bool:
    cause = getattr(error, "kwargs", {}).get("error")
    return isinstance(cause, NameResolutionError)


def first_line(error: BaseException) -> str:
    """What an error says first."""
    return str(error).partition("\n")[0]
