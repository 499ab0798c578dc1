"""StartFaceSearch and GetFaceSearch through real boto3: a clip of a bucket, searched in a job."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aws_shapes import compare_answers
from drawn_clips import FACE_PX, Actor, every, stage, write_clip
from drawn_service import Live, drawn, rekognition_at

CLIP = "evening/dance.mp4"
ANN, BOB, STRANGER = 1, 2, 7


def walking(start: int, speed: float) -> Callable[[int], tuple[int, int]]:
    return lambda ms: (start + int(speed * ms), 60)


@pytest.fixture(scope="module")
def videos(live: Live) -> Path:
    """The folder of the bucket *clips*: Ann from 0 to 2 s and again at the end, Bob from 1 s, a stranger throughout."""
    folder = live.service.options.buckets["clips"]
    actors = [
        Actor(ANN, 0, 2000, walking(20, 0.02)),
        Actor(BOB, 1000, 4000, walking(250, 0.02)),
        Actor(STRANGER, 0, 4000, lambda _: (500, 60)),
    ]
    write_clip(folder / CLIP, stage(actors, every(40, 4000)))
    write_clip(folder / "short.mp4", stage([Actor(ANN, 0, 400)], every(40, 400)))
    damaged = bytearray((folder / CLIP).read_bytes())
    damaged[len(damaged) // 3 : len(damaged) // 3 + 2000] = bytes(2000)
    (folder / "damaged.mp4").write_bytes(damaged)
    (folder / "text.mp4").write_bytes(b"no video, whatever its name says")
    (folder / "photo.mp4").write_bytes(drawn(ANN))
    (folder / ".hidden.mp4").write_bytes((folder / "short.mp4").read_bytes())
    (folder / "link.mp4").symlink_to(folder / "short.mp4")
    return folder


@pytest.fixture(scope="module")
def aws(live: Live) -> Any:
    """A client whose answers are all compared with the model."""
    client = rekognition_at(live.url)
    compare_answers(client)
    return client


@pytest.fixture
def guests(aws: Any) -> Iterator[str]:
    """A collection with the faces *ann* and *bob*."""
    yield (name := invite(aws))
    if name in aws.list_collections()["CollectionIds"]:
        aws.delete_collection(CollectionId=name)


@pytest.fixture(scope="module")
def party(aws: Any, videos: Path) -> str:
    """A job that is done: the guests in the long clip."""
    job_id = start(aws, invite(aws), JobTag="party/1")
    ended(aws, job_id)
    return job_id


def invite(aws: Any) -> str:
    name = f"guests-{uuid4()}"
    aws.create_collection(CollectionId=name)
    for who, identity in (("ann", ANN), ("bob", BOB)):
        image = {"Bytes": drawn(identity)}
        aws.index_faces(CollectionId=name, Image=image, ExternalImageId=who, QualityFilter="NONE")
    return name


def stored(name: str = CLIP, bucket: str = "clips") -> dict[str, Any]:
    return {"S3Object": {"Bucket": bucket, "Name": name}}


def start(aws: Any, collection: str, name: str = CLIP, **more: Any) -> str:
    return str(aws.start_face_search(CollectionId=collection, Video=stored(name), **more)["JobId"])


def ended(aws: Any, job_id: str, **more: Any) -> dict[str, Any]:
    """The answer of a job that is over."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        answer: dict[str, Any] = aws.get_face_search(JobId=job_id, **more)
        if answer["JobStatus"] != "IN_PROGRESS":
            return answer
        assert "Persons" not in answer
        time.sleep(0.05)
    raise AssertionError("the job does not end")


def names(person: dict[str, Any]) -> list[str]:
    return [match["Face"]["ExternalImageId"] for match in person.get("FaceMatches", ())]


def test_who_is_in_a_video_and_when(aws: Any, party: str) -> None:
    answer = aws.get_face_search(JobId=party)

    assert answer["JobStatus"] == "SUCCEEDED" and "StatusMessage" not in answer
    assert (answer["JobTag"], answer["Video"]) == ("party/1", stored())
    metadata = answer["VideoMetadata"]
    assert (metadata["FrameWidth"], metadata["FrameHeight"]) == (640, 240)
    assert (metadata["Codec"], metadata["DurationMillis"]) == ("h264", 4000)
    seen: dict[str, list[int]] = {}
    for person in answer["Persons"]:
        seen.setdefault(",".join(names(person)), []).append(person["Timestamp"])
    assert seen == {
        "ann": list(range(0, 2000, 200)),
        "bob": list(range(1000, 4000, 200)),
        "": list(range(0, 4000, 200)),
    }
    for person in answer["Persons"]:
        box = person["Person"]["Face"]["BoundingBox"]
        assert person["Person"]["BoundingBox"] == box
        assert box["Width"] * 640 == pytest.approx(FACE_PX, abs=12)
        assert all(match["Similarity"] > 99 for match in person.get("FaceMatches", ()))
    assert len({p["Person"]["Index"] for p in answer["Persons"]}) == 3


def test_the_best_moment_has_all_of_the_face(aws: Any, party: str) -> None:
    answer = aws.get_face_search(JobId=party)

    by_index: dict[int, list[dict[str, Any]]] = {}
    for person in answer["Persons"]:
        by_index.setdefault(person["Person"]["Index"], []).append(person["Person"]["Face"])
    for faces in by_index.values():
        [best] = [face for face in faces if "Landmarks" in face]
        assert best["Confidence"] > 50 and 0 < best["Quality"]["Brightness"] < 100


@pytest.mark.parametrize("sort_by", ["TIMESTAMP", "INDEX"])
def test_entries_are_sorted_and_come_in_pages(aws: Any, party: str, sort_by: str) -> None:
    whole = aws.get_face_search(JobId=party, SortBy=sort_by)["Persons"]

    paged, token = [], {}
    while True:
        page = aws.get_face_search(JobId=party, SortBy=sort_by, MaxResults=7, **token)
        paged += page["Persons"]
        if "NextToken" not in page:
            break
        assert len(page["Persons"]) == 7
        token = {"NextToken": page["NextToken"]}
    assert paged == whole
    keys = [(p["Timestamp"], p["Person"]["Index"]) for p in whole]
    assert keys == sorted(keys, key=lambda key: key[::-1] if sort_by == "INDEX" else key)
    with pytest.raises(aws.exceptions.InvalidPaginationTokenException):
        other = "INDEX" if sort_by == "TIMESTAMP" else "TIMESTAMP"
        aws.get_face_search(JobId=party, SortBy=other, **token)


def test_a_threshold_counts(aws: Any, guests: str, videos: Path) -> None:
    answer = ended(aws, start(aws, guests, "short.mp4", FaceMatchThreshold=0.0))
    assert {tuple(names(person)) for person in answer["Persons"]} == {("ann", "bob")}


def test_a_request_that_is_sent_twice_is_one_job(aws: Any, guests: str, videos: Path) -> None:
    first = start(aws, guests, ClientRequestToken="once")
    assert start(aws, guests, ClientRequestToken="once") == first
    with pytest.raises(aws.exceptions.IdempotentParameterMismatchException):
        start(aws, guests, "short.mp4", ClientRequestToken="once")
    assert start(aws, guests) != first


def test_what_is_deleted_is_in_no_result(aws: Any, guests: str, videos: Path) -> None:
    job_id = start(aws, guests, "short.mp4")
    [person, _] = ended(aws, job_id)["Persons"]
    [match] = person["FaceMatches"]

    aws.delete_faces(CollectionId=guests, FaceIds=[match["Face"]["FaceId"]])
    persons = aws.get_face_search(JobId=job_id)["Persons"]
    assert len(persons) == 2 and not any("FaceMatches" in person for person in persons)

    aws.delete_collection(CollectionId=guests)
    with pytest.raises(aws.exceptions.ResourceNotFoundException):
        aws.get_face_search(JobId=job_id)
    aws.create_collection(CollectionId=guests)
    with pytest.raises(aws.exceptions.ResourceNotFoundException):
        aws.get_face_search(JobId=job_id)


def test_what_is_wrong_with_a_video_is_told(aws: Any, guests: str, videos: Path) -> None:
    answer = ended(aws, start(aws, guests, "damaged.mp4"))
    assert answer["JobStatus"] == "SUCCEEDED" and answer["Persons"]
    assert "the decoder complained" in answer["StatusMessage"]


@pytest.mark.parametrize("name", ["text.mp4", "photo.mp4"])
def test_a_file_that_is_no_video_fails_with_a_sentence(
    aws: Any, guests: str, videos: Path, name: str
) -> None:
    answer = ended(aws, start(aws, guests, name))
    assert answer["JobStatus"] == "FAILED"
    assert answer["StatusMessage"].startswith("the video cannot be used: ")
    assert str(videos) not in answer["StatusMessage"]
    assert "Persons" not in answer and "VideoMetadata" not in answer


@pytest.mark.parametrize(
    "video",
    [
        stored("nothing.mp4"),
        stored(bucket="elsewhere"),
        stored("../videos/short.mp4"),
        stored("evening/../short.mp4"),
        stored("/short.mp4"),
        stored("evening"),
        stored(".hidden.mp4"),
        stored("link.mp4"),
        stored("short.mp4\0"),
        stored("evening\\dance.mp4"),
        stored("x" * 1000),
        {"S3Object": {"Bucket": "clips", "Name": "short.mp4", "Version": "1"}},
        {"S3Object": {"Bucket": "clips"}},
        {"S3Object": {"Name": "short.mp4"}},
        {},
    ],
)
def test_what_is_no_object_of_a_bucket(
    aws: Any, guests: str, videos: Path, video: dict[str, Any]
) -> None:
    with pytest.raises(aws.exceptions.InvalidS3ObjectException) as raised:
        aws.start_face_search(CollectionId=guests, Video=video)
    assert str(videos) not in str(raised.value.response)


def test_an_image_may_be_an_object_too(aws: Any, guests: str, videos: Path) -> None:
    photo = stored("photo.mp4")
    assert len(aws.detect_faces(Image=photo)["FaceDetails"]) == 1
    [match] = aws.search_faces_by_image(CollectionId=guests, Image=photo)["FaceMatches"]
    assert match["Face"]["ExternalImageId"] == "ann"
    with (videos / "large.jpg").open("wb") as large:
        large.truncate(15_728_641)
    with pytest.raises(aws.exceptions.ImageTooLargeException):
        aws.detect_faces(Image=stored("large.jpg"))
    with pytest.raises(aws.exceptions.InvalidImageFormatException):
        aws.detect_faces(Image=stored("text.mp4"))


def test_nobody_waits_for_a_notification_that_never_comes(aws: Any, guests: str) -> None:
    channel = {
        "SNSTopicArn": f"arn:aws:sns:us-east-1:{'1' * 12}:x",
        "RoleArn": f"arn:aws:iam::{'1' * 12}:role/x",
    }
    with pytest.raises(aws.exceptions.InvalidParameterException, match="NotificationChannel"):
        start(aws, guests, NotificationChannel=channel)
