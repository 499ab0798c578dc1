"""Ten thousand requests of Rekognition's protocol that no client would send, signed as they should be."""

from __future__ import annotations

import json
import logging
import random
from base64 import b64encode
from typing import Any
from uuid import uuid4

import httpx
import pytest
from aws_mutations import PEOPLE, mutated
from aws_shapes import unknown_members
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from drawn_service import CREDENTIALS, Live, drawn

from facesort.serve.rekognition.parameters import operation_model
from facesort.serve.rekognition.protocol import OPERATIONS

SEED = 20261122
PLAY, KEPT = "play", "kept"
CHANGING = ("Create", "Delete", "Index", "Associate", "Disassociate")
NEVER_REACHED = {"InternalServerError", "InvalidSignatureException", "IncompleteSignatureException"}


def image() -> dict[str, str]:
    return {"Bytes": b64encode(PEOPLE[-1]).decode()}


def video() -> dict[str, Any]:
    return {"S3Object": {"Bucket": "clips", "Name": "no-video.mp4"}}


def valid_requests(faces: list[str], job_id: str) -> dict[str, dict[str, Any]]:
    """One of each operation, that would be answered."""
    there: dict[str, Any] = {"CollectionId": PLAY}
    once = {"ClientRequestToken": str(uuid4())}
    of_user = there | {"UserId": "ann"}
    return {
        "CreateCollection": {"CollectionId": f"new-{uuid4()}"},
        "DescribeCollection": there,
        "DeleteCollection": there,
        "ListCollections": {"MaxResults": 2},
        "IndexFaces": there
        | {"Image": image(), "ExternalImageId": "x", "MaxFaces": 2, "QualityFilter": "NONE"},
        "ListFaces": there | {"MaxResults": 1, "UserId": "ann", "FaceIds": faces[:2]},
        "DeleteFaces": there | {"FaceIds": faces[2:]},
        "SearchFaces": there | {"FaceId": faces[0], "MaxFaces": 5, "FaceMatchThreshold": 0},
        "SearchFacesByImage": there
        | {"Image": image(), "FaceMatchThreshold": 70.5, "QualityFilter": "LOW"},
        "DetectFaces": {"Image": image(), "Attributes": ["ALL"]},
        "CompareFaces": {"SourceImage": image(), "TargetImage": image(), "SimilarityThreshold": 0},
        "CreateUser": there | {"UserId": f"u-{uuid4()}"} | once,
        "ListUsers": there | {"MaxResults": 1},
        "AssociateFaces": of_user | {"FaceIds": faces, "UserMatchThreshold": 0} | once,
        "DisassociateFaces": of_user | {"FaceIds": faces[:1]} | once,
        "SearchUsers": there | {"UserId": "ann", "UserMatchThreshold": 0, "MaxUsers": 3},
        "SearchUsersByImage": there | {"Image": image(), "MaxUsers": 3},
        "StartFaceSearch": there | {"Video": video(), "FaceMatchThreshold": 70.5} | once,
        "GetFaceSearch": {"JobId": job_id, "MaxResults": 5, "SortBy": "INDEX"},
        "DeleteUser": of_user | once,
    }


def signed(url: str, operation: str, body: bytes) -> dict[str, str]:
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": f"RekognitionService.{operation}",
    }
    request = AWSRequest("POST", f"{url}/", data=body, headers=headers)
    keys = Credentials(CREDENTIALS.access_key_id, CREDENTIALS.secret)
    SigV4Auth(keys, "rekognition", "us-east-1").add_auth(request)
    return dict(request.headers) | {"amz-sdk-invocation-id": str(uuid4())}


class Fuzz:
    """A service with two collections: one that is played with, and one that no request names."""

    def __init__(self, live: Live, rekognition: Any) -> None:
        self._live, self._aws = live, rekognition
        self.answered: dict[str, int] = dict.fromkeys(OPERATIONS, 0)
        self._fill(KEPT)
        self._faces, self._job_id = self._fill(PLAY), "none"
        (live.service.options.buckets["clips"] / "no-video.mp4").write_bytes(b"no video")

    def _fill(self, collection: str) -> list[str]:
        self._aws.create_collection(CollectionId=collection)
        photo = {"Bytes": drawn(1, 2, 3)}
        told = self._aws.index_faces(CollectionId=collection, Image=photo, QualityFilter="NONE")
        faces = [record["Face"]["FaceId"] for record in told["FaceRecords"]]
        self._aws.create_user(CollectionId=collection, UserId="ann")
        self._aws.associate_faces(CollectionId=collection, UserId="ann", FaceIds=faces[:1])
        return faces

    def stored(self) -> dict[str, Any]:
        """All that is in the collections."""
        store = self._live.service.collections
        return {
            one.collection_id: (
                one,
                store.faces(one.collection_id, limit=10_000),
                store.users(one.collection_id, limit=10_000),
            )
            for one in store.collections(limit=10_000)
        }

    def send(self, client: httpx.Client, number: int, chance: random.Random) -> None:
        """One request, the first of each operation as it should be; only what it asked for may have changed."""
        before = self.stored()
        if PLAY not in before or not before[PLAY][1] or len(before) > 12:
            for name in before.keys() - {KEPT}:
                self._aws.delete_collection(CollectionId=name)
            self._faces = self._fill(PLAY)
            before = self.stored()
        requests = valid_requests(self._faces, self._job_id)
        operation = list(requests)[number % len(requests)]
        given = operation if chance.random() < 0.95 else chance.choice(list(requests))
        body = mutated(requests[given], chance)
        if number < len(requests):
            body = json.dumps(requests[operation]).encode()
        answer = client.post("/", content=body, headers=signed(self._live.url, operation, body))
        self._look_at(operation, answer)
        after = self.stored()
        if answer.status_code == 200 and operation.startswith(CHANGING):
            named = json.loads(body)["CollectionId"]
            before.pop(named, None)
            after.pop(named, None)
        assert after == before

    def _look_at(self, operation: str, answer: httpx.Response) -> None:
        told = answer.json()
        if answer.status_code == 200:
            self.answered[operation] += 1
            self._job_id = told.get("JobId", self._job_id)
            assert unknown_members(operation_model(operation), answer.content) == []
        else:
            assert answer.status_code == 400, told
            assert told["__type"] not in NEVER_REACHED, told
            assert told["message"]
        assert "/home" not in answer.text
        assert str(self._live.service.options.data) not in answer.text


@pytest.mark.parametrize(
    "number", [200, pytest.param(10_000, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_whatever_is_sent_is_answered(
    number: int,
    live: Live,
    rekognition: Any,
    whole_campaign: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name in rekognition.list_collections()["CollectionIds"]:
        rekognition.delete_collection(CollectionId=name)
    fuzz, chance = Fuzz(live, rekognition), random.Random(SEED)
    wanted = number if whole_campaign else min(number, 1000)
    with caplog.at_level(logging.WARNING), httpx.Client(base_url=live.url, timeout=60) as client:
        for turn in range(wanted):
            fuzz.send(client, turn, chance)
    assert [record for record in caplog.records if record.exc_info] == []
    assert [name for name, times in fuzz.answered.items() if not times] == []
    assert len(rekognition.detect_faces(Image={"Bytes": drawn(1)})["FaceDetails"]) == 1
    assert fuzz.stored()[KEPT][0].faces == 3
