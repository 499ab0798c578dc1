"""Operations on collections."""

from __future__ import annotations

from datetime import UTC

from facesort.clock import utc_now
from facesort.core.collections.records import Collection
from facesort.serve.rekognition.context import Answer, Context
from facesort.serve.rekognition.errors import invalid
from facesort.serve.rekognition.shapes import arn, model_version

MOST_LISTED = 1000


def create_collection(context: Context) -> Answer:
    """Make a collection for the service's model pack, with its thresholds."""
    service = context.service
    if context.get("Tags"):
        raise invalid("this service keeps no tags: leave out Tags")
    dim = service.finder.dim
    scale = service.scale
    context.collections.create(
        Collection(
            context.collection_id, utc_now(), service.pack.pack_id, dim, scale.strict, scale.loose
        )
    )
    return {
        "StatusCode": 200,
        "CollectionArn": arn(context.region, context.collection_id),
        "FaceModelVersion": model_version(service.pack.pack_id),
    }


def describe_collection(context: Context) -> Answer:
    """What a collection holds."""
    found = context.collections.collection(context.collection_id)
    return {
        "FaceCount": found.faces,
        "UserCount": found.users,
        "FaceModelVersion": model_version(found.pack_id),
        "CollectionARN": arn(context.region, found.collection_id),
        "CreationTimestamp": found.created_at.replace(tzinfo=UTC).timestamp(),
    }


def delete_collection(context: Context) -> Answer:
    """Erase a collection, and what was found with it in videos."""
    context.collections.delete(context.collection_id)
    context.service.videos.remove_of(context.collection_id)
    return {"StatusCode": 200}


def list_collections(context: Context) -> Answer:
    """Ids of all collections, and the numbers of their model packs."""

    def find(after: str, limit: int) -> list[Collection]:
        return context.collections.collections(after=after, limit=limit)

    found, more = context.listed(find, lambda c: str(c.collection_id), most=MOST_LISTED)
    return {
        "CollectionIds": [c.collection_id for c in found],
        "FaceModelVersions": [model_version(c.pack_id) for c in found],
    } | more
