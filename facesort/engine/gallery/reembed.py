"""Embed the references again with another model pack."""

from __future__ import annotations

import numpy as np

from facesort.clock import Clock, utc_now
from facesort.engine.gallery.action import undoable
from facesort.faces.analysis import find_faces
from facesort.faces.protocol import FaceEngine
from facesort.images import decode_jpeg
from facesort.pixels import Pyramid
from facesort.store.gallery import people
from facesort.store.queries.gallery import reference_crops
from facesort.workspace import Workspace


def reembed(
    workspace: Workspace, engine: FaceEngine, *, clock: Clock = utc_now
) -> list[tuple[str, str]]:
    """Embed all stored reference crops again with another pack, all or none.

    Parameters
    ----------
    engine : FaceEngine
        Of the new pack.

    Returns
    -------
    list of (person, file name)
        References in which the new pack finds no face; nothing was changed if there are any.
    """
    summary = f"all references were embedded with {engine.pack.name}"
    with undoable(workspace, "reembed", summary, clock) as store:
        crops = reference_crops(store)
        found = [(item, _own_face(engine, decode_jpeg(item[3]))) for item in crops]
        lost = [(item[1], item[2]) for item, embedding in found if embedding is None]
        for item, embedding in found:
            if not lost and embedding is not None:
                people.replace_embedding(store, item[0], embedding, engine.pack.pack_id)
    return lost


def _own_face(engine: FaceEngine, pixels: np.ndarray) -> np.ndarray | None:
    """Embedding of the face that a crop was made for, found as in a photo: the crop may lie on its side.

    It is the largest around the middle of the crop, into which other faces of a group photo may reach.
    """
    faces = find_faces(engine, Pyramid(pixels), scale=1.0, crop=lambda *_: b"")
    middle = np.array([pixels.shape[1], pixels.shape[0]]) / 2
    own = [
        face for face in faces if (face.box[:2] <= middle).all() and (middle <= face.box[2:]).all()
    ]
    largest = max(
        own or faces, key=lambda face: float((face.box[2:] - face.box[:2]).prod()), default=None
    )
    return None if largest is None else largest.embedding
