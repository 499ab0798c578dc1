"""Who may call the Rekognition API: signatures made by hand, as AWS' documentation says, and those of real boto3."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import botocore.auth
import httpx
import pytest
from botocore import UNSIGNED
from botocore.exceptions import ClientError, ConnectionClosedError
from drawn_service import CREDENTIALS, Live, rekognition_at

from facesort.serve.access.refusal import RefusedRequest
from facesort.serve.access.signatures import Signatures

NOW = datetime(2026, 11, 28, 12, 0, 0)
Headers = list[tuple[str, str]]


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


def signed(
    body: bytes = b"{}",
    *,
    at: datetime = NOW,
    key: str = CREDENTIALS.access_key_id,
    secret: str = CREDENTIALS.secret,
    region: str = "eu-central-1",
    service: str = "rekognition",
    more: Headers | None = None,
    unsigned: Headers | None = None,
) -> Headers:
    """Headers of a request to ``/``, signed by the steps of AWS' documentation."""
    date, scope = f"{at:%Y%m%dT%H%M%SZ}", f"{at:%Y%m%d}/{region}/{service}/aws4_request"
    headers = [("host", "localhost:8765"), ("x-amz-date", date), *(more or [])]
    names = ";".join(sorted(name for name, _ in headers))
    lines = [f"{name}:{value}" for name, value in sorted(headers)]
    request = "\n".join(["POST", "/", "", *lines, "", names, sha256(body).hexdigest()])
    text = "\n".join(["AWS4-HMAC-SHA256", date, scope, sha256(request.encode()).hexdigest()])
    signing = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        signing = hmac.digest(signing, part.encode(), sha256)
    signature = hmac.digest(signing, text.encode(), sha256).hex()
    given = (
        f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return [*headers, *(unsigned or []), ("authorization", given)]


def changed(headers: Headers, name: str, change: Callable[[str], str]) -> Headers:
    return [(n, change(value) if n == name else value) for n, value in headers]


def refused(headers: Headers, body: bytes = b"{}", signatures: Signatures | None = None) -> str:
    with pytest.raises(RefusedRequest) as raised:
        (signatures or Signatures(CREDENTIALS, Clock())).check(headers, body)
    assert CREDENTIALS.secret not in str(raised.value)
    return raised.value.error


@pytest.mark.parametrize("region", ["eu-central-1", "us-gov-west-1", "local"])
def test_a_signed_request_is_accepted_whatever_its_region(region: str) -> None:
    assert Signatures(CREDENTIALS, Clock()).check(signed(region=region), b"{}") == region


@pytest.mark.parametrize(
    "more",
    [
        [("user-agent", "an SDK that signs it")],  # botocore does not
        [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", "Rekognition")],
        [("x-amz-content-sha256", sha256(b"{}").hexdigest())],
        [("x-amz-security-token", "of a role")],
    ],
)
def test_other_clients_sign_other_headers(more: Headers) -> None:
    assert Signatures(CREDENTIALS, Clock()).check(signed(more=more), b"{}")


def test_a_header_that_is_not_signed_may_be_added_on_the_way() -> None:
    unsigned = [("x-forwarded-for", "10.0.0.1"), ("user-agent", "boto3")]
    assert Signatures(CREDENTIALS, Clock()).check(signed(unsigned=unsigned), b"{}")


def test_a_request_that_was_tampered_with_is_refused() -> None:
    target = [("x-amz-target", "RekognitionService.ListCollections")]
    for headers, body in (
        (signed(), b"{ }"),
        (changed(signed(), "host", lambda _: "localhost:80"), b"{}"),
        (changed(signed(more=target), "x-amz-target", lambda _: "DeleteCollection"), b"{}"),
        (changed(signed(), "x-amz-date", lambda _: "20261128T120001Z"), b"{}"),
        (changed(signed(), "authorization", lambda v: v.replace("eu-", "us-")), b"{}"),
        (changed(signed(), "authorization", lambda v: v[:-1] + "10"[v[-1] == "1"]), b"{}"),
        ([*signed(), ("x-amz-target", "added")], b"{}"),
        ([*signed(), ("host", "twice")], b"{}"),
        ([h for h in signed() if h[0] != "host"], b"{}"),
    ):
        assert refused(headers, body) == "InvalidSignatureException", (headers, body)


def test_a_body_without_a_hash_is_refused() -> None:
    for given in ("UNSIGNED-PAYLOAD", sha256(b"another").hexdigest()):
        headers = signed(more=[("x-amz-content-sha256", given)])
        assert refused(headers) == "InvalidSignatureException"


def test_a_signature_for_another_service_or_with_another_secret_is_refused() -> None:
    assert refused(signed(service="s3")) == "InvalidSignatureException"
    assert refused(signed(secret="wrong")) == "InvalidSignatureException"
    for key in ("AKIAIOSFODNN7EXAMPLE", "é", CREDENTIALS.access_key_id.lower()):
        assert refused(signed(key=key)) == "UnrecognizedClientException", key


def test_a_request_that_is_not_signed_or_in_another_way() -> None:
    date = [("host", "localhost"), ("x-amz-date", "20261128T120000Z")]
    assert refused(date) == "MissingAuthenticationTokenException"
    whole = dict(signed())["authorization"]
    for given in (
        "",
        "AWS4-HMAC-SHA256",
        f"Bearer {CREDENTIALS.secret}",
        whole[:-1],
        whole.replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
        whole.replace("SignedHeaders", "Signed"),
        whole.replace("/aws4_request", ""),
    ):
        error = refused([*date, ("authorization", given)])
        assert error == "IncompleteSignatureException", given
    assert refused([*signed(), *signed()[-1:]]) == "IncompleteSignatureException"
    without_date = [h for h in signed() if h[0] != "x-amz-date"]
    assert refused(without_date) in {"IncompleteSignatureException", "InvalidSignatureException"}


@pytest.mark.parametrize("seconds", [-301, -300, 0, 300, 301])
def test_clocks_may_differ_by_five_minutes(seconds: int) -> None:
    headers = signed(at=NOW + timedelta(seconds=seconds))
    if abs(seconds) > 300:
        assert refused(headers) == "InvalidSignatureException"
    else:
        assert Signatures(CREDENTIALS, Clock()).check(headers, b"{}")


def test_a_request_counts_once_for_as_long_as_it_could_be_accepted() -> None:
    clock = Clock()
    signatures = Signatures(CREDENTIALS, clock)
    early = signed(at=NOW + timedelta(minutes=5))
    signatures.check(early, b"{}")
    for minutes in range(11):
        clock.now = NOW + timedelta(minutes=minutes)
        assert refused(early, signatures=signatures) == "InvalidSignatureException"


def test_old_requests_are_forgotten() -> None:
    clock = Clock()
    signatures = Signatures(CREDENTIALS, clock)
    for minutes in range(60):
        clock.now = NOW + timedelta(minutes=minutes)
        signatures.check(signed(at=clock.now), b"{}")
    assert len(signatures._seen) <= 2 * 11  # of 60


def test_of_a_request_that_comes_twice_at_once_one_is_accepted() -> None:
    signatures, headers = Signatures(CREDENTIALS, Clock()), signed()

    def accepted(_: int) -> bool:
        try:
            signatures.check(headers, b"{}")
        except RefusedRequest:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(accepted, range(64))) == 1


# Real boto3


def code(call: Callable[[], object]) -> str:
    with pytest.raises(ClientError) as raised:
        call()
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return str(raised.value.response["Error"]["Code"])


def test_boto3_without_the_right_credentials(live: Live, rekognition: Any) -> None:
    assert rekognition.list_collections()["CollectionIds"] == []
    wrong = rekognition_at(live.url, secret="wrong")
    assert code(wrong.list_collections) == "InvalidSignatureException"
    nobody = rekognition_at(live.url, signature_version=UNSIGNED)
    assert code(nobody.list_collections) == "MissingAuthenticationTokenException"
    rekognition_at(live.url).list_collections()


def test_boto3_with_a_wrong_clock(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    real = botocore.auth.get_current_datetime
    for minutes in (-6, 6):
        skewed = timedelta(minutes=minutes)
        with monkeypatch.context() as patched:
            patched.setattr(
                botocore.auth, "get_current_datetime", lambda skewed=skewed: real() + skewed
            )
            client = rekognition_at(live.url)
            assert code(client.list_collections) == "InvalidSignatureException"


def test_what_boto3_sent_cannot_be_changed_or_sent_again(live: Live) -> None:
    client, sent = rekognition_at(live.url), []
    client.meta.events.register("before-send", lambda request, **_: sent.append(request))
    client.create_collection(CollectionId="once")
    request = sent[0]

    def again(body: bytes) -> str:
        headers = {
            name: value.decode() if isinstance(value, bytes) else value
            for name, value in request.headers.items()
        }
        answer = httpx.post(request.url, headers=headers, content=body)
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/x-amz-json-1.1"
        return str(answer.json()["__type"])

    assert again(request.body.replace(b"once", b"ever")) == "InvalidSignatureException"
    client.delete_collection(CollectionId="once")
    assert again(request.body) == "InvalidSignatureException"
    assert client.list_collections()["CollectionIds"] == []


def test_equal_calls_within_a_second_are_not_one(rekognition: Any) -> None:
    for _ in range(20):
        rekognition.list_collections()


def test_boto3_signs_again_what_it_sends_again(live: Live) -> None:
    client = rekognition_at(live.url, retries={"total_max_attempts": 2})
    client.create_collection(CollectionId="lost")
    attempts: list[str] = []

    def lose_the_first_answer(request: Any, **_: Any) -> None:
        attempts.append(request.headers["Authorization"])
        if len(attempts) == 1:
            headers = {
                k: v.decode() if isinstance(v, bytes) else v for k, v in request.headers.items()
            }
            assert httpx.post(request.url, headers=headers, content=request.body).status_code == 200
            raise ConnectionClosedError(endpoint_url=request.url)

    client.meta.events.register("before-send", lose_the_first_answer)
    client.create_user(CollectionId="lost", UserId="ann")

    assert len(attempts) == 2
    assert [u["UserId"] for u in client.list_users(CollectionId="lost")["Users"]] == ["ann"]
    client.delete_collection(CollectionId="lost")
