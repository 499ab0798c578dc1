"""Operations on the faces of a collection."""

from __future__ import annotations

from facesort.core.collections.records import Collection, IndexedFace, Refusal
from facesort.core.collections.similarity import AT_LOOSE
from facesort.core.records import Embeddings
from facesort.engine.collections.indexing import MOST_INDEXED, index, sifted
from facesort.errors import MissingItemError
from facesort.serve.rekognition import shapes
from facesort.serve.rekognition.context import Answer, Context
from facesort.serve.rekognition.errors import invalid
from facesort.serve.rekognition.images import detected, largest, left_out, quality_filter
from facesort.serve.watch import note

MOST_LISTED = 1000
_MOST_MATCHES = 80


def index_faces(context: Context) -> Answer:
    """Add the faces of an image to a collection, the largest first."""
    collection = context.service.comparable(context.collection_id)
    good, unindexed = sifted(
        detected(context, "Image"),
        quality_filter(context, "AUTO"),
        min(context.get("MaxFaces", MOST_INDEXED), MOST_INDEXED),
    )
    faces = index(
        context.collections,
        collection.collection_id,
        good,
        pack_id=context.service.pack.pack_id,
        external_image_id=context.get("ExternalImageId"),
    )
    note(indexed=len(faces))
    return {
        "FaceRecords": [
            {"Face": shapes.face(face), "FaceDetail": shapes.detail(of.detail)}
            for face, of in zip(faces, good, strict=True)
        ],
        "UnindexedFaces": left_out(unindexed, "FaceDetail"),
        "FaceModelVersion": shapes.model_version(collection.pack_id),
    }


def list_faces(context: Context) -> Answer:
    """Faces of a collection, of a user, or those of some ids."""
    collection = context.collections.collection(context.collection_id)
    user_id, ids = context.get("UserId"), context.get("FaceIds")

    def find(after: str, limit: int) -> list[IndexedFace]:
        return context.collections.faces(
            context.collection_id, ids=ids, user_id=user_id, after=after, limit=limit
        )

    asked = (user_id, ids)
    found, more = context.listed(find, lambda f: str(f.face_id), most=MOST_LISTED, asked=asked)
    return {
        "Faces": [shapes.face(face) for face in found],
        "FaceModelVersion": shapes.model_version(collection.pack_id),
    } | more


def delete_faces(context: Context) -> Answer:
    """Erase faces; those of a user have to be disassociated first."""
    wanted = list(dict.fromkeys(context.parameters["FaceIds"]))
    there = context.collections.faces(context.collection_id, ids=wanted, limit=len(wanted))
    owners = {face.face_id: face.user_id for face in there}
    gone = set(
        context.collections.remove(
            context.collection_id, [key for key, owner in owners.items() if owner is None]
        )
    )
    note(deleted=len(gone))
    refused = [
        {"FaceId": key, "Reasons": [str(Refusal.FACE_NOT_FOUND)]}
        if owners.get(key) is None
        else {
            "FaceId": key,
            "UserId": owners[key],
            "Reasons": ["ASSOCIATED_TO_AN_EXISTING_USER"],
        }
        for key in wanted
        if key not in gone
    ]
    # The API's own model has no empty list here.
    deleted = {"DeletedFaces": [key for key in wanted if key in gone]} if gone else {}
    return deleted | {"UnsuccessfulFaceDeletions": refused}


def search_faces(context: Context) -> Answer:
    """Faces that look like one of the collection, without itself."""
    face_id = context.parameters["FaceId"]
    collection = context.collections.collection(context.collection_id)
    try:
        (vector,) = context.collections.embeddings(context.collection_id, [face_id])
    except MissingItemError as error:  # a collection that is not there has another name in the API
        raise invalid(str(error)) from error
    return {"SearchedFaceId": face_id} | _matching(context, collection, vector, (face_id,))


def search_faces_by_image(context: Context) -> Answer:
    """Faces that look like the largest one of an image."""
    collection = context.service.comparable(context.collection_id)
    face, _ = largest(context, "Image")
    return {
        "SearchedFaceBoundingBox": shapes.box(face.detail.box),
        "SearchedFaceConfidence": shapes.percent(face.detail.confidence),
    } | _matching(context, collection, face.embedding)


def _matching(
    context: Context, collection: Collection, vector: Embeddings, leave_out: tuple[str, ...] = ()
) -> Answer:
    scale = collection.scale
    matches = context.collections.nearest_faces(
        context.collection_id,
        vector,
        within=scale.distance(context.get("FaceMatchThreshold", AT_LOOSE)),
        limit=context.get("MaxFaces", _MOST_MATCHES),
        leave_out=leave_out,
    )
    note(searched=collection.faces)
    alike = shapes.similarities(scale, [match.distance for match in matches])
    return {
        "FaceMatches": [
            {"Similarity": similarity, "Face": shapes.face(match.found)}
            for similarity, match in zip(alike, matches, strict=True)
        ],
        "FaceModelVersion": shapes.model_version(collection.pack_id),
    }
