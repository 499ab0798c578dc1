"""What a similarity means: its distance, and how often different people are as near."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesort.core.calibration.rates import Rate, Trials
from facesort.core.collections.protocol import FaceCollections
from facesort.core.collections.similarity import SimilarityScale
from facesort.core.persons.matching import centroid_distances
from facesort.core.records import Embeddings

_SIMILARITIES = (100, 99.5, 99, 98, 95, 90, 85, 80, 75, 70, 60, 50, 25, 0)
_MOST_USERS, _FACES_OF_EACH = 100, 3  # some 45,000 comparisons, in well under a second


@dataclass(frozen=True, slots=True)
class TableRow:
    """One similarity.

    Parameters
    ----------
    distance : float
        The largest that has at least this similarity.
    fmr : Rate or None
        Share of comparisons of two faces of different people that are as near; None: not known.
    """

    similarity: float
    distance: float
    fmr: Rate | None


def similarity_table(scale: SimilarityScale, strangers: Trials | None = None) -> list[TableRow]:
    """Tell what similarities mean, the highest first.

    Parameters
    ----------
    strangers : Trials or None
        Comparisons of different people, to count with.
    """
    distances = [scale.distance(similarity) for similarity in _SIMILARITIES]
    counted: Sequence[Rate | None] = [None] * len(distances)
    if strangers is not None and len(strangers):
        counted = strangers.rates(distances)
    rows = zip(_SIMILARITIES, distances, counted, strict=True)
    return [TableRow(similarity, distance, rate) for similarity, distance, rate in rows]


def comparisons_of_users(collections: FaceCollections, collection_id: str) -> Trials:
    """Each pair of faces of two users of a collection; an error is within the threshold (FMR).

    Calibration compares a face with a person; this compares faces, as a search does.  At most 3 faces are taken of each
    of the first 100 users.

    Raises
    ------
    MissingItemError, CollectionError
        If the collection cannot be read.
    """
    users = collections.users(collection_id, limit=_MOST_USERS)
    of_each = [
        collections.faces(collection_id, user_id=user.user_id, limit=_FACES_OF_EACH)
        for user in users
        if user.faces
    ]
    ids = [face.face_id for faces in of_each for face in faces]
    owners = np.array([user for user, faces in enumerate(of_each) for _ in faces], np.int64)
    return _pairs(collections.embeddings(collection_id, ids), owners)


def _pairs(embeddings: Embeddings, owners: NDArray[np.int64]) -> Trials:
    first, second = np.triu_indices(len(owners), k=1)
    different = owners[first] != owners[second]
    first, second = first[different], second[different]
    distances = centroid_distances(embeddings, embeddings)[first, second] if len(first) else []
    return Trials(
        "comparisons of different users",
        np.asarray(distances, np.float32),
        owners[first],
        owners[second],
        int(owners.max(initial=-1)) + 1,
        np.ones(len(first)),
        every_pair=True,
    )
