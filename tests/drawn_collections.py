"""Faces of a collection that nobody has: the same for the same number, in every process."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from uuid import UUID

import numpy as np

from facesort.core.collections.records import Collection, IndexedFace, NewFaces
from facesort.core.records import Embeddings

PACK, DIM = "drawn", 32


def collection(collection_id: str, dim: int = DIM) -> Collection:
    return Collection(collection_id, datetime(2026, 11, 28, 3, 4, 5, 678901), PACK, dim, 0.8, 1.0)


@cache
def drawn(key: int, dim: int = DIM) -> Embeddings:
    """An embedding, shape (dim,)."""
    row = np.random.default_rng([key & 0xFFFFFFFF, dim]).standard_normal(dim)
    return (row / np.linalg.norm(row)).astype(np.float32)


@cache
def face(key: int) -> IndexedFace:
    """A face that belongs to nobody; ids are not in the order of the numbers."""
    chance = np.random.default_rng([key, 1])
    left, top, width, height = (round(x, 6) for x in chance.random(4).tolist())
    return IndexedFace(
        str(UUID(bytes=chance.bytes(16), version=4)),
        str(UUID(bytes=chance.bytes(16), version=4)),
        f"photo-{key}.jpg" if key % 3 else None,
        (left, top, width, height),
        99.5,
        PACK,
    )


def new_faces(keys: Iterable[int], dim: int = DIM) -> NewFaces:
    keys = list(keys)
    rows = [drawn(key, dim) for key in keys]
    return NewFaces(
        tuple(face(key) for key in keys), np.array(rows, np.float32).reshape(len(keys), dim)
    )
