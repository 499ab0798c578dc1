"""Operations on users: a user is a person, found by the mean of their faces."""

from __future__ import annotations

from collections.abc import Mapping

from facesort.core.collections.records import Collection, Refusal, User
from facesort.core.collections.similarity import AT_LOOSE
from facesort.core.records import Embeddings
from facesort.errors import MissingItemError
from facesort.serve.rekognition import shapes
from facesort.serve.rekognition.context import Answer, Context
from facesort.serve.rekognition.errors import invalid

MOST_LISTED = 500
_ASSOCIATE_PERCENT = 75.0


def create_user(context: Context) -> Answer:
    """Make a user without faces."""
    context.collections.add_user(
        context.collection_id, context.parameters["UserId"], context.once()
    )
    return {}


def delete_user(context: Context) -> Answer:
    """Erase a user; their faces stay."""
    context.collections.remove_user(
        context.collection_id, context.parameters["UserId"], context.once()
    )
    return {}


def list_users(context: Context) -> Answer:
    """Users of a collection."""

    def find(after: str, limit: int) -> list[User]:
        return context.collections.users(context.collection_id, after=after, limit=limit)

    found, more = context.listed(find, lambda user: str(user.user_id), most=MOST_LISTED)
    return {"Users": [shapes.user(user) for user in found]} | more


def associate_faces(context: Context) -> Answer:
    """Give faces to a user."""
    collection, user_id = context.collection_id, context.parameters["UserId"]
    scale = context.collections.collection(collection).scale
    within = scale.distance(context.get("UserMatchThreshold", _ASSOCIATE_PERCENT))
    became = context.collections.associate(
        collection, user_id, context.parameters["FaceIds"], within=within, once=context.once()
    )
    return {
        "AssociatedFaces": _done(became),
        "UnsuccessfulFaceAssociations": _not_done(context, became),
        "UserStatus": _status(context, user_id),
    }


def disassociate_faces(context: Context) -> Answer:
    """Take faces from a user."""
    user_id = context.parameters["UserId"]
    became = context.collections.disassociate(
        context.collection_id, user_id, context.parameters["FaceIds"], once=context.once()
    )
    return {
        "DisassociatedFaces": _done(became),
        "UnsuccessfulFaceDisassociations": _not_done(context, became),
        "UserStatus": _status(context, user_id),
    }


def _done(became: Mapping[str, Refusal | None]) -> list[Answer]:
    return [{"FaceId": face_id} for face_id, refusal in became.items() if refusal is None]


def _not_done(context: Context, became: Mapping[str, Refusal | None]) -> list[Answer]:
    """Faces that were refused, with who has them."""
    refused = {face_id: refusal for face_id, refusal in became.items() if refusal is not None}
    faces = context.collections.faces(context.collection_id, ids=list(refused), limit=len(refused))
    owners = {face.face_id: face.user_id for face in faces if face.user_id is not None}
    return [
        {"FaceId": face_id, "Reasons": [refusal.value]}
        | ({"UserId": owners[face_id]} if face_id in owners else {})
        for face_id, refusal in refused.items()
    ]


def _status(context: Context, user_id: str) -> str:
    found = context.collections.users(context.collection_id, ids=[user_id], limit=1)
    if not found:  # deleted meanwhile
        raise MissingItemError(f"there is no user {user_id!r}")
    return shapes.status(found[0])


def search_users(context: Context) -> Answer:
    """Users who look like a face or a user of the collection."""
    user_id, face_id = context.get("UserId"), context.get("FaceId")
    if (user_id is None) == (face_id is None):
        raise invalid("give either UserId or FaceId")
    collection = context.collections.collection(context.collection_id)
    if face_id is not None:
        vector = context.collections.embeddings(collection.collection_id, [face_id])[0]
        searched: Answer = {"SearchedFace": {"FaceId": face_id}}
    else:
        found = context.collections.user_vector(collection.collection_id, user_id)
        if found is None:
            raise invalid(f"user {user_id!r} has no faces to search with: associate some first")
        vector, searched = found, {"SearchedUser": {"UserId": user_id}}
    leave_out = () if user_id is None else (user_id,)
    return matching_users(context, collection, vector, leave_out) | searched


def matching_users(
    context: Context, collection: Collection, vector: Embeddings, leave_out: tuple[str, ...] = ()
) -> Answer:
    """Users near a vector, as both searches answer them."""
    scale = collection.scale
    matches = context.collections.nearest_users(
        context.collection_id,
        vector,
        within=scale.distance(context.get("UserMatchThreshold", AT_LOOSE)),
        limit=context.get("MaxUsers", MOST_LISTED),
        leave_out=leave_out,
    )
    alike = shapes.similarities(scale, [match.distance for match in matches])
    return {
        "UserMatches": [
            {"Similarity": similarity, "User": shapes.user(match.found)}
            for similarity, match in zip(alike, matches, strict=True)
        ],
        "FaceModelVersion": shapes.model_version(collection.pack_id),
    }
