"""One door for all operations: ``POST /`` with the operation's name in a header, and JSON in and out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from facesort.errors import FacesortError
from facesort.serve.access.refusal import RefusedRequest
from facesort.serve.access.signatures import Signatures
from facesort.serve.rekognition import collections, faces, images, users, videos
from facesort.serve.rekognition.context import Answer, Context
from facesort.serve.rekognition.errors import (
    INTERNAL,
    THROTTLED,
    refusal_of,
)
from facesort.serve.rekognition.pagination import Pages
from facesort.serve.rekognition.parameters import check, parse
from facesort.serve.service import RETRY_S, Service
from facesort.serve.watch import note

CONTENT_TYPE = "application/x-amz-json-1.1"
_TARGET = "RekognitionService."

OPERATIONS: Mapping[str, Callable[[Context], Answer]] = {
    "CreateCollection": collections.create_collection,
    "DescribeCollection": collections.describe_collection,
    "DeleteCollection": collections.delete_collection,
    "ListCollections": collections.list_collections,
    "IndexFaces": faces.index_faces,
    "ListFaces": faces.list_faces,
    "DeleteFaces": faces.delete_faces,
    "SearchFaces": faces.search_faces,
    "SearchFacesByImage": faces.search_faces_by_image,
    "DetectFaces": images.detect_faces,
    "CompareFaces": images.compare_faces,
    "CreateUser": users.create_user,
    "DeleteUser": users.delete_user,
    "ListUsers": users.list_users,
    "AssociateFaces": users.associate_faces,
    "DisassociateFaces": users.disassociate_faces,
    "SearchUsers": users.search_users,
    "SearchUsersByImage": images.search_users_by_image,
    "StartFaceSearch": videos.start_face_search,
    "GetFaceSearch": videos.get_face_search,
}


class Endpoint:
    """Answers requests of Rekognition's clients."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._signatures = Signatures(service.credentials)
        self._pages = Pages(service.credentials.secret)

    def answer(
        self, headers: Sequence[tuple[str, str]], body: bytes
    ) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and further headers of the answer to a request.

        Parameters
        ----------
        headers : sequence of (str, str)
            Names in lower case.
        """
        try:
            return 200, _encoded(self._carried_out(headers, body)), {}
        except RefusedRequest as refused:
            refusal = refused
        except FacesortError as error:
            refusal = refusal_of(error)
        note(error=refusal.error)
        status = 500 if refusal.error == INTERNAL else 400
        more = {"Retry-After": str(RETRY_S)} if refusal.error == THROTTLED else {}
        return status, _encoded({"__type": refusal.error, "message": refusal.sentence}), more

    def _carried_out(self, headers: Sequence[tuple[str, str]], body: bytes) -> Answer:
        targets = [value for name, value in headers if name == "x-amz-target"]
        name = targets[0].removeprefix(_TARGET) if targets else ""
        note(operation=name if name in OPERATIONS else "UnknownOperation")
        region = self._signatures.check(headers, body)
        note(who=self._service.credentials.access_key_id)
        if name not in OPERATIONS or targets[0] == name:
            raise RefusedRequest(
                "UnknownOperationException",
                f"this service answers {', '.join(OPERATIONS)}, and nothing else",
            )
        parameters = check(name, parse(body))
        note(collection=parameters.get("CollectionId", ""))
        return OPERATIONS[name](Context(self._service, self._pages, region, name, parameters))


def _encoded(answer: Answer) -> bytes:
    return json.dumps(answer, allow_nan=False).encode()
