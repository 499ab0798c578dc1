"""What a similarity means."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from facesort.engine.collections.similarity_table import comparisons_of_users, similarity_table
from facesort.serve.access.errors import refusals
from facesort.serve.rest import models
from facesort.serve.service import Service

_NO_PROBABILITY = (
    "A similarity is no probability: it only says where a distance lies between the thresholds in force (STRICT is 99, "
    "LOOSE is 80). "
)
_NO_COLLECTION = "How often different people are as similar (FMR) can only be counted in a collection that has users."
_NO_USERS = "FMR is not known: the collection has not two users with faces to compare."
_COUNTED = (
    "FMR is the share of comparisons of two faces of different users of this collection that are at least as similar; "
    "the more faces are searched, the more of them are found by mistake."
)


def router(service: Service) -> APIRouter:
    """The table of similarities."""
    routes = APIRouter(tags=["similarity"])

    @routes.get("/api/similarity", responses=refusals(404))
    def similarity(
        collection: Annotated[
            str | None, Query(pattern=models.COLLECTION_ID, max_length=255)
        ] = None,
    ) -> models.SimilarityTable:
        """What similarities mean: their distance, and how often different people are as similar (FMR)."""
        if collection is None:
            rows = similarity_table(service.scale)
            pack, note = service.pack.pack_id, _NO_COLLECTION
        else:
            found = service.collections.collection(collection)
            strangers = comparisons_of_users(service.collections, collection)
            rows = similarity_table(found.scale, strangers)
            pack, note = found.pack_id, _COUNTED if len(strangers) else _NO_USERS
        return models.SimilarityTable(
            collection=collection,
            pack=pack,
            note=_NO_PROBABILITY + note,
            rows=[models.SimilarityRow.of(row) for row in rows],
        )

    return routes
