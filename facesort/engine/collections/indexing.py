"""From the faces of an image to those that are searched or indexed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

import numpy as np

from facesort.core.collections.protocol import FaceCollections
from facesort.core.collections.records import IndexedFace, NewFaces
from facesort.core.faces.face_details import FaceDetail, QualityFilter, face_detail, why_left_out
from facesort.core.records import Embeddings
from facesort.engine.analysis.finder import FoundFaces

MOST_INDEXED = 100
"""Faces of one image."""
EXCEEDS_MAX_FACES = "EXCEEDS_MAX_FACES"
"""Why a face was left out that is good enough: larger ones were enough."""


@dataclass(frozen=True, slots=True, eq=False)
class DescribedFace:
    """A face of an image.

    Parameters
    ----------
    embedding : ndarray of shape (dim,), float32
    """

    detail: FaceDetail
    embedding: Embeddings


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A face that is not used, and why: names of `Weakness`, or `EXCEEDS_MAX_FACES`."""

    face: DescribedFace
    reasons: tuple[str, ...]


def described(found: FoundFaces) -> list[DescribedFace]:
    """Faces of an image, largest first."""
    faces = [
        DescribedFace(
            face_detail(face, brightness=light, width=found.width, height=found.height),
            face.embedding,
        )
        for face, light in zip(found.faces, found.brightness, strict=True)
    ]
    return sorted(faces, key=lambda face: -face.detail.box[2] * face.detail.box[3])


def sifted(
    faces: Sequence[DescribedFace], level: QualityFilter, most: int | None = None
) -> tuple[list[DescribedFace], list[LeftOut]]:
    """Faces that pass a filter, the first `most` of them, and the others."""
    good: list[DescribedFace] = []
    left_out: list[LeftOut] = []
    for face in faces:
        reasons: tuple[str, ...] = why_left_out(face.detail, level)
        if not reasons and len(good) == most:
            reasons = (EXCEEDS_MAX_FACES,)
        if reasons:
            left_out.append(LeftOut(face, reasons))
        else:
            good.append(face)
    return good, left_out


def index(
    collections: FaceCollections,
    collection_id: str,
    faces: Sequence[DescribedFace],
    *,
    pack_id: str,
    external_image_id: str | None = None,
) -> tuple[IndexedFace, ...]:
    """Add the faces of one image to a collection: all of them, or none.

    Raises
    ------
    MissingItemError, PackMismatchError, CollectionError
        See `FaceCollections.add`.
    """
    image_id = str(uuid4())
    indexed = tuple(
        IndexedFace(
            face_id=str(uuid4()),
            image_id=image_id,
            external_image_id=external_image_id,
            box=face.detail.box,
            confidence=face.detail.confidence,
            pack_id=pack_id,
        )
        for face in faces
    )
    if indexed:
        embeddings = np.stack([face.embedding for face in faces])
        collections.add(collection_id, NewFaces(indexed, embeddings))
    return indexed
