"""AWS' Signature Version 4, checked with botocore's own code.

See "Create a signed AWS API request" in AWS' documentation of IAM.
"""

from __future__ import annotations

import hmac
import re
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as AwsCredentials

from facesort.clock import Clock, utc_now
from facesort.serve.access.refusal import RefusedRequest
from facesort.serve.service import Credentials

SERVICE = "rekognition"
CLOCK_MAY_DIFFER = timedelta(minutes=5)
_SAME_SECOND = timedelta(seconds=2)
_ATTEMPT = ("amz-sdk-invocation-id", "amz-sdk-request")
_ALGORITHM = "AWS4-HMAC-SHA256"
_HEADER = re.compile(
    rf"{_ALGORITHM} Credential=([^/,\s]+)/(\d{{8}})/([a-z0-9-]{{1,64}})/([a-z0-9-]{{1,64}})/aws4_request, ?"
    r"SignedHeaders=([a-z0-9;_-]{1,4096}), ?Signature=([0-9a-f]{64})"
)


class _Signer(SigV4Auth):  # type: ignore[misc]
    def headers_to_sign(self, request: AWSRequest) -> Any:
        """All that the client signed: botocore leaves out some that other clients sign, such as User-Agent."""
        return request.headers


class Signatures:
    """Checks who signed a request, when, and that it comes for the first time.

    A signature is remembered for as long as it could be accepted, by this process: others, and one that is started
    again, do not know it.  It only has the second in it, so
    equal calls of one second have the same one.  Clients give each attempt an id of its own beside it, and botocore
    does not sign that: so a signature with another id is accepted for two seconds more, and with the same id never.

    Parameters
    ----------
    credentials : Credentials
        Whose signatures are accepted.
    """

    def __init__(self, credentials: Credentials, clock: Clock = utc_now) -> None:
        self._credentials = credentials
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[str, datetime] = {}  # by signature, and by signature and attempt

    def check(self, headers: Sequence[tuple[str, str]], body: bytes) -> str:
        """Region that a request was signed for, which is a POST to ``/``.

        Parameters
        ----------
        headers : sequence of (str, str)
            All of them, names in lower case.

        Raises
        ------
        RefusedRequest
            With AWS' error.
        """
        day, region, service, names, signature = claimed(headers, self._credentials)
        signed = _signed(headers, names.split(";"))
        self._check_time(signed, day)
        if service != SERVICE:
            raise _invalid(f"it was signed for {service}, and this is {SERVICE}")
        _check_hash(signed, body)
        if not hmac.compare_digest(self._expected(signed, body, region), signature):
            raise _invalid(
                "the signature is not that of this request: look at the secret access key, and let no proxy change "
                "the Host header"
            )
        attempt = [value for name, value in headers if name in _ATTEMPT]
        self._refuse_seen(signature, " ".join([signature, "by", *attempt]))
        return region

    def _check_time(self, signed: dict[str, str], day: str) -> None:
        try:
            at = datetime.strptime(signed["x-amz-date"], SIGV4_TIMESTAMP)
        except (KeyError, ValueError):
            raise RefusedRequest(
                "IncompleteSignatureException", "X-Amz-Date is missing, not signed, or no time"
            ) from None
        if signed["x-amz-date"][:8] != day:
            raise _invalid("its scope and X-Amz-Date name different days")
        now = self._clock()
        if abs(now - at) > CLOCK_MAY_DIFFER:
            raise _invalid(
                f"it was signed at {at:%Y-%m-%d %H:%M:%S} UTC, and here it is {now:%Y-%m-%d %H:%M:%S}: clocks may "
                "differ by 5 minutes"
            )

    def _expected(self, signed: dict[str, str], body: bytes, region: str) -> str:
        request = AWSRequest("POST", "http://localhost/", headers=signed, data=body)
        request.context["timestamp"] = signed["x-amz-date"]
        keys = AwsCredentials(self._credentials.access_key_id, self._credentials.secret)
        signer = _Signer(keys, SERVICE, region)
        text = signer.string_to_sign(request, signer.canonical_request(request))
        return str(signer.signature(text, request))

    def _refuse_seen(self, signature: str, attempt: str) -> None:
        with self._lock:
            now = self._clock()
            while self._seen and now - next(iter(self._seen.values())) > 2 * CLOCK_MAY_DIFFER:
                del self._seen[next(iter(self._seen))]  # the first that came
            first = self._seen.setdefault(signature, now)
            if attempt in self._seen or now - first > _SAME_SECOND:
                raise _invalid("this very request was sent before: sign it again")
            self._seen[attempt] = now


def claimed(headers: Sequence[tuple[str, str]], credentials: Credentials) -> list[str]:
    """What a request says of its signature, before its body is there: day, region, service, signed names, signature.

    Parameters
    ----------
    headers : sequence of (str, str)
        All of them, names in lower case.

    Raises
    ------
    RefusedRequest
        If there is no signature, or it is not of these credentials' access key id.
    """
    given = [value for name, value in headers if name == "authorization"]
    if not given:
        raise RefusedRequest(
            "MissingAuthenticationTokenException",
            "the request is not signed: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to what was shown at the "
            "first start of the service",
        )
    found = _HEADER.fullmatch(given[0].strip()) if len(given) == 1 else None
    if found is None:
        raise RefusedRequest(
            "IncompleteSignatureException",
            "the Authorization header is not one of Signature Version 4",
        )
    key_id, *claims = found.groups()
    if not hmac.compare_digest(key_id.encode(), credentials.access_key_id.encode()):
        raise RefusedRequest(
            "UnrecognizedClientException", "the access key id is not that of this service"
        )
    return claims


def _signed(headers: Sequence[tuple[str, str]], names: Sequence[str]) -> dict[str, str]:
    """The headers that were signed; all that decide what happens must be."""
    decisive = {name for name, _ in headers if name == "host" or name.startswith("x-amz-")}
    if missing := ({"host"} | decisive) - set(names):
        raise _invalid(f"{', '.join(sorted(missing))} must be signed")
    found: dict[str, str] = {}
    for name, value in headers:
        if name in found and name in names:
            raise _invalid(f"{name} is there twice")
        if name in names:
            found[name] = value
    if found.keys() != set(names):
        raise _invalid("a header that was signed is missing")
    return found


def _check_hash(signed: dict[str, str], body: bytes) -> None:
    """A hash in the headers would be taken for that of the body."""
    given = signed.get("x-amz-content-sha256")
    if given is not None and given != sha256(body).hexdigest():
        raise _invalid("X-Amz-Content-SHA256 is not that of the body")


def _invalid(sentence: str) -> RefusedRequest:
    return RefusedRequest("InvalidSignatureException", sentence)
