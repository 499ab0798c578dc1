"""Every error that AWS documents for an operation comes as its typed exception, or here is why it never does."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import boto3
import numpy as np
import pytest
from drawn_clips import Actor, every, stage, write_clip
from drawn_service import CREDENTIALS, Live, drawn, listening, rekognition_at
from PIL import Image

from facesort.core.collections.protocol import MOST_FACES_OF_A_USER
from facesort.core.collections.records import IndexedFace, NewFaces
from facesort.errors import CollectionError
from facesort.serve.rekognition.protocol import OPERATIONS
from facesort.serve.service import Service
from facesort.serve.videos.jobs import VideoJobs
from facesort.serve.videos.uploads import Uploads

MODEL = boto3.client(
    "rekognition", "us-east-1", aws_access_key_id="none", aws_secret_access_key="none"
).meta.service_model

EVERY = "every operation"
VIDEO = "short.mp4"
NEVER = {
    (
        "ProvisionedThroughputExceededException",
        EVERY,
    ): "nobody provisions anything: overload is ThrottlingException",
    ("ResourceNotFoundException", "ListCollections"): "an empty list is an answer",
    ("ServiceQuotaExceededException", "CreateCollection"): "there may be as many as the disk holds",
    ("ServiceQuotaExceededException", "CreateUser"): "there may be as many as the disk holds",
    ("ServiceQuotaExceededException", "IndexFaces"): "there may be as many as the disk holds",
    (
        "ConflictException",
        "DeleteUser",
    ): "changes come one after the other: nobody meets half of one",
    ("ConflictException", "AssociateFaces"): "changes come one after the other",
    ("ConflictException", "DisassociateFaces"): "changes come one after the other",
}


def documented() -> Iterator[Any]:
    for operation in OPERATIONS:
        for shape in MODEL.operation_model(operation).error_shapes:
            if not {(shape.name, operation), (shape.name, EVERY)} & NEVER.keys():
                yield pytest.param(operation, shape.name, id=f"{operation}-{shape.name}")


class Broken:
    """A store, or workers, that can do nothing any more."""

    def __init__(self, service: Service) -> None:
        self._sentence = f"{service.options.data}/collections.duckdb cannot be written"

    def fail(self, *_: object, **__: object) -> NoReturn:
        raise CollectionError(self._sentence)

    def __getattr__(self, name: str) -> Any:
        return self.fail


@dataclass(frozen=True)
class Clients:
    """Of a service as it should be, and of others on the same collections that are not."""

    good: Any
    busy: Any
    broken: Any
    elsewhere: Any
    """Its name is another one."""
    full: Any
    """It takes no videos any more."""


@pytest.fixture(scope="module")
def clients(service: Service, live: Live) -> Iterator[Clients]:
    broken: Any = Broken(service)
    others = (
        replace(service, options=replace(service.options, most_waiting=0)),
        replace(service, collections=broken, finder=blind(service, broken)),
        replace(service, options=replace(service.options, hosts=("elsewhere",))),
        replace(service, videos=full_of_videos(service)),
    )
    with ExitStack() as stack:
        urls = [live.url, *(stack.enter_context(listening(other)).url for other in others)]
        yield Clients(*(rekognition_at(url, parameter_validation=False) for url in urls))


def blind(service: Service, broken: Broken) -> Any:
    """The service's own finder, but that it finds nothing any more."""

    class Finder:
        pack, dim, backend = service.finder.pack, service.finder.dim, service.finder.backend
        find = broken.fail

    return Finder()


def full_of_videos(service: Service) -> VideoJobs:
    folder = service.options.data / "full"
    folder.mkdir(mode=0o700)
    return VideoJobs(broken_finder, service.collections, Uploads(folder), most_waiting=0)


broken_finder: Any = None


@pytest.fixture(scope="module")
def known(clients: Clients, service: Service) -> dict[str, Any]:
    """A face of a collection with the users *ann* and *full*, who has as many as one may, and a job that is done."""
    aws = clients.good
    aws.create_collection(CollectionId="guests")
    [record] = aws.index_faces(
        CollectionId="guests", Image={"Bytes": drawn(1)}, QualityFilter="NONE"
    )["FaceRecords"]
    for user in ("ann", "full"):
        aws.create_user(CollectionId="guests", UserId=user, ClientRequestToken=f"made-{user}")
    face_id = record["Face"]["FaceId"]
    ids = [f"00000000-0000-4000-8000-{number:012}" for number in range(MOST_FACES_OF_A_USER)]
    faces = tuple(
        IndexedFace(each, face_id, None, (0.0, 0.0, 0.1, 0.1), 99.0, service.pack.pack_id)
        for each in ids
    )
    embeddings = np.repeat(service.collections.embeddings("guests", [face_id]), len(ids), axis=0)
    service.collections.add("guests", NewFaces(faces, embeddings))
    given = aws.associate_faces(CollectionId="guests", UserId="full", FaceIds=ids)
    assert len(given["AssociatedFaces"]) == MOST_FACES_OF_A_USER
    folder = service.options.buckets["clips"]
    write_clip(folder / VIDEO, stage([Actor(1, 0, 400)], every(40, 400)))
    with (folder / "large.mp4").open("wb") as large:
        large.truncate(10 * 1024**3 + 1)  # a hole
    job_id = aws.start_face_search(
        CollectionId="guests", Video=stored(VIDEO), ClientRequestToken="made-full"
    )["JobId"]
    until = time.monotonic() + 60
    while aws.get_face_search(JobId=job_id)["JobStatus"] != "SUCCEEDED":
        assert time.monotonic() < until
        time.sleep(0.05)
    return {"FaceId": face_id, "FaceIds": [face_id], "JobId": job_id}


def stored(name: str) -> dict[str, Any]:
    return {"S3Object": {"Bucket": "clips", "Name": name}}


def fine(operation: str, known: dict[str, Any]) -> dict[str, Any]:
    """Parameters that are answered."""
    all_of_them = known | {
        "CollectionId": "guests",
        "Image": {"Bytes": drawn(1)},
        "SourceImage": {"Bytes": drawn(1)},
        "TargetImage": {"Bytes": drawn(1)},
        "UserId": "ann",
        "Video": stored(VIDEO),
    }
    shape = MODEL.operation_model(operation).input_shape
    wanted = set(shape.required_members) | ({"FaceId"} if operation == "SearchUsers" else set())
    return {name: value for name, value in all_of_them.items() if name in wanted}


def large() -> bytes:
    """Few bytes, and more pixels than are decoded."""
    stream = io.BytesIO()
    Image.new("1", (20_000, 10_000)).save(stream, "PNG")
    return stream.getvalue()


IMAGES = {
    "InvalidS3ObjectException": {"S3Object": {"Bucket": "photos", "Name": "a.jpg"}},
    "InvalidImageFormatException": {"Bytes": b"no image"},
    "ImageTooLargeException": {"Bytes": large()},
}
WRONG: dict[str, dict[str, Any]] = {
    "ResourceNotFoundException": {"CollectionId": "nowhere"},
    "ResourceAlreadyExistsException": {},
    "InvalidPaginationTokenException": {"NextToken": "of another list"},
    "IdempotentParameterMismatchException": {"ClientRequestToken": "made-full"},
    "ConflictException": {},
    "ServiceQuotaExceededException": {"UserId": "full"},
    "ThrottlingException": {},
    "InternalServerError": {},
    "AccessDeniedException": {},
    "LimitExceededException": {},
    "VideoTooLargeException": {"Video": stored("large.mp4")},
}


def wrong(operation: str, error: str, known: dict[str, Any]) -> dict[str, Any]:
    """Parameters that are answered with an error."""
    parameters = fine(operation, known)
    images = [name for name in parameters if name.endswith("Image")]
    if operation == "GetFaceSearch" and error == "ResourceNotFoundException":
        return {"JobId": "nothing"}
    if operation == "StartFaceSearch" and error == "IdempotentParameterMismatchException":
        return parameters | WRONG[error] | {"JobTag": "another"}
    if operation == "StartFaceSearch" and error == "InvalidS3ObjectException":
        return parameters | {"Video": stored("nothing.mp4")}
    if error in IMAGES:
        return parameters | {images[-1]: IMAGES[error]}
    if error == "InvalidParameterException":
        if "CollectionId" in parameters:
            return parameters | {"CollectionId": "no blanks"}
        return parameters | ({images[-1]: {}} if images else {"MaxResults": -1})
    return parameters | WRONG[error]


@pytest.mark.parametrize(("operation", "error"), list(documented()))
def test_an_error_that_aws_documents(
    operation: str, error: str, clients: Clients, known: dict[str, Any], service: Service
) -> None:
    chosen = {
        "ThrottlingException": clients.busy,
        "InternalServerError": clients.broken,
        "AccessDeniedException": clients.elsewhere,
        "LimitExceededException": clients.full,
    }.get(error, clients.good)

    with pytest.raises(getattr(chosen.exceptions, error)) as raised:
        chosen._make_api_call(operation, wrong(operation, error, known))

    answer = raised.value.response
    assert answer["Error"]["Message"]
    assert str(service.options.data) not in str(answer)
    http = answer["ResponseMetadata"]
    assert http["HTTPStatusCode"] == (500 if error == "InternalServerError" else 400)
    assert ("retry-after" in http["HTTPHeaders"]) == (error == "ThrottlingException")


def test_what_is_refused_changes_nothing(clients: Clients, known: dict[str, Any]) -> None:
    described = clients.good.describe_collection(CollectionId="guests")
    assert described["FaceCount"] == 1 + MOST_FACES_OF_A_USER
    assert described["UserCount"] == 2
    [ann] = clients.good.list_faces(CollectionId="guests", FaceIds=known["FaceIds"])["Faces"]
    assert "UserId" not in ann


def test_the_reasons_are_about_errors_that_are_documented() -> None:
    known = {
        (shape.name, operation)
        for operation in OPERATIONS
        for shape in MODEL.operation_model(operation).error_shapes
    }
    everywhere = {(name, EVERY) for name, _ in known}
    assert NEVER.keys() <= known | everywhere


def test_the_credentials_are_in_no_answer(clients: Clients) -> None:
    with pytest.raises(clients.good.exceptions.ClientError) as raised:
        clients.good.describe_collection(CollectionId="nowhere")
    assert CREDENTIALS.secret not in str(raised.value.response)
