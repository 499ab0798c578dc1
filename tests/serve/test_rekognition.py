"""The API of Amazon Rekognition through real boto3; every answer is compared with botocore's own model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from aws_shapes import compare_answers
from drawn_service import Live, drawn, rekognition_at

from facesort.clock import utc_now
from facesort.core.collections.records import Collection
from facesort.serve.rekognition.protocol import OPERATIONS

UNKNOWN_FACE = "00000000-0000-4000-8000-000000000000"


OF_VIDEOS = {"StartFaceSearch", "GetFaceSearch"}  # see test_videos.py


@pytest.fixture(scope="module")
def aws(live: Live) -> Any:
    """A client whose answers are all compared with the model."""
    client = rekognition_at(live.url)
    client.answered = compare_answers(client)
    return client


@pytest.fixture
def guests(aws: Any) -> Iterator[str]:
    """An empty collection."""
    name = f"guests-{uuid4()}"
    aws.create_collection(CollectionId=name)
    yield name
    aws.delete_collection(CollectionId=name)


def index(aws: Any, collection: str, *people: int, **more: Any) -> list[str]:
    """Ids of the faces of a drawn photo, in the order in which they stand in it."""
    records = aws.index_faces(
        CollectionId=collection, Image={"Bytes": drawn(*people)}, QualityFilter="NONE", **more
    )["FaceRecords"]
    faces = sorted((r["Face"] for r in records), key=lambda f: f["BoundingBox"]["Left"])
    return [face["FaceId"] for face in faces]


# Collections


def test_a_collection_is_made_described_and_deleted(aws: Any) -> None:
    made = aws.create_collection(CollectionId="wedding-1")
    assert made["StatusCode"] == 200
    assert made["CollectionArn"].endswith(":collection/wedding-1")
    described = aws.describe_collection(CollectionId="wedding-1")
    assert (described["FaceCount"], described["UserCount"]) == (0, 0)
    assert described["FaceModelVersion"] == made["FaceModelVersion"]
    assert described["CollectionARN"] == made["CollectionArn"]
    with pytest.raises(aws.exceptions.ResourceAlreadyExistsException):
        aws.create_collection(CollectionId="wedding-1")
    assert aws.delete_collection(CollectionId="wedding-1")["StatusCode"] == 200
    for call in (aws.describe_collection, aws.delete_collection):
        with pytest.raises(aws.exceptions.ResourceNotFoundException):
            call(CollectionId="wedding-1")


def test_collections_are_listed_in_pages(aws: Any) -> None:
    names = [f"many-{number}-{'x' * 240}" for number in range(3)] + ["many-a", "many-b"]
    for name in names:
        aws.create_collection(CollectionId=name)
    pages = list(aws.get_paginator("list_collections").paginate(PaginationConfig={"PageSize": 2}))
    listed = [name for page in pages for name in page["CollectionIds"] if name in names]
    assert listed == sorted(names)
    assert all(len(page["CollectionIds"]) <= 2 for page in pages)
    assert all(len(p["FaceModelVersions"]) == len(p["CollectionIds"]) for p in pages)
    for name in names:
        aws.delete_collection(CollectionId=name)


# Faces


def test_faces_are_indexed_and_listed(aws: Any, guests: str) -> None:
    answer = aws.index_faces(
        CollectionId=guests,
        Image={"Bytes": drawn(1, 2)},
        ExternalImageId="IMG_0001.jpg",
        DetectionAttributes=["ALL"],
        QualityFilter="NONE",
    )
    assert answer["UnindexedFaces"] == []
    for record in answer["FaceRecords"]:
        assert record["Face"]["BoundingBox"] == record["FaceDetail"]["BoundingBox"]
        assert {mark["Type"] for mark in record["FaceDetail"]["Landmarks"]} >= {
            "eyeLeft",
            "eyeRight",
            "nose",
        }
        assert not {"AgeRange", "Gender", "Emotions", "Smile"} & record["FaceDetail"].keys()
    indexed = {record["Face"]["FaceId"]: record["Face"] for record in answer["FaceRecords"]}
    listed = aws.list_faces(CollectionId=guests)["Faces"]
    assert {face["FaceId"]: face for face in listed} == indexed
    assert {face["ExternalImageId"] for face in listed} == {"IMG_0001.jpg"}
    assert len({face["ImageId"] for face in listed}) == 1
    assert aws.describe_collection(CollectionId=guests)["FaceCount"] == 2


def test_a_box_is_where_the_face_is(aws: Any) -> None:
    (detail,) = aws.detect_faces(Image={"Bytes": drawn(1)})["FaceDetails"]
    box = detail["BoundingBox"]
    assert np.allclose(
        [box["Left"], box["Top"], box["Width"], box["Height"]],
        [20 / 640, 60 / 240, 96 / 640, 96 / 240],
        atol=0.02,
    )


def test_no_more_faces_are_indexed_than_asked_for(aws: Any, guests: str) -> None:
    answer = aws.index_faces(
        CollectionId=guests, Image={"Bytes": drawn(1, 2, 3)}, MaxFaces=1, QualityFilter="NONE"
    )
    assert len(answer["FaceRecords"]) == 1
    assert [face["Reasons"] for face in answer["UnindexedFaces"]] == [["EXCEEDS_MAX_FACES"]] * 2
    assert aws.describe_collection(CollectionId=guests)["FaceCount"] == 1


def test_an_image_without_a_face_indexes_none(aws: Any, guests: str) -> None:
    answer = aws.index_faces(CollectionId=guests, Image={"Bytes": drawn()})
    assert (answer["FaceRecords"], answer["UnindexedFaces"]) == ([], [])


def test_faces_are_listed_in_pages_by_id_and_by_user(aws: Any, guests: str) -> None:
    ids = index(aws, guests, 1, 2, 3, 4, 5)
    pages = aws.get_paginator("list_faces").paginate(
        CollectionId=guests, PaginationConfig={"PageSize": 2}
    )
    assert [face["FaceId"] for page in pages for face in page["Faces"]] == sorted(ids)
    some = aws.list_faces(CollectionId=guests, FaceIds=[ids[0], UNKNOWN_FACE])["Faces"]
    assert [face["FaceId"] for face in some] == [ids[0]]
    aws.create_user(CollectionId=guests, UserId="ann")
    aws.associate_faces(CollectionId=guests, UserId="ann", FaceIds=[ids[1]])
    (of_ann,) = aws.list_faces(CollectionId=guests, UserId="ann")["Faces"]
    assert (of_ann["FaceId"], of_ann["UserId"]) == (ids[1], "ann")


def test_a_token_is_good_for_its_list_only(aws: Any, guests: str) -> None:
    index(aws, guests, 1, 2, 3)
    token = aws.list_faces(CollectionId=guests, MaxResults=1)["NextToken"]
    assert len(token) <= 255
    invalid = aws.exceptions.InvalidPaginationTokenException
    for wrong in (token[:-2], token[::-1], "no token", ""):
        with pytest.raises(invalid):
            aws.list_faces(CollectionId=guests, NextToken=wrong)
    with pytest.raises(invalid):
        aws.list_users(CollectionId=guests, NextToken=token)
    with pytest.raises(invalid):
        aws.list_collections(NextToken=token)


def test_deleted_faces_are_gone(aws: Any, guests: str) -> None:
    ids = index(aws, guests, 1, 2)
    answer = aws.delete_faces(CollectionId=guests, FaceIds=[ids[0], UNKNOWN_FACE])
    assert answer["DeletedFaces"] == [ids[0]]
    assert answer["UnsuccessfulFaceDeletions"] == [
        {"FaceId": UNKNOWN_FACE, "Reasons": ["FACE_NOT_FOUND"]}
    ]
    assert "DeletedFaces" not in aws.delete_faces(CollectionId=guests, FaceIds=[ids[0]])
    with pytest.raises(aws.exceptions.InvalidParameterException):
        aws.search_faces(CollectionId=guests, FaceId=ids[0])


def test_a_face_of_a_user_is_not_deleted(aws: Any, guests: str) -> None:
    (face,) = index(aws, guests, 1)
    aws.create_user(CollectionId=guests, UserId="ann")
    aws.associate_faces(CollectionId=guests, UserId="ann", FaceIds=[face])
    answer = aws.delete_faces(CollectionId=guests, FaceIds=[face])
    assert answer["UnsuccessfulFaceDeletions"] == [
        {"FaceId": face, "UserId": "ann", "Reasons": ["ASSOCIATED_TO_AN_EXISTING_USER"]}
    ]
    assert aws.describe_collection(CollectionId=guests)["FaceCount"] == 1


# Search


def test_the_same_person_is_found_and_nobody_else(aws: Any, guests: str) -> None:
    first = index(aws, guests, 1, 2, 3)
    second = index(aws, guests, 1)
    found = aws.search_faces(CollectionId=guests, FaceId=first[0])
    assert found["SearchedFaceId"] == first[0]
    (match,) = found["FaceMatches"]
    assert match["Face"]["FaceId"] == second[0]
    assert match["Similarity"] > 99
    by_image = aws.search_faces_by_image(CollectionId=guests, Image={"Bytes": drawn(1)})
    assert {m["Face"]["FaceId"] for m in by_image["FaceMatches"]} == {first[0], second[0]}
    ranked = [m["Similarity"] for m in by_image["FaceMatches"]]
    assert ranked == sorted(ranked, reverse=True)


def test_a_threshold_of_nothing_finds_everybody(aws: Any, guests: str) -> None:
    ids = index(aws, guests, 1, 2, 3, 4)
    search = {"CollectionId": guests, "FaceId": ids[0], "FaceMatchThreshold": 0.0}
    assert len(aws.search_faces(**search)["FaceMatches"]) == 3
    assert len(aws.search_faces(**search, MaxFaces=2)["FaceMatches"]) == 2


def test_an_image_without_a_face_cannot_be_searched(aws: Any, guests: str) -> None:
    for call in (aws.search_faces_by_image, aws.search_users_by_image):
        with pytest.raises(aws.exceptions.InvalidParameterException, match="no face"):
            call(CollectionId=guests, Image={"Bytes": drawn()})


def test_two_images_are_compared(aws: Any) -> None:
    answer = aws.compare_faces(
        SourceImage={"Bytes": drawn(1)}, TargetImage={"Bytes": drawn(2, 1, 3)}
    )
    assert [match["Similarity"] > 99 for match in answer["FaceMatches"]] == [True]
    assert len(answer["UnmatchedFaces"]) == 2
    assert answer["SourceImageFace"]["Confidence"] > 0
    nobody = aws.compare_faces(SourceImage={"Bytes": drawn(1)}, TargetImage={"Bytes": drawn()})
    assert (nobody["FaceMatches"], nobody["UnmatchedFaces"]) == ([], [])


# Users


def test_a_user_is_found_by_their_faces(aws: Any, guests: str) -> None:
    first, second = index(aws, guests, 1, 2), index(aws, guests, 1)
    for name in ("ann", "bob", "cy"):
        aws.create_user(CollectionId=guests, UserId=name)
    given = aws.associate_faces(
        CollectionId=guests, UserId="ann", FaceIds=[first[0], second[0], UNKNOWN_FACE]
    )
    assert {face["FaceId"] for face in given["AssociatedFaces"]} == {first[0], second[0]}
    assert given["UnsuccessfulFaceAssociations"] == [
        {"FaceId": UNKNOWN_FACE, "Reasons": ["FACE_NOT_FOUND"]}
    ]
    assert given["UserStatus"] == "ACTIVE"
    aws.associate_faces(CollectionId=guests, UserId="bob", FaceIds=[first[1]])
    pages = aws.get_paginator("list_users").paginate(
        CollectionId=guests, PaginationConfig={"PageSize": 1}
    )
    assert [(u["UserId"], u["UserStatus"]) for page in pages for u in page["Users"]] == [
        ("ann", "ACTIVE"),
        ("bob", "ACTIVE"),
        ("cy", "CREATED"),
    ]
    by_image = aws.search_users_by_image(CollectionId=guests, Image={"Bytes": drawn(1, 2)})
    assert len(by_image["UserMatches"]) == 1
    assert [face["Reasons"] for face in by_image["UnsearchedFaces"]] == [["FACE_NOT_LARGEST"]]
    by_face = aws.search_users(CollectionId=guests, FaceId=second[0])
    assert [match["User"]["UserId"] for match in by_face["UserMatches"]] == ["ann"]
    assert by_face["SearchedFace"] == {"FaceId": second[0]}
    others = aws.search_users(CollectionId=guests, UserId="ann", UserMatchThreshold=0.0)
    assert [match["User"]["UserId"] for match in others["UserMatches"]] == ["bob"]


def test_a_face_belongs_to_one_user_and_can_be_taken_back(aws: Any, guests: str) -> None:
    (face,) = index(aws, guests, 1)
    for name in ("ann", "bob"):
        aws.create_user(CollectionId=guests, UserId=name)
    aws.associate_faces(CollectionId=guests, UserId="ann", FaceIds=[face])
    refused = aws.associate_faces(CollectionId=guests, UserId="bob", FaceIds=[face])
    assert refused["AssociatedFaces"] == []
    assert refused["UnsuccessfulFaceAssociations"] == [
        {"FaceId": face, "UserId": "ann", "Reasons": ["ASSOCIATED_TO_A_DIFFERENT_USER"]}
    ]
    wrong = aws.disassociate_faces(CollectionId=guests, UserId="bob", FaceIds=[face])
    assert wrong["UnsuccessfulFaceDisassociations"][0]["UserId"] == "ann"
    taken = aws.disassociate_faces(CollectionId=guests, UserId="ann", FaceIds=[face])
    assert taken["DisassociatedFaces"] == [{"FaceId": face}]
    assert taken["UserStatus"] == "CREATED"


def test_a_face_of_somebody_else_is_not_associated(aws: Any, guests: str) -> None:
    ann, other = index(aws, guests, 1, 2)
    aws.create_user(CollectionId=guests, UserId="ann")
    aws.associate_faces(CollectionId=guests, UserId="ann", FaceIds=[ann])
    answer = aws.associate_faces(CollectionId=guests, UserId="ann", FaceIds=[other])
    assert answer["UnsuccessfulFaceAssociations"][0]["Reasons"] == ["LOW_MATCH_CONFIDENCE"]


def test_a_user_is_made_and_deleted_once(aws: Any, guests: str) -> None:
    who = {"CollectionId": guests, "UserId": "ann"}
    aws.create_user(**who, ClientRequestToken="t-1")
    aws.create_user(**who, ClientRequestToken="t-1")
    with pytest.raises(aws.exceptions.IdempotentParameterMismatchException):
        aws.create_user(CollectionId=guests, UserId="bob", ClientRequestToken="t-1")
    with pytest.raises(aws.exceptions.ConflictException):
        aws.create_user(**who)
    aws.delete_user(**who, ClientRequestToken="t-2")
    aws.delete_user(**who, ClientRequestToken="t-2")
    with pytest.raises(aws.exceptions.ResourceNotFoundException):
        aws.delete_user(**who)


def test_every_operation_was_answered_as_the_model_has_it(aws: Any) -> None:
    assert aws.answered == OPERATIONS.keys() - OF_VIDEOS


# What is refused


@pytest.mark.parametrize(
    ("image", "error"),
    [
        ({"Bytes": b"not an image"}, "InvalidImageFormatException"),
        ({"Bytes": drawn(1)[:-2000]}, "InvalidImageFormatException"),
        ({"Bytes": bytes(5_242_881)}, "ImageTooLargeException"),
        ({"S3Object": {"Bucket": "photos", "Name": "a.jpg"}}, "InvalidS3ObjectException"),
        ({}, "InvalidParameterException"),
    ],
)
def test_an_image_that_cannot_be_used(
    aws: Any, guests: str, image: dict[str, Any], error: str
) -> None:
    for call, more in (
        (aws.detect_faces, {"Image": image}),
        (aws.index_faces, {"Image": image, "CollectionId": guests}),
        (aws.search_faces_by_image, {"Image": image, "CollectionId": guests}),
        (aws.search_users_by_image, {"Image": image, "CollectionId": guests}),
        (aws.compare_faces, {"SourceImage": image, "TargetImage": {"Bytes": drawn(1)}}),
        (aws.compare_faces, {"SourceImage": {"Bytes": drawn(1)}, "TargetImage": image}),
    ):
        with pytest.raises(getattr(aws.exceptions, error)):
            call(**more)
    assert aws.describe_collection(CollectionId=guests)["FaceCount"] == 0


def test_what_is_not_there_is_not_found(aws: Any) -> None:
    image, face, user = {"Bytes": drawn(1)}, {"FaceId": UNKNOWN_FACE}, {"UserId": "ann"}
    for operation, more in (
        ("index_faces", {"Image": image}),
        ("list_faces", {}),
        ("delete_faces", {"FaceIds": [UNKNOWN_FACE]}),
        ("search_faces", face),
        ("search_faces_by_image", {"Image": image}),
        ("create_user", user),
        ("delete_user", user),
        ("list_users", {}),
        ("associate_faces", user | {"FaceIds": [UNKNOWN_FACE]}),
        ("disassociate_faces", user | {"FaceIds": [UNKNOWN_FACE]}),
        ("search_users", face),
        ("search_users_by_image", {"Image": image}),
    ):
        with pytest.raises(aws.exceptions.ResourceNotFoundException):
            getattr(aws, operation)(CollectionId="nowhere", **more)


def test_what_breaks_a_limit_is_told_by_name(live: Live, guests: str) -> None:
    lax = rekognition_at(live.url, parameter_validation=False)
    for operation, parameters, name in (
        ("create_collection", {"CollectionId": "no spaces"}, "CollectionId"),
        ("create_collection", {"CollectionId": "x" * 256}, "CollectionId"),
        ("create_collection", {}, "CollectionId"),
        ("list_faces", {"CollectionId": guests, "MaxResults": 4097}, "MaxResults"),
        ("list_users", {"CollectionId": guests, "MaxResults": 0}, "MaxResults"),
        ("search_faces", {"CollectionId": guests, "FaceId": "x"}, "FaceId"),
        ("delete_faces", {"CollectionId": guests, "FaceIds": []}, "FaceIds"),
        ("delete_faces", {"CollectionId": guests, "FaceIds": [UNKNOWN_FACE] * 4097}, "FaceIds"),
        ("create_user", {"CollectionId": guests, "UserId": "a b"}, "UserId"),
    ):
        with pytest.raises(lax.exceptions.InvalidParameterException, match=name):
            getattr(lax, operation)(**parameters)


def test_an_operation_that_is_not_there(aws: Any) -> None:
    with pytest.raises(aws.exceptions.ClientError) as raised:
        aws.detect_labels(Image={"Bytes": drawn(1)})
    assert raised.value.response["Error"]["Code"] == "UnknownOperationException"


def test_no_answer_names_a_path(aws: Any, live: Live, guests: str) -> None:
    folder = str(live.service.options.data)
    for call in (
        lambda: aws.describe_collection(CollectionId="nowhere"),
        lambda: aws.detect_faces(Image={"Bytes": b"x"}),
    ):
        with pytest.raises(aws.exceptions.ClientError) as raised:
            call()
        assert folder not in json.dumps(raised.value.response, default=str)


def test_a_collection_of_another_model_pack_is_neither_searched_nor_filled(
    aws: Any, live: Live
) -> None:
    here, finder = live.service.scale, live.service.finder
    other = Collection("older", utc_now(), "0" * 64, finder.dim, here.strict, here.loose)
    live.service.collections.create(other)
    for call in (aws.index_faces, aws.search_faces_by_image, aws.search_users_by_image):
        with pytest.raises(aws.exceptions.InvalidParameterException, match="another model pack"):
            call(CollectionId="older", Image={"Bytes": drawn(1)})
    assert aws.describe_collection(CollectionId="older")["FaceCount"] == 0
    aws.delete_collection(CollectionId="older")
