"""What an operation has at hand, and what several of them do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from facesort.core.collections.protocol import FaceCollections
from facesort.core.collections.records import Once
from facesort.engine.analysis.finder import FoundFaces
from facesort.serve.rekognition.buckets import read_object
from facesort.serve.rekognition.errors import invalid
from facesort.serve.rekognition.pagination import Pages
from facesort.serve.rekognition.parameters import Parameters
from facesort.serve.service import Service

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Context:
    """One request.

    Parameters
    ----------
    region : str
        That the client signed for; only shown in the names of collections.
    operation : str
    parameters : Parameters
        Checked.
    """

    service: Service
    pages: Pages
    region: str
    operation: str
    parameters: Parameters

    @property
    def collections(self) -> FaceCollections:
        """The store."""
        return self.service.collections

    @property
    def collection_id(self) -> str:
        """Of the request."""
        return str(self.parameters["CollectionId"])

    def get(self, name: str, default: Any = None) -> Any:
        """A parameter, or what counts without it."""
        return self.parameters.get(name, default)

    def find_faces(self, name: str) -> FoundFaces:
        """Faces of the image in a parameter."""
        image: Mapping[str, Any] = self.parameters[name]
        if "Bytes" in image:
            if "S3Object" in image:
                raise invalid(f"{name} must have Bytes or an S3Object, not both")
            return self.service.finder.find(image["Bytes"])
        if "S3Object" in image:
            at, buckets = f"{name}.S3Object", self.service.options.buckets
            return self.service.finder.find(read_object(buckets, image["S3Object"], at))
        raise invalid(f"{name} has neither Bytes nor an S3Object")

    def once(self) -> Once | None:
        """What makes the request count once, if the client wants that."""
        token = self.get("ClientRequestToken")
        if token is None:
            return None
        said = repr((self.operation, sorted(self.parameters.items())))
        return Once(token, sha256(said.encode()).hexdigest())

    def listed(
        self,
        find: Callable[[str, int], list[Any]],
        key: Callable[[Any], str],
        *,
        most: int,
        asked: Sequence[object] = (),
    ) -> tuple[list[Any], Answer]:
        """One page, and the member that tells of the next."""
        limit = min(self.get("MaxResults") or most, most)
        what = (self.operation, self.get("CollectionId"), *asked)
        found, token = self.pages.page(what, self.get("NextToken"), limit, find, key)
        return found, {} if token is None else {"NextToken": token}
