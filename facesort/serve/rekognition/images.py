"""Operations on images alone, and how an image of a request becomes faces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facesort.core.collections.similarity import AT_LOOSE
from facesort.core.faces.face_details import QualityFilter
from facesort.core.persons.matching import centroid_distances
from facesort.engine.collections.indexing import DescribedFace, LeftOut, described, sifted
from facesort.serve.rekognition import shapes
from facesort.serve.rekognition.context import Answer, Context
from facesort.serve.rekognition.errors import invalid
from facesort.serve.rekognition.users import matching_users

_MOST_DETECTED = 100


def detected(context: Context, name: str) -> list[DescribedFace]:
    """Faces of the image in a parameter, largest first."""
    return described(context.find_faces(name))


def quality_filter(context: Context, default: str = "NONE") -> QualityFilter:
    """The request's filter."""
    return QualityFilter(context.get("QualityFilter", default))


def left_out(faces: Sequence[LeftOut], member: str) -> list[Answer]:
    """Faces that were not used, and why."""
    return [
        {member: shapes.detail(left.face.detail), "Reasons": list(left.reasons)} for left in faces
    ]


def largest(context: Context, name: str) -> tuple[DescribedFace, list[Answer]]:
    """The largest face of an image that passes the filter, and the others.

    Raises
    ------
    RefusedRequest
        If there is none, as the API has it.
    """
    found = detected(context, name)
    good, bad = sifted(found, quality_filter(context))
    if not good:
        raise invalid(
            f"there is no face in {name} that can be used"
            + (": QualityFilter leaves out all of them" if found else "")
        )
    bad += [LeftOut(face, ("FACE_NOT_LARGEST",)) for face in good[1:]]
    return good[0], left_out(bad, "FaceDetails")


def detect_faces(context: Context) -> Answer:
    """Faces of an image, largest first."""
    found = detected(context, "Image")[:_MOST_DETECTED]
    return {"FaceDetails": [shapes.detail(face.detail) for face in found]}


def compare_faces(context: Context) -> Answer:
    """Compare the largest face of one image with those of another."""
    source, _ = largest(context, "SourceImage")
    targets, _ = sifted(detected(context, "TargetImage")[:_MOST_DETECTED], quality_filter(context))
    scale = context.service.scale
    within = scale.distance(context.get("SimilarityThreshold", AT_LOOSE))
    vector = source.embedding[None]
    vectors = np.stack([face.embedding for face in targets]) if targets else vector[:0]
    distances = centroid_distances(vector, vectors)[0].tolist()
    alike = shapes.similarities(scale, distances)
    ranked = sorted(zip(distances, alike, range(len(targets)), strict=True))
    return {
        "SourceImageFace": {
            "BoundingBox": shapes.box(source.detail.box),
            "Confidence": shapes.percent(source.detail.confidence),
        },
        "FaceMatches": [
            {"Similarity": similarity, "Face": shapes.detail(targets[number].detail)}
            for distance, similarity, number in ranked
            if distance <= within
        ],
        "UnmatchedFaces": [
            shapes.detail(targets[number].detail)
            for distance, _, number in ranked
            if distance > within
        ],
    }


def search_users_by_image(context: Context) -> Answer:
    """Users who look like the largest face of an image."""
    collection = context.service.comparable(context.collection_id)
    face, others = largest(context, "Image")
    return matching_users(context, collection, face.embedding) | {
        "SearchedFace": {"FaceDetail": shapes.detail(face.detail)},
        "UnsearchedFaces": others,
    }
