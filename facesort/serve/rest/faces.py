"""Detect and embed the faces of an image, index them, and search with the largest."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from facesort.core.collections.similarity import AT_LOOSE
from facesort.core.faces.face_details import QualityFilter
from facesort.engine.collections.indexing import (
    MOST_INDEXED,
    DescribedFace,
    described,
    index,
    sifted,
)
from facesort.errors import ImageError
from facesort.reasons import Reason
from facesort.serve.access.errors import refusals
from facesort.serve.rest import models
from facesort.serve.rest.images import IMAGE_BODY, image_of
from facesort.serve.service import Service
from facesort.serve.watch import note

_MOST_MATCHES = 4096

Image = Annotated[bytes, Depends(image_of)]
CollectionId = Annotated[str, Path(pattern=models.COLLECTION_ID, max_length=255)]
Quality = Annotated[
    QualityFilter, Query(description="Leave out faces that are poorer; AUTO is LOW.")
]


def router(service: Service) -> APIRouter:
    """Routes that take an image."""
    routes = APIRouter(tags=["faces"])

    def faces_of(image: bytes) -> list[DescribedFace]:
        return described(service.finder.find(image))

    @routes.post("/detect", openapi_extra=IMAGE_BODY)
    @routes.post("/api/v1/detect-faces", openapi_extra=IMAGE_BODY)
    def detect_faces(image: Image) -> models.DetectedFaces:
        """Find the faces of an image."""
        found = faces_of(image)
        return models.DetectedFaces(faces=[models.DetectedFace.of(face.detail) for face in found])

    @routes.post("/extract-embedding", openapi_extra=IMAGE_BODY)
    def extract_embedding(image: Image) -> models.EmbeddedFaces:
        """Find the faces of an image, and embed them."""
        return models.EmbeddedFaces(
            pack=service.pack.pack_id,
            dimension=service.finder.dim,
            faces=[
                models.EmbeddedFace(
                    face=models.DetectedFace.of(face.detail), embedding=face.embedding.tolist()
                )
                for face in faces_of(image)
            ],
        )

    @routes.post(
        "/api/v1/collections/{collection_id}/index-faces",
        openapi_extra=IMAGE_BODY,
        responses=refusals(404, 409),
    )
    def index_faces(
        collection_id: CollectionId,
        image: Image,
        quality_filter: Quality = QualityFilter.AUTO,
        max_faces: Annotated[int, Query(ge=1, le=MOST_INDEXED)] = MOST_INDEXED,
        external_image_id: Annotated[
            str | None, Query(pattern=r"^[a-zA-Z0-9_.\-:]+$", max_length=255)
        ] = None,
    ) -> models.Indexed:
        """Add the faces of an image to a collection, the largest first."""
        note(collection=collection_id)
        service.comparable(collection_id)
        good, left_out = sifted(faces_of(image), quality_filter, max_faces)
        indexed = index(
            service.collections,
            collection_id,
            good,
            pack_id=service.pack.pack_id,
            external_image_id=external_image_id,
        )
        note(indexed=len(indexed))
        return models.Indexed(
            indexed=[
                models.NewFace(
                    stored=models.StoredFace.of(face), detected=models.DetectedFace.of(of.detail)
                )
                for face, of in zip(indexed, good, strict=True)
            ],
            left_out=[
                models.FaceLeftOut(
                    face=models.DetectedFace.of(left.face.detail), reasons=list(left.reasons)
                )
                for left in left_out
            ],
        )

    @routes.post(
        "/api/v1/collections/{collection_id}/search-faces",
        openapi_extra=IMAGE_BODY,
        responses=refusals(404, 409),
    )
    def search_faces(
        collection_id: CollectionId,
        image: Image,
        similarity: Annotated[float, Query(ge=0, le=100, description="At least this.")] = AT_LOOSE,
        max_faces: Annotated[int, Query(ge=1, le=_MOST_MATCHES)] = 80,
        quality_filter: Quality = QualityFilter.NONE,
    ) -> models.Searched:
        """Find the faces of a collection that look like the largest one of an image; nothing is kept."""
        note(collection=collection_id)
        collection = service.comparable(collection_id)
        scale = collection.scale
        face = _largest(faces_of(image), quality_filter)
        found = service.collections.nearest_faces(
            collection_id, face.embedding, within=scale.distance(similarity), limit=max_faces
        )
        note(searched=collection.faces)
        return models.Searched(
            searched=models.DetectedFace.of(face.detail),
            matches=[
                models.FaceMatch(
                    similarity=float(scale.similarity(match.distance)),
                    distance=match.distance,
                    face=models.StoredFace.of(match.found),
                )
                for match in found
            ],
        )

    return routes


def _largest(faces: list[DescribedFace], level: QualityFilter) -> DescribedFace:
    good, left_out = sifted(faces, level)
    if not good:
        why = f": {level} leaves out all of them" if left_out else ""
        raise ImageError(Reason.NO_FACE, f"no face was found that can be searched{why}")
    return good[0]
